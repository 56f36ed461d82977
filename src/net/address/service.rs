//! Service names and their ports.

use std::fs;

/// A service: a name for a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceEntry {
    /// The name.
    pub name: String,
    /// The port.
    pub port: u16,
    /// The transport protocol: `tcp`, `udp` or another one.
    pub protocol: String,
    /// Other names of the service.
    pub aliases: Vec<String>,
}

/// Services that are known even without `/etc/services`, as in a minimal container.
pub(super) const WELL_KNOWN: [(&str, u16); 16] = [
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

/// The file with the services of this machine (services(5)).
const SERVICES_FILE: &str = "/etc/services";

/// Returns the services of this machine in the order of their ports, or the built-in ones if it
/// lists none.
pub fn services() -> Vec<ServiceEntry> {
    let text = fs::read(SERVICES_FILE).unwrap_or_default();
    let mut entries = parse(&String::from_utf8_lossy(&text));
    if entries.is_empty() {
        let entry = |(name, port): &(&str, u16)| ServiceEntry {
            name: (*name).to_owned(),
            port: *port,
            protocol: "tcp".to_owned(),
            aliases: Vec::new(),
        };
        entries = WELL_KNOWN.iter().map(entry).collect();
    }
    entries.sort_by(|a, b| (a.port, &a.protocol).cmp(&(b.port, &b.protocol)));
    entries
}

fn parse(text: &str) -> Vec<ServiceEntry> {
    let entry = |line: &str| {
        let mut words = line.split('#').next()?.split_whitespace();
        let name = words.next()?.to_owned();
        let (port, protocol) = words.next()?.split_once('/')?;
        let (port, protocol) = (port.parse().ok()?, protocol.to_owned());
        Some(ServiceEntry { name, port, protocol, aliases: words.map(str::to_owned).collect() })
    };
    text.lines().filter_map(entry).collect()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_a_port_a_protocol_and_aliases() {
        let text = "# c\nsmtp\t25/tcp\tmail # m\nbad line\ndomain 53/udp\nx 70000/tcp\n";
        let entries = parse(text);
        let shown: Vec<String> = entries
            .iter()
            .map(|it| format!("{} {}/{} {}", it.name, it.port, it.protocol, it.aliases.join(",")))
            .collect();
        assert_eq!(shown, ["smtp 25/tcp mail", "domain 53/udp "]);
    }
}
