//! This machine's resolver settings: `/etc/resolv.conf` and `/etc/hosts`.

use std::collections::HashMap;
use std::env;
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::str::SplitWhitespace;
use std::time::Duration;

use resolv_conf::ScopedIp;

use crate::net::address::interface;

/// The port of the DNS (RFC 1035 section 4.2).
pub const DNS_PORT: u16 = 53;

/// The settings in `/etc/resolv.conf` and in the environment, read by the rules of the C library
/// (resolv.conf(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The servers to query, in order: at most three; this machine if none is listed.
    pub servers: Vec<SocketAddr>,
    /// The domains in which short names are searched.
    pub search: Vec<String>,
    /// Names with at least this many dots are looked up as they are before they are searched.
    pub ndots: u32,
    /// Whether to query over TCP from the start (`use-vc`).
    pub over_tcp: bool,
    /// How often to send a query (`attempts`).
    pub tries: u32,
    /// How long to wait for the reply to a query (`timeout`).
    pub timeout: Duration,
    /// Whether to begin with any of the servers (`rotate`).
    pub rotate: bool,
    /// Whether a name without a dot is only searched (`no-tld-query`).
    pub no_tld_query: bool,
}

/// What changes the settings of one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Environment {
    /// `RES_OPTIONS`: options that take precedence over those of the file.
    options: Option<String>,
    /// `LOCALDOMAIN`: the search list, instead of that of the file.
    search: Option<String>,
    /// The host name, whose domain is searched if no list is set.
    host_name: String,
}

/// Returns the settings of this process. As in the C library, a file that is missing or unreadable
/// counts as empty.
pub fn settings() -> Settings {
    let text = |name| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let host_name = hostname::get().unwrap_or_default().to_string_lossy().into_owned();
    let environment =
        Environment { options: text("RES_OPTIONS"), search: text("LOCALDOMAIN"), host_name };
    parse_settings(&fs::read("/etc/resolv.conf").unwrap_or_default(), &environment)
}

/// Returns the servers that a file in the format of resolv.conf(5) lists; at most three.
pub(super) fn listed_servers(text: &[u8]) -> Vec<SocketAddr> {
    servers_of(&parse_config(text))
}

/// Returns whether `/etc/resolv.conf` lists a server.
pub fn lists_servers() -> bool {
    !listed_servers(&fs::read("/etc/resolv.conf").unwrap_or_default()).is_empty()
}

/// A source of answers on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalSource {
    /// `/etc/hosts`.
    HostsFile,
    /// The rule that localhost names are the loopback addresses.
    LocalhostRule,
    /// The system's resolver, which programs use.
    SystemResolver,
}

impl fmt::Display for LocalSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostsFile => write!(f, "file://{HOSTS_FILE}"),
            Self::LocalhostRule => f.write_str("builtin:localhost"),
            Self::SystemResolver => f.write_str("system:getaddrinfo"),
        }
    }
}

/// The file that maps names to addresses, before any server is queried.
pub const HOSTS_FILE: &str = "/etc/hosts";

/// The entries of `/etc/hosts`, which the system resolver returns to programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostsFile {
    /// The addresses of each name, in lower case.
    addrs: HashMap<String, Vec<IpAddr>>,
    /// The first name of each address.
    names: HashMap<IpAddr, String>,
}

impl HostsFile {
    /// Reads the file. One that is missing or unreadable has no entries.
    pub fn read() -> Self {
        Self::parse(&String::from_utf8_lossy(&fs::read(HOSTS_FILE).unwrap_or_default()))
    }

    fn parse(text: &str) -> Self {
        let mut hosts = Self::default();
        for (ip, fields) in hosts_lines(text) {
            for name in fields {
                hosts.names.entry(ip).or_insert_with(|| name.to_owned());
                let addrs = hosts.addrs.entry(name.to_ascii_lowercase()).or_default();
                if !addrs.contains(&ip) {
                    addrs.push(ip);
                }
            }
        }
        hosts
    }

    /// Returns the addresses of `name`, which the C library compares as it is written, without
    /// regard to case, and an international name in its ASCII form. A final dot counts.
    pub fn addrs_of(&self, name: &str) -> &[IpAddr] {
        let ascii = if name.is_ascii() {
            Some(name.to_ascii_lowercase())
        } else {
            idna::domain_to_ascii(name).ok()
        };
        ascii.and_then(|name| self.addrs.get(&name)).map_or(&[], Vec::as_slice)
    }

    /// Returns the first name of `ip`.
    pub fn name_of(&self, ip: IpAddr) -> Option<&str> {
        self.names.get(&ip).map(String::as_str)
    }
}

/// Returns how many lines of `/etc/hosts` give names to an address.
pub fn hosts_count() -> usize {
    let text = fs::read(HOSTS_FILE).unwrap_or_default();
    hosts_lines(&String::from_utf8_lossy(&text)).count()
}

/// `MAXNS` of `<resolv.h>`.
const MAX_SERVERS: usize = 3;

/// `RES_MAXNDOTS` of glibc's `<resolv/resolv-internal.h>`.
const MAX_NDOTS: u32 = 15;

/// `RES_MAXRETRY` of glibc's `<resolv/resolv-internal.h>`.
const MAX_ATTEMPTS: u32 = 5;

/// `RES_MAXRETRANS` of glibc's `<resolv/resolv-internal.h>`, in seconds.
const MAX_TIMEOUT: u32 = 30;

fn parse_settings(text: &[u8], environment: &Environment) -> Settings {
    let mut text = text.to_vec();
    if let Some(options) = &environment.options {
        // On one line: the variable has options only.
        let words: Vec<&str> = options.split_whitespace().collect();
        text.extend(format!("\noptions {}\n", words.join(" ")).into_bytes());
    }
    let config = parse_config(&text);
    let mut servers = servers_of(&config);
    if servers.is_empty() {
        servers.push((Ipv4Addr::LOCALHOST, DNS_PORT).into());
    }
    Settings {
        servers,
        search: search_list(&config, environment),
        ndots: config.ndots.min(MAX_NDOTS),
        over_tcp: config.use_vc,
        tries: config.attempts.clamp(1, MAX_ATTEMPTS),
        timeout: Duration::from_secs(config.timeout.clamp(1, MAX_TIMEOUT).into()),
        rotate: config.rotate,
        no_tld_query: config.no_tld_query,
    }
}

/// Returns the domains of `LOCALDOMAIN`, else those of the file, else the domain of the host name.
fn search_list(config: &resolv_conf::Config, environment: &Environment) -> Vec<String> {
    if let Some(search) = &environment.search {
        return search.split_whitespace().map(str::to_owned).collect();
    }
    if config.get_search().is_some() || config.get_domain().is_some() {
        return config.get_last_search_or_domain().map(ToString::to_string).collect();
    }
    let domain = environment.host_name.split_once('.').map(|(_, domain)| domain.to_owned());
    domain.into_iter().filter(|domain| !domain.is_empty()).collect()
}

/// Returns the settings of a file. What is invalid is ignored, also one word of a line. As in the C
/// library, a line that begins with white space is ignored, and an `ndots` without a number is 0.
fn parse_config(text: &[u8]) -> resolv_conf::Config {
    let text = String::from_utf8_lossy(text);
    let lines = text.split('\n').filter(|line| !line.starts_with([' ', '\t']));
    let lines: Vec<String> = lines.map(with_numeric_ndots).collect();
    resolv_conf::Config::parse_with_errors(lines.join("\n").as_bytes()).0
}

/// Returns a line in which an `ndots` without a number is 0.
fn with_numeric_ndots(line: &str) -> String {
    if !line.starts_with("options") {
        return line.to_owned();
    }
    let word = |word: &str| match word.strip_prefix("ndots:") {
        Some(value) if value.parse::<u32>().is_err() => "ndots:0".to_owned(),
        _ => word.to_owned(),
    };
    line.split_whitespace().map(word).collect::<Vec<String>>().join(" ")
}

fn servers_of(config: &resolv_conf::Config) -> Vec<SocketAddr> {
    config.nameservers.iter().filter_map(server).take(MAX_SERVERS).collect()
}

fn server(ip: &ScopedIp) -> Option<SocketAddr> {
    match ip {
        ScopedIp::V4(ip) => Some((*ip, DNS_PORT).into()),
        ScopedIp::V6(ip, None) => Some((*ip, DNS_PORT).into()),
        ScopedIp::V6(ip, Some(zone)) => {
            Some(SocketAddrV6::new(*ip, DNS_PORT, 0, interface::index(zone)?).into())
        }
    }
}

/// Returns the address and the names of each valid line of `/etc/hosts`.
fn hosts_lines(text: &str) -> impl Iterator<Item = (IpAddr, SplitWhitespace<'_>)> {
    text.lines().filter_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let mut fields = line.split_whitespace();
        Some((fields.next()?.parse().ok()?, fields))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_follow_the_c_librarys_rules() {
        let parse_settings = |text: &[u8]| parse_settings(text, &Environment::default());
        let none = parse_settings(b"");
        assert_eq!(none.servers, ["127.0.0.1:53".parse().unwrap()]);
        let text = b"# c\nnonsense here\nnameserver 192.0.2.1\nnameserver 2001:db8::1\n\
            nameserver bad\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n\
            domain old.example\nsearch a.example b.example\noptions ndots:15 rotate use-vc\n";
        let settings = parse_settings(text);
        let expected: Vec<SocketAddr> = ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.2:53"]
            .iter()
            .map(|server| server.parse().unwrap())
            .collect();
        assert_eq!(settings.servers, expected);
        assert_eq!(settings.search, ["a.example", "b.example"]);
        let zoned = parse_settings(b"nameserver fe80::1%lo\nnameserver fe80::2%none\n").servers;
        assert_eq!(zoned, [SocketAddrV6::new("fe80::1".parse().unwrap(), 53, 0, 1).into()]);
        assert_eq!((settings.ndots, settings.over_tcp, settings.tries), (15, true, 2));
        assert_eq!((none.ndots, none.over_tcp, none.tries), (1, false, 2));
        let most = parse_settings(b"options ndots:99 attempts:0\noptions timeout:99 attempts:70\n");
        assert_eq!((most.ndots, most.tries, most.timeout.as_secs()), (15, 5, 30));
        // An unknown option does not make the other options of its line invalid.
        let some = parse_settings(b"options new-option timeout:3 ndots:x attempts:1 rotate\n");
        assert_eq!((some.ndots, some.tries, some.timeout.as_secs()), (0, 1, 3));
        assert!(some.rotate && !none.rotate);
        let indented = b" nameserver 192.0.2.1\n\toptions ndots:3\noptions\tndots:2\n";
        let indented = parse_settings(indented);
        assert_eq!((&indented.servers, indented.ndots), (&none.servers, 2));
        assert!(parse_settings(b"options no-tld-query\n").no_tld_query && !none.no_tld_query);
    }

    #[test]
    fn the_environment_replaces_the_search_list_and_amends_the_options() {
        let text = b"domain old.example\nsearch a.example b.example\noptions ndots:3 attempts:3";
        let with = |options: Option<&str>, search: Option<&str>| {
            let (options, search) = (options.map(str::to_owned), search.map(str::to_owned));
            let host_name = "host.c.example".to_owned();
            parse_settings(text, &Environment { options, search, host_name })
        };
        let settings = with(Some("ndots:2 use-vc\nnameserver 192.0.2.1"), Some("x.example y"));
        assert_eq!(settings.search, ["x.example", "y"]);
        assert_eq!((settings.ndots, settings.over_tcp, settings.tries), (2, true, 3));
        assert_eq!(settings.servers, ["127.0.0.1:53".parse().unwrap()]);
        assert_eq!(with(None, Some("")).search, [""; 0]);
        assert_eq!(with(None, None).search, ["a.example", "b.example"]);
    }

    #[test]
    fn without_a_search_list_the_domain_of_the_host_name_is_searched() {
        let list = |text: &[u8], host_name: &str| {
            let environment =
                Environment { host_name: host_name.to_owned(), ..Environment::default() };
            parse_settings(text, &environment).search
        };
        assert_eq!(list(b"", "host.c.example"), ["c.example"]);
        assert_eq!(list(b"", "host"), [""; 0]);
        assert_eq!(list(b"", "host."), [""; 0]);
        assert_eq!(list(b"search .\n", "host.c.example"), ["."]);
    }

    #[test]
    fn hosts_entries_match_names_ignoring_case() {
        let text = "127.0.0.1 localhost # www.example\n192.0.2.7\twww WWW.Example\nbad line\n::7 www.example\n";
        let expected: Vec<IpAddr> = vec!["192.0.2.7".parse().unwrap(), "::7".parse().unwrap()];
        let hosts = HostsFile::parse(text);
        assert_eq!(hosts.addrs_of("www.EXAMPLE"), expected);
        assert!(hosts.addrs_of("other.example").is_empty());
        assert_eq!(hosts.name_of(expected[0]), Some("www"));
        assert_eq!(hosts.name_of("192.0.2.8".parse().unwrap()), None);
    }

    #[test]
    fn a_final_dot_is_compared_and_an_international_name_only_in_ascii() {
        let text = "192.0.2.1 plain\n192.0.2.2 dotted.\n192.0.2.3 XN--bcher-kva.example\n\
            192.0.2.4 bücher.example zürich.example\n";
        let hosts = HostsFile::parse(text);
        let found = |name: &str| {
            let addrs = hosts.addrs_of(name);
            addrs.iter().map(ToString::to_string).collect::<Vec<String>>()
        };
        assert_eq!(found("plain"), ["192.0.2.1"]);
        assert_eq!(found("Dotted."), ["192.0.2.2"]);
        assert_eq!(found("xn--bcher-kva.example"), ["192.0.2.3"]);
        assert_eq!(found("BÜCHER.example"), ["192.0.2.3"]);
        for other in ["plain.", "dotted", "zürich.example", "bücher.example."] {
            assert_eq!(found(other), [""; 0], "{other}");
        }
    }
}
