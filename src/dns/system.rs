//! This machine's resolver settings: `/etc/resolv.conf` and `/etc/hosts`.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::str::SplitWhitespace;

use resolv_conf::ScopedIp;

use crate::net::address::interface;

/// The port of the DNS (RFC 1035 section 4.2).
pub const DNS_PORT: u16 = 53;

/// The settings in `/etc/resolv.conf`, read by the rules of the C library (resolv.conf(5)).
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
}

/// Returns the settings of this machine. As in the C library, a file that is missing or unreadable
/// counts as empty.
pub fn settings() -> Settings {
    parse_settings(&fs::read("/etc/resolv.conf").unwrap_or_default())
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

/// Returns the addresses of `name` in `/etc/hosts`, which the system resolver returns to programs.
pub fn hosts_entries(name: &str) -> Vec<IpAddr> {
    parse_hosts(&String::from_utf8_lossy(&fs::read(HOSTS_FILE).unwrap_or_default()), name)
}

/// Returns the first name of each address in `/etc/hosts`, which the system resolver returns too.
pub fn hosts_names() -> HashMap<IpAddr, String> {
    let text = fs::read(HOSTS_FILE).unwrap_or_default();
    let mut names = HashMap::new();
    for (ip, mut fields) in hosts_lines(&String::from_utf8_lossy(&text)) {
        if let Some(name) = fields.next() {
            names.entry(ip).or_insert_with(|| name.to_owned());
        }
    }
    names
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

fn parse_settings(text: &[u8]) -> Settings {
    let config = parse_config(text);
    let mut servers = servers_of(&config);
    if servers.is_empty() {
        servers.push((Ipv4Addr::LOCALHOST, DNS_PORT).into());
    }
    let search = config.get_last_search_or_domain();
    Settings {
        servers,
        search: search.map(ToString::to_string).collect(),
        ndots: config.ndots.min(MAX_NDOTS),
        over_tcp: config.use_vc,
        tries: config.attempts.clamp(1, MAX_ATTEMPTS),
    }
}

fn parse_config(text: &[u8]) -> resolv_conf::Config {
    // An invalid line must not make the other lines invalid.
    let is_valid = |line: &&[u8]| resolv_conf::Config::parse(line).is_ok();
    let text: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(is_valid).collect();
    resolv_conf::Config::parse(text.join(&b'\n')).unwrap_or_default()
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

fn parse_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut found = Vec::new();
    for (ip, mut fields) in hosts_lines(text) {
        if fields.any(|field| field.eq_ignore_ascii_case(name)) && !found.contains(&ip) {
            found.push(ip);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_follow_the_c_librarys_rules() {
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
        let most = parse_settings(b"options ndots:99 attempts:0\noptions timeout:9 attempts:70\n");
        assert_eq!((most.ndots, most.tries), (15, 5));
    }

    #[test]
    fn hosts_entries_match_names_ignoring_case() {
        let text = "127.0.0.1 localhost # www.example\n192.0.2.7\twww WWW.Example\nbad line\n::7 www.example\n";
        let expected: Vec<IpAddr> = vec!["192.0.2.7".parse().unwrap(), "::7".parse().unwrap()];
        assert_eq!(parse_hosts(text, "www.example."), expected);
        assert!(parse_hosts(text, "other.example").is_empty());
    }
}
