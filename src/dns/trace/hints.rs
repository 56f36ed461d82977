//! The servers of the root zone, where a trace begins.

use std::net::IpAddr;

use crate::dns::Name;
use crate::dns::name;

/// A server of a zone, with the addresses that are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneServer {
    /// The name.
    pub name: Name,
    /// The addresses; without any, the name must be looked up.
    pub ips: Vec<IpAddr>,
}

/// Returns the servers that IANA lists.
pub fn built_in() -> Vec<ZoneServer> {
    parse(ROOT_SERVERS)
}

/// Reads the address records of a hints file, as in IANA's `named.root`: on each line, a name comes
/// first and an address last.
pub fn parse(text: &str) -> Vec<ZoneServer> {
    let mut servers: Vec<ZoneServer> = Vec::new();
    for line in text.lines() {
        let line = line.split(';').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let (Some(first), Some(last)) = (words.next(), words.next_back()) else { continue };
        let (Ok(name), Ok(ip)) = (name::parse(first), last.parse::<IpAddr>()) else { continue };
        match servers.iter_mut().find(|server| server.name == name) {
            Some(server) => server.ips.push(ip),
            None => servers.push(ZoneServer { name, ips: vec![ip] }),
        }
    }
    servers
}

/// IANA's root hints, of 2024.
const ROOT_SERVERS: &str = "\
a.root-servers.net. A 198.41.0.4
a.root-servers.net. AAAA 2001:503:ba3e::2:30
b.root-servers.net. A 170.247.170.2
b.root-servers.net. AAAA 2801:1b8:10::b
c.root-servers.net. A 192.33.4.12
c.root-servers.net. AAAA 2001:500:2::c
d.root-servers.net. A 199.7.91.13
d.root-servers.net. AAAA 2001:500:2d::d
e.root-servers.net. A 192.203.230.10
e.root-servers.net. AAAA 2001:500:a8::e
f.root-servers.net. A 192.5.5.241
f.root-servers.net. AAAA 2001:500:2f::f
g.root-servers.net. A 192.112.36.4
g.root-servers.net. AAAA 2001:500:12::d0d
h.root-servers.net. A 198.97.190.53
h.root-servers.net. AAAA 2001:500:1::53
i.root-servers.net. A 192.36.148.17
i.root-servers.net. AAAA 2001:7fe::53
j.root-servers.net. A 192.58.128.30
j.root-servers.net. AAAA 2001:503:c27::2:30
k.root-servers.net. A 193.0.14.129
k.root-servers.net. AAAA 2001:7fd::1
l.root-servers.net. A 199.7.83.42
l.root-servers.net. AAAA 2001:500:9f::42
m.root-servers.net. A 202.12.27.33
m.root-servers.net. AAAA 2001:dc3::35
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_read_from_address_records_alone() {
        assert_eq!(built_in().len(), 13);
        assert!(built_in().iter().all(|server| server.ips.len() == 2));
        let text = "; comment\n.  3600000  NS  a.test.\nA.test. 3600000 IN A 127.0.0.2 ; x\n\
                    a.test. AAAA ::2\n\nb.test. A nonsense\n";
        let servers = parse(text);
        assert_eq!(servers.len(), 1);
        assert_eq!(servers[0].ips.len(), 2);
    }
}
