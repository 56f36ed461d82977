//! The names of ports: those of this machine's services file, or well-known ones.

use std::collections::HashMap;

use crate::net::address::service::{self, ServiceEntry, WELL_KNOWN};

/// The names of the ports of each transport protocol, read once.
#[derive(Debug)]
pub struct PortNames(HashMap<(u16, bool), String>);

impl PortNames {
    /// Reads the services of this machine; without a list, only well-known ports have a name.
    pub fn load() -> Self {
        Self::of(service::services())
    }

    fn of(services: Vec<ServiceEntry>) -> Self {
        let mut names = HashMap::new();
        for ServiceEntry { name, port, protocol, .. } in services {
            if matches!(protocol.as_str(), "tcp" | "udp") {
                names.entry((port, protocol == "udp")).or_insert(name);
            }
        }
        for (name, port) in WELL_KNOWN {
            for is_udp in [false, true] {
                names.entry((port, is_udp)).or_insert_with(|| name.to_owned());
            }
        }
        Self(names)
    }

    /// Returns the name of a TCP or UDP port.
    pub fn name(&self, port: u16, is_udp: bool) -> Option<&str> {
        self.0.get(&(port, is_udp)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_port_counts_and_a_well_known_port_always_has_one() {
        let entry = |name: &str| ServiceEntry {
            name: name.to_owned(),
            port: 80,
            protocol: "tcp".to_owned(),
            aliases: Vec::new(),
        };
        let names = PortNames::of(vec![entry("web"), entry("other")]);
        assert_eq!(names.name(80, false), Some("web"));
        assert_eq!(names.name(80, true), Some("http"));
        assert_eq!(names.name(22, false), Some("ssh"));
        assert_eq!(names.name(65_000, false), None);
    }
}
