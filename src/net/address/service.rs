//! Service names and their ports.

/// Services that are known even without `/etc/services`, as in a minimal container.
const WELL_KNOWN: [(&str, u16); 16] = [
    ("echo", 7),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("http", 80),
    ("finger", 79),
    ("pop3", 110),
    ("ntp", 123),
    ("imap", 143),
    ("https", 443),
    ("submission", 587),
    ("imaps", 993),
    ("pop3s", 995),
    ("postgresql", 5432),
];

/// Returns the port of the service called `name`.
pub(super) fn port(name: &str) -> Option<u16> {
    // RFC 6335 section 5.1 requires a letter. Without this check, the C library reads "+80" as 80.
    if !name.is_ascii() || !name.bytes().any(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    dns_lookup::getaddrinfo(None, Some(name), None)
        .ok()
        .and_then(|mut found| found.next()?.ok())
        .map(|info| info.sockaddr.port())
        .or_else(|| WELL_KNOWN.iter().find(|known| known.0 == name).map(|known| known.1))
}
