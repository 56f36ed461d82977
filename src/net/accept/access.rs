//! Access control: lists of networks whose clients are allowed or denied.
//!
//! The deny list takes precedence. If there is an allow list, clients outside it are denied. Unix
//! clients have no network address: the file permissions of the socket control their access.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

use crate::net::address::addr::Addr;
use crate::net::address::host::Host;
use crate::net::address::names::{self, Family, NameError};
use crate::net::address::parse::ParseError;
use crate::net::deadline::Deadline;

/// An entry of an access list, as the user wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessRule {
    /// A network, such as `192.0.2.0/24`.
    Net(IpNet),
    /// An address, or a name that resolves to addresses.
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

/// The allow list and the deny list, resolved to networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Networks whose clients may connect, if `has_allow_list` is set.
    allow: Vec<IpNet>,
    /// Networks whose clients may not connect.
    deny: Vec<IpNet>,
    /// Whether there is an allow list; without one, all clients that are not denied may connect.
    has_allow_list: bool,
}

impl Access {
    /// Resolves the host names once and returns the lists.
    ///
    /// # Errors
    /// A name that does not resolve, since ignoring it would silently change who may connect.
    pub async fn resolve(
        allow: &[AccessRule],
        deny: &[AccessRule],
        deadline: Deadline,
    ) -> Result<Self, (String, NameError)> {
        Ok(Self {
            allow: networks(allow, deadline).await?,
            deny: networks(deny, deadline).await?,
            has_allow_list: !allow.is_empty(),
        })
    }

    /// Returns whether `peer` may connect.
    pub fn admits(&self, peer: &Addr) -> bool {
        let Some(ip) = peer.ip() else { return true };
        let listed = |list: &[IpNet]| list.iter().any(|net| net.contains(&ip));
        !listed(&self.deny) && (!self.has_allow_list || listed(&self.allow))
    }
}

async fn networks(
    rules: &[AccessRule],
    deadline: Deadline,
) -> Result<Vec<IpNet>, (String, NameError)> {
    let mut networks = Vec::new();
    for rule in rules {
        match rule {
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

/// Returns an IPv4-mapped network as an IPv4 network, since peer addresses have this form too.
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
    fn the_deny_list_takes_precedence_over_the_allow_list() {
        let access = access(&["10.0.0.0/8"], &["10.1.0.0/16"]);
        assert!(admits(&access, "10.2.3.4"));
        assert!(!admits(&access, "10.1.3.4"));
        assert!(!admits(&access, "192.0.2.1"));
        assert!(!admits(&access, "::1"));
    }

    #[test]
    fn without_an_allow_list_every_client_that_is_not_denied_may_connect() {
        let access = access(&[], &["192.0.2.7", "2001:db8::/32"]);
        assert!(!admits(&access, "192.0.2.7"));
        assert!(admits(&access, "192.0.2.8"));
        assert!(!admits(&access, "2001:db8::5"));
        assert!(admits(&access, "::1"));
    }

    #[test]
    fn ipv4_mapped_addresses_are_matched_as_ipv4() {
        assert!(!admits(&access(&[], &["192.0.2.0/24"]), "::ffff:192.0.2.9"));
        assert!(!admits(&access(&[], &["::ffff:192.0.2.0/120"]), "192.0.2.9"));
        assert!(!admits(&access(&[], &["::ffff:192.0.2.9"]), "192.0.2.9"));
    }

    #[test]
    fn an_invalid_network_or_host_is_rejected() {
        for text in ["10.0.0.0/33", "10.0.0/8", "a b", "", "/8"] {
            assert!(text.parse::<AccessRule>().is_err(), "{text}");
        }
    }
}
