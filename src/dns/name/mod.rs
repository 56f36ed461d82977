//! Domain names: parsing and display.
//!
//! Neither uses hickory, which reads and prints escapes in octal where RFC 1035 section 5.1 has
//! decimal, rejects names that exist, and shows `xn--` labels as letters that can be deceptive.

pub mod international;
pub mod query_name;

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr};

use hickory_resolver::proto::rr::Name;

/// Why a text is not a domain name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// The text is empty or white space.
    #[error("a name cannot be empty")]
    Empty,
    /// A dot at the beginning, or two consecutive dots.
    #[error("{0:?} has an empty label")]
    EmptyLabel(String),
    /// A label is too long (RFC 1035 section 2.3.4).
    #[error("the label {label:?} has {length} octets; the maximum is 63")]
    LabelTooLong {
        /// The label, as it would be sent.
        label: String,
        /// Its length in octets.
        length: usize,
    },
    /// The name is too long in text form (RFC 1035 section 2.3.4 allows 255 octets on the wire).
    #[error("the name has {0} octets; the maximum is 253")]
    TooLong(usize),
    /// The text is a URL, an endpoint or a mail address.
    #[error("{text:?} is not a domain name{}", suggestion(.meant.as_deref()))]
    NotAName {
        /// The text that the user gave.
        text: String,
        /// The name in it, if there is one.
        meant: Option<String>,
    },
    /// White space or a control character.
    #[error("{0:?} contains white space or a control character")]
    Unprintable(String),
    /// A backslash that is not followed by a character or three digits up to 255.
    #[error("{0:?} has an invalid escape: write one as \\. or \\046")]
    Escape(String),
    /// Characters that IDNA does not allow.
    #[error("{0:?} has characters that are not allowed in a domain name")]
    Letters(String),
}

/// Parses a name as a user writes it: with or without the final dot, in any script, with the
/// escapes of RFC 1035 section 5.1.
///
/// Underscores, leading hyphens, `*` and invalid `xn--` labels are accepted, because names in the
/// DNS can have them.
///
/// # Errors
/// The text is not a domain name; the error has the reason.
pub fn parse(text: &str) -> Result<Name, InvalidName> {
    if text.trim().is_empty() {
        return Err(InvalidName::Empty);
    }
    if text == "." {
        return Ok(Name::root());
    }
    if has_bare_space(text) {
        return Err(InvalidName::Unprintable(text.to_owned()));
    }
    if looks_like_an_address(text) {
        return Err(InvalidName::NotAName { text: text.to_owned(), meant: host_inside(text) });
    }
    let labels = if text.is_ascii() {
        split(text, text)?
    } else {
        let ascii = idna::domain_to_ascii(text);
        let ascii = ascii.map_err(|_| InvalidName::Letters(text.to_owned()))?;
        split(&ascii, text)?
    };
    let length = labels.iter().map(|label| label.len() + 1).sum::<usize>() - 1;
    if length > MAX_DNS_NAME {
        return Err(InvalidName::TooLong(length));
    }
    // This cannot fail: the labels are within all limits that the codec checks.
    Name::from_labels(labels).map_err(|_| InvalidName::TooLong(length))
}

/// Returns the reverse name of `ip`, which has its PTR record (RFC 1035 section 3.5, RFC 3596
/// section 2.5). An IPv4-mapped IPv6 address has the reverse name of the IPv4 address.
pub fn reverse(ip: IpAddr) -> Name {
    let (labels, tree): (Vec<String>, _) = match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let octets = ip.octets().into_iter().rev();
            (octets.map(|octet| octet.to_string()).collect(), IN_ADDR)
        }
        IpAddr::V6(ip) => {
            let octets = ip.octets().into_iter().rev();
            let nibbles = octets.flat_map(|octet| [octet & 0xf, octet >> 4]);
            (nibbles.map(|nibble| format!("{nibble:x}")).collect(), IP6)
        }
    };
    let labels = labels.iter().map(String::as_bytes);
    // This cannot fail: at most 34 labels of at most 7 octets are within the limits.
    Name::from_labels(labels.chain([tree, ARPA])).unwrap_or_default()
}

/// Returns whether `name` is in `in-addr.arpa` or `ip6.arpa`.
pub fn is_reverse(name: &Name) -> bool {
    let mut labels = name.iter().rev();
    let mut ends_with =
        |label: &[u8]| labels.next().is_some_and(|own| own.eq_ignore_ascii_case(label));
    ends_with(ARPA) && {
        let tree = labels.next();
        tree.is_some_and(|own| own.eq_ignore_ascii_case(IN_ADDR) || own.eq_ignore_ascii_case(IP6))
    }
}

/// Returns `name` in zone file format (RFC 1035 section 5.1): one line of printable ASCII with a
/// final dot, which [`parse`] accepts.
pub fn show(name: &Name) -> String {
    if name.is_root() {
        return ".".to_owned();
    }
    let mut shown = String::with_capacity(name.len() + 1);
    for label in name {
        for (at, byte) in label.iter().enumerate() {
            // In a file of names, a line that begins with `#` is a comment.
            let is_comment = *byte == b'#' && shown.is_empty();
            // Only a colon that would look like the end of a URL's scheme.
            let is_scheme = label[at..].starts_with(SCHEME_END);
            let is_special = *byte == b' ' || SPECIAL.contains(byte) || is_scheme || is_comment;
            push_octet(&mut shown, *byte, |_| is_special);
        }
        shown.push('.');
    }
    shown
}

/// Returns `name` without its final dot, for use in a sentence.
pub fn bare(name: &Name) -> String {
    let shown = show(name);
    match shown.strip_suffix('.') {
        Some("") | None => shown,
        Some(bare) => bare.to_owned(),
    }
}

/// Returns the name of a zone for use in a sentence.
pub fn zone_in_words(zone: &Name) -> String {
    if zone.is_root() { "the root zone".to_owned() } else { bare(zone) }
}

/// Appends an octet of a label or a character-string: unchanged, after a backslash if it is
/// `special`, or as a backslash and three decimal digits.
pub(super) fn push_octet(out: &mut String, byte: u8, special: impl Fn(u8) -> bool) {
    match byte {
        b' '..=b'~' if !(special(byte) && matches!(byte, b' ' | b'#')) => {
            if special(byte) {
                out.push('\\');
            }
            out.push(char::from(byte));
        }
        // Writing to a String cannot fail.
        _ => write!(out, "\\{byte:03}").unwrap_or_default(),
    }
}

fn suggestion(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!(": did you mean {meant}?"))
}

/// What follows the scheme of a URL.
const SCHEME_END: &[u8] = b"://";

/// The characters with a special meaning in zone files.
const SPECIAL: &[u8] = b".\\\"();@$";

/// Maximum length of a name in text form, in octets (RFC 1035 section 2.3.4: 255 on the wire, of
/// which the first length octet and the root label take two).
const MAX_DNS_NAME: usize = 253;

/// Maximum length of a label, in octets (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;

const ARPA: &[u8] = b"arpa";
const IN_ADDR: &[u8] = b"in-addr";
const IP6: &[u8] = b"ip6";

/// Splits `text` into labels and decodes the escapes; errors quote `given`.
fn split(text: &str, given: &str) -> Result<Vec<Vec<u8>>, InvalidName> {
    let mut labels = Vec::new();
    let mut label = Vec::new();
    let mut bytes = text.bytes();
    let mut ended = false;
    while let Some(byte) = bytes.next() {
        ended = byte == b'.';
        match byte {
            b'.' if label.is_empty() => return Err(InvalidName::EmptyLabel(given.to_owned())),
            b'.' => labels.push(std::mem::take(&mut label)),
            b'\\' => {
                let octet = unescape(&mut bytes);
                label.push(octet.ok_or_else(|| InvalidName::Escape(given.to_owned()))?);
            }
            byte => label.push(byte),
        }
    }
    if !ended {
        labels.push(label);
    }
    match labels.iter().find(|label| label.len() > MAX_LABEL) {
        Some(label) => Err(InvalidName::LabelTooLong {
            label: String::from_utf8_lossy(label).into_owned(),
            length: label.len(),
        }),
        None => Ok(labels),
    }
}

/// Decodes what follows a backslash: three decimal digits, or a character that stands for itself.
fn unescape(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let first = bytes.next()?;
    let Some(hundreds) = digit(first) else {
        return Some(first);
    };
    let (tens, ones) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
    u8::try_from(hundreds * 100 + tens * 10 + ones).ok()
}

/// Returns whether `text` has white space or a control character that no backslash precedes.
fn has_bare_space(text: &str) -> bool {
    let mut escaped = false;
    text.chars().any(|c| {
        let is_bare = !escaped && (c.is_whitespace() || c.is_control());
        escaped = c == '\\' && !escaped;
        is_bare
    })
}

/// Returns whether `text` looks like a URL, an endpoint or a mail address.
///
/// A text with a final dot is a name, as in answers, unless it has the scheme of a URL. A slash is
/// allowed in delegated parts of `in-addr.arpa` (RFC 2317), and `#` at the beginning.
fn looks_like_an_address(text: &str) -> bool {
    let unescaped =
        |mark: &str| text.match_indices(mark).any(|(at, _)| at == 0 || !text[..at].ends_with('\\'));
    if text.ends_with('.') {
        return unescaped("://");
    }
    let last = text.rsplit('.').next().unwrap_or(text);
    let in_the_middle = text.strip_prefix('#').unwrap_or(text).contains('#');
    [":", "@", "[", "?"].into_iter().any(unescaped)
        || (in_the_middle && unescaped("#"))
        || (unescaped("/") && !last.eq_ignore_ascii_case("arpa"))
}

/// Returns the host in a URL, an endpoint or a mail address, if it can be looked up.
fn host_inside(text: &str) -> Option<String> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let host = match rest.strip_prefix('[') {
        Some(inside) => inside.split(']').next().unwrap_or(inside),
        None if rest.parse::<Ipv6Addr>().is_ok() => rest,
        None => rest.split_once(':').map_or(rest, |(host, _)| host),
    };
    let is_valid = host.parse::<IpAddr>().is_ok() || (host != text && parse(host).is_ok());
    let is_unambiguous = rest.starts_with('[') || rest.matches(':').count() < 2;
    (is_valid && (is_unambiguous || host == rest)).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_in_use_are_accepted_and_shown_in_zone_file_format() {
        for (text, shown) in [
            ("www.ita.br", "www.ita.br."),
            ("www.ita.br.", "www.ita.br."),
            (".", "."),
            ("br", "br."),
            ("_sip._tcp.ita.br", "_sip._tcp.ita.br."),
            ("-a.example", "-a.example."),
            ("*.ita.br", "*.ita.br."),
            ("xn--aa.com", "xn--aa.com."),
            ("0/25.2.0.192.in-addr.arpa", "0/25.2.0.192.in-addr.arpa."),
            ("bücher.example", "xn--bcher-kva.example."),
            ("BÜCHER.example.", "xn--bcher-kva.example."),
            ("faß.de", "xn--fa-hia.de."),
            ("a。b.example", "a.b.example."),
            ("ｗｗｗ.example", "www.example."),
            (r"a\.b.example", r"a\.b.example."),
            (r"a\032b.example", r"a\032b.example."),
            (r"\065.example", "A.example."),
            (r"\255\000.example", r"\255\000.example."),
            (r"a\ b.example", r"a\032b.example."),
            ("#a.#b.example.", r"\035a.#b.example."),
            ("<a>.example", "<a>.example."),
            ("a:80.example.", "a:80.example."),
            ("u/x?#.example.", "u/x?#.example."),
            (r"http\://a.example.", r"http\://a.example."),
        ] {
            assert_eq!(parse(text).map(|name| show(&name)).as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn an_invalid_name_is_rejected_with_its_reason() {
        let empty_label = |text: &str| Err(InvalidName::EmptyLabel(text.into()));
        assert_eq!(parse(""), Err(InvalidName::Empty));
        assert_eq!(parse("  "), Err(InvalidName::Empty));
        for text in ["a..b", ".a", "..", "ü..b"] {
            assert_eq!(parse(text), empty_label(text), "{text}");
        }
        assert!(parse("_ü.example").is_ok(), "underscores are legal in any script");
        for text in ["a b", "a\u{1b}[2J", "a\u{3000}b", "a\u{9b}b"] {
            assert_eq!(parse(text), Err(InvalidName::Unprintable(text.into())));
        }
        for text in ["a\\", "a\\25", "a\\256.b", "a\\2x5"] {
            assert_eq!(parse(text), Err(InvalidName::Escape(text.into())));
        }
    }

    #[test]
    fn the_limits_are_63_octets_a_label_and_253_a_name() {
        let label = |length: usize| "a".repeat(length);
        assert!(parse(&format!("{}.example", label(63))).is_ok());
        let too_long = parse(&format!("{}.example", label(64)));
        assert!(matches!(too_long, Err(InvalidName::LabelTooLong { length: 64, .. })));
        let three = [label(63), label(63), label(63)].join(".");
        assert!(parse(&format!("{three}.{}", label(61))).is_ok());
        assert!(parse(&format!("{three}.{}.", label(61))).is_ok());
        let long = parse(&format!("{three}.{}", label(62)));
        assert_eq!(long, Err(InvalidName::TooLong(254)));
    }

    #[test]
    fn the_name_inside_a_url_is_suggested() {
        for (text, meant) in [
            ("http://www.ita.br/x", Some("www.ita.br")),
            ("https://u:p@www.ita.br:8443/x?y", Some("www.ita.br")),
            ("www.ita.br:443", Some("www.ita.br")),
            ("user@ita.br", Some("ita.br")),
            ("www.ita.br/x", Some("www.ita.br")),
            ("127.0.0.1:53", Some("127.0.0.1")),
            ("192.0.2.0/24", Some("192.0.2.0")),
            ("[::1]:53", Some("::1")),
            ("http://www.ita.br.", Some("www.ita.br.")),
            ("www.ita.br#x", Some("www.ita.br")),
            ("http://", None),
            ("2001:db8::g", None),
            (":", None),
        ] {
            let meant = meant.map(str::to_owned);
            let text = text.to_owned();
            let expected = InvalidName::NotAName { text: text.clone(), meant };
            assert_eq!(parse(&text), Err(expected));
        }
    }

    #[test]
    fn addresses_are_converted_to_reverse_names() {
        for (ip, shown) in [
            ("192.0.2.10", "10.2.0.192.in-addr.arpa."),
            ("::ffff:192.0.2.10", "10.2.0.192.in-addr.arpa."),
            (
                "2001:db8::10",
                "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
            ),
        ] {
            let name = reverse(ip.parse().unwrap());
            assert_eq!(show(&name), shown);
            assert!(is_reverse(&name));
        }
        assert!(is_reverse(&parse("2.0.192.IN-ADDR.ARPA").unwrap()));
        assert!(!is_reverse(&parse("arpa").unwrap()));
        assert!(!is_reverse(&parse("in-addr.example").unwrap()));
    }

    proptest! {
        #[test]
        fn any_name_is_shown_in_printable_ascii_and_reads_back(
            labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..10)
        ) {
            let name = Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap();
            let shown = show(&name);
            prop_assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()));
            let back = parse(&shown).unwrap();
            prop_assert!(back.eq_case(&name), "{shown}");
        }

        #[test]
        fn parsing_never_panics(text in any::<String>()) {
            parse(&text).ok();
        }
    }
}
