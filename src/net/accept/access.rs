//! Who may connect: lists of networks that are allowed or denied.
//!
//! A denial always wins. With an allow list, whoever is not on it is denied. Unix peers are not
//! on any network: the socket's file permissions decide about them.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

use crate::net::address::addr::Addr;
use crate::net::address::host::Host;
use crate::net::address::names::{self, Family, NameError};
use crate::net::address::parse::ParseError;
use crate::net::deadline::Deadline;

/// A rule's subject, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessRule {
    /// `192.0.2.0/24`.
    Net(IpNet),
    /// An address, or a name that stands for some.
    Host(Host),
}

impl FromStr for AccessRule {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if !text.contains('/') {
            return text.parse().map(Self::Host);
        }
        match text.parse() {
            Ok(net) => Ok(Self::Net(net)),
            Err(_) => Err(ParseError::Network(text.to_owned())),
        }
    }
}

/// The two lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Who may; nobody listed means everybody.
    allow: Vec<IpNet>,
    /// Who may not.
    deny: Vec<IpNet>,
    /// Whether there is an allow list at all.
    is_closed: bool,
}

impl Access {
    /// Looks the names up, once, and returns the lists.
    ///
    /// # Errors
    /// The name that gives no address: a rule that silently matched nobody would be no rule.
    pub async fn resolve(
        allow: &[AccessRule],
        deny: &[AccessRule],
        deadline: Deadline,
    ) -> Result<Self, (String, NameError)> {
        Ok(Self {
            allow: networks(allow, deadline).await?,
            deny: networks(deny, deadline).await?,
            is_closed: !allow.is_empty(),
        })
    }

    /// Returns whether `peer` may connect.
    pub fn admits(&self, peer: &Addr) -> bool {
        let Some(ip) = peer.ip() else { return true };
        let listed = |list: &[IpNet]| list.iter().any(|net| net.contains(&ip));
        !listed(&self.deny) && (!self.is_closed || listed(&self.allow))
    }
}

async fn networks(
    subjects: &[AccessRule],
    deadline: Deadline,
) -> Result<Vec<IpNet>, (String, NameError)> {
    let mut networks = Vec::new();
    for subject in subjects {
        match subject {
            AccessRule::Net(net) => networks.push(canonical(*net)),
            AccessRule::Host(host) => {
                let found = names::resolve(host, 0, Family::Any, deadline).await;
                let found = found.map_err(|error| (host.to_string(), error))?;
                networks.extend(found.iter().map(SocketAddr::ip).map(IpNet::from).map(canonical));
            }
        }
    }
    Ok(networks)
}

/// An IPv4-mapped network as the IPv4 network it is; peers are shown and matched that way too.
fn canonical(net: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    let IpNet::V6(v6) = net else { return net };
    let (Some(addr), Some(bits)) =
        (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(MAPPED_BITS))
    else {
        return net;
    };
    IpNet::new(IpAddr::V4(addr), bits).unwrap_or(net)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(allow: &[&str], deny: &[&str]) -> Access {
        let parse = |list: &[&str]| -> Vec<AccessRule> {
            list.iter().map(|s| s.parse().unwrap()).collect()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (allow, deny) = (parse(allow), parse(deny));
        runtime.block_on(Access::resolve(&allow, &deny, Deadline::NEVER)).unwrap()
    }

    fn admits(access: &Access, ip: &str) -> bool {
        access.admits(&Addr::canonical(SocketAddr::new(ip.parse().unwrap(), 1)))
    }

    #[test]
    fn a_denial_wins_over_everything() {
        let access = access(&["10.0.0.0/8"], &["10.1.0.0/16"]);
        assert!(admits(&access, "10.2.3.4"));
        assert!(!admits(&access, "10.1.3.4"));
        assert!(!admits(&access, "192.0.2.1"));
        assert!(!admits(&access, "::1"));
    }

    #[test]
    fn without_an_allow_list_everybody_else_may() {
        let access = access(&[], &["192.0.2.7", "2001:db8::/32"]);
        assert!(!admits(&access, "192.0.2.7"));
        assert!(admits(&access, "192.0.2.8"));
        assert!(!admits(&access, "2001:db8::5"));
        assert!(admits(&access, "::1"));
    }

    #[test]
    fn mapped_addresses_are_the_ipv4_addresses_they_carry() {
        assert!(!admits(&access(&[], &["192.0.2.0/24"]), "::ffff:192.0.2.9"));
        assert!(!admits(&access(&[], &["::ffff:192.0.2.0/120"]), "192.0.2.9"));
        assert!(!admits(&access(&[], &["::ffff:192.0.2.9"]), "192.0.2.9"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["10.0.0.0/33", "10.0.0/8", "a b", "", "/8"] {
            assert!(text.parse::<AccessRule>().is_err(), "{text}");
        }
    }
}
