//! Options of DNS queries: their source, their flags, their EDNS options, and the TLS of encrypted
//! transports.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::str::FromStr;

use ipnet::IpNet;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::dns::machine::system::DNS_PORT;
use crate::dns::message::edns::{CLIENT_COOKIE, EdnsOption, EdnsRequest, MAX_UDP_REPLY};
use crate::dns::message::query::QuerySettings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net;
use crate::net::address::endpoint::{LocalAddress, SourceAddress};
use crate::net::address::names::Family;
use crate::net::address::parse::ParseError;
use crate::net::tls::{ClientHandshake, ClientTlsOptions};
use crate::options::CONNECTION;
use crate::options::trust::TrustArgs;
use crate::options::values::{self, FamilyArgs};

/// From where servers are queried.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = CONNECTION)]
pub(crate) struct SourceArgs {
    #[command(flatten)]
    family: FamilyArgs,
    /// Query from this local address
    ///
    /// :PORT sets only the port; the queries are then sent one after the other.
    #[arg(long, short_alias = 'b', value_name = "[ADDR][:PORT]",
          value_parser = values::of_bytes::<QuerySource>(), hide_short_help = true)]
    from: Option<QuerySource>,
}

impl SourceArgs {
    /// Returns the family of the servers' addresses, and the source address of queries.
    ///
    /// # Errors
    /// `--from` is not an address of this machine and of the family.
    pub(crate) fn settings(&self) -> anyhow::Result<(Family, Option<SourceAddress>)> {
        let family = self.family.family();
        let from = match &self.from {
            None => return Ok((family, None)),
            Some(QuerySource(LocalAddress::Net(from))) => *from,
            Some(QuerySource(LocalAddress::Unix(place))) => {
                let message = format!("--from {} is not a network address", place.addr());
                return Err(Failure::new(Exit::Usage, message).into());
            }
        };
        let family = match (family, from.family()) {
            (chosen, Family::Any) => chosen,
            (Family::Any, needed) => needed,
            (chosen, needed) if chosen == needed => chosen,
            _ => {
                let message = "the address of --from is not of the family of -4 or -6";
                return Err(Failure::new(Exit::Usage, message).into());
            }
        };
        // Checked here, because the failure is not that of a server.
        let any: SocketAddr = match family {
            Family::V6 => (Ipv6Addr::UNSPECIFIED, 0).into(),
            _ => (Ipv4Addr::UNSPECIFIED, 0).into(),
        };
        let addr = from.for_peer(any);
        let bound = UdpSocket::bind(addr).map(drop);
        bound.map_err(|source| net::Error::Bind { addr: addr.into(), source })?;
        Ok((family, Some(from)))
    }
}

/// What a query asks for besides its question.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Query")]
pub(crate) struct QueryArgs {
    /// Ask for DNSSEC records: RRSIG, NSEC and others
    #[arg(long, hide_short_help = true)]
    dnssec: bool,
    /// Ask for the answer that clients in this network get
    ///
    /// NETWORK is an address or 192.0.2.0/24; sockkit sends at most 24 bits of an IPv4 address and
    /// 56 of an IPv6 address, unless a length is given. 0/0 asks for no such answer.
    #[arg(long, value_name = "NETWORK", hide_short_help = true)]
    ecs: Option<ClientNetwork>,
    /// Ask for the server's identifier
    #[arg(long, hide_short_help = true)]
    nsid: bool,
    /// Send a DNS cookie, and show the server's
    #[arg(long, hide_short_help = true)]
    cookie: bool,
    /// Query without EDNS, as in RFC 1035
    #[arg(long, conflicts_with_all = ["dnssec", "ecs", "nsid", "cookie", "bufsize", "padding"],
          hide_short_help = true)]
    no_edns: bool,
    /// Announce this size of UDP replies, in bytes [default: 1232]
    #[arg(long, value_name = "BYTES", hide_short_help = true)]
    bufsize: Option<u16>,
    /// Pad queries to a multiple of BYTES
    ///
    /// The default is 128 over an encrypted transport, and 0, for no padding, otherwise.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(0..=MAX_PADDING),
          hide_short_help = true)]
    padding: Option<u16>,
    /// Ask the server not to query other servers (RD off)
    #[arg(long, hide_short_help = true)]
    no_recurse: bool,
    /// Ask for data that fails the server's validation too (CD)
    #[arg(long, hide_short_help = true)]
    cd: bool,
    /// Ask whether the server has validated the answer (AD)
    #[arg(long, hide_short_help = true)]
    ad: bool,
}

/// Larger blocks would exceed what fits into a datagram on practically every path.
const MAX_PADDING: i64 = 1024;

impl QueryArgs {
    /// Returns whether queries have no EDNS options and flags.
    pub(crate) fn is_without_edns(&self) -> bool {
        self.no_edns
    }

    /// Returns the options of EDNS that are given.
    pub(crate) fn options_of_edns(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("--dnssec", self.dnssec),
            ("--ecs", self.ecs.is_some()),
            ("--nsid", self.nsid),
            ("--cookie", self.cookie),
            ("--bufsize", self.bufsize.is_some()),
            ("--padding", self.padding.is_some()),
        ];
        given.into_iter().filter_map(|(option, given)| given.then_some(option))
    }

    /// Returns the settings of every query.
    ///
    /// # Errors
    /// The system has no random numbers for a cookie.
    pub(crate) fn settings(&self) -> Result<QuerySettings, Failure> {
        let mut options = Vec::new();
        if self.nsid {
            options.push(EdnsOption::nsid());
        }
        if let Some(ClientNetwork(ip, length)) = self.ecs {
            options.push(EdnsOption::client_subnet(ip, length));
        }
        if self.cookie {
            let mut cookie = [0; CLIENT_COOKIE];
            SystemRandom::new().fill(&mut cookie).map_err(|_| {
                Failure::new(Exit::Internal, "cannot make a cookie: no random numbers")
            })?;
            options.push(EdnsOption::cookie(&cookie));
        }
        let edns = EdnsRequest {
            udp_size: self.bufsize.unwrap_or(MAX_UDP_REPLY),
            dnssec: self.dnssec,
            options,
            padding: self.padding,
        };
        Ok(QuerySettings {
            recursion: !self.no_recurse,
            authentic: self.ad,
            checking_disabled: self.cd,
            edns: (!self.no_edns).then_some(edns),
        })
    }
}

/// Returns the TLS client for encrypted DNS servers, if `needed`: a server uses TLS.
///
/// # Errors
/// A file cannot be read or used, or no server uses TLS although an option of `args` is given.
pub(crate) fn tls_client(
    args: &TrustArgs,
    needed: bool,
) -> anyhow::Result<Option<ClientHandshake>> {
    match args.flag() {
        Some(flag) if !needed => {
            let message = format!("{flag} applies only to TLS");
            let failure = Failure::new(Exit::Usage, message);
            return Err(failure.hint("@tls://HOST or @https://HOST").into());
        }
        None if !needed => return Ok(None),
        _ => {}
    }
    let options = ClientTlsOptions {
        trust: args.trust(),
        server_name: args.server_name(),
        ..ClientTlsOptions::default()
    };
    Ok(Some(ClientHandshake::new(&options)?))
}

/// The address of a server that resolves the names of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BootstrapServer(pub(crate) SocketAddr);

impl FromStr for BootstrapServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let on_port = |ip| SocketAddr::new(ip, DNS_PORT);
        let addr = plain.parse::<IpAddr>().map(on_port).or_else(|_| with_colon(text).parse());
        match addr {
            Ok(addr) if addr.port() > 0 => Ok(Self(addr)),
            _ => Err("give an address, as 192.0.2.53, 192.0.2.53:5353 or [::1]:5353".to_owned()),
        }
    }
}

/// Returns an address with `#PORT`, as in dig, in the form with a colon.
fn with_colon(text: &str) -> String {
    match text.rsplit_once('#') {
        Some((ip, port)) if ip.contains(':') && !ip.starts_with('[') => format!("[{ip}]:{port}"),
        Some((ip, port)) => format!("{ip}:{port}"),
        None => text.to_owned(),
    }
}

/// The local address of queries.
#[derive(Clone, Debug)]
struct QuerySource(LocalAddress);

impl TryFrom<OsString> for QuerySource {
    type Error = ParseError;

    fn try_from(text: OsString) -> Result<Self, ParseError> {
        let text = text.to_str().map(with_colon).map_or(text, OsString::from);
        LocalAddress::try_from(text).map(Self)
    }
}

/// A network of clients: an address and the number of its bits that are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ClientNetwork(IpAddr, u8);

impl FromStr for ClientNetwork {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if matches!(text, "0" | "0/0") {
            return Ok(Self(IpAddr::from([0, 0, 0, 0]), 0));
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            // RFC 7871 section 11.1 recommends these lengths.
            return Ok(Self(ip, if ip.is_ipv4() { 24 } else { 56 }));
        }
        let network: IpNet =
            text.parse().map_err(|_| "give an address, or a network as 192.0.2.0/24".to_owned())?;
        Ok(Self(network.addr(), network.prefix_len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct QueryLine {
        #[command(flatten)]
        query: QueryArgs,
    }

    fn settings(line: &str) -> QuerySettings {
        let words = std::iter::once("x").chain(line.split_whitespace());
        QueryLine::try_parse_from(words).unwrap().query.settings().unwrap()
    }

    #[test]
    fn query_options_become_flags_and_edns_options() {
        let query = settings("--dnssec --nsid --cookie --ecs 2001:db8::1 --bufsize 4096 --cd --ad");
        assert!(query.recursion && query.checking_disabled && query.authentic);
        let edns = query.edns.unwrap();
        assert!(edns.dnssec);
        assert_eq!(edns.udp_size, 4096);
        let codes: Vec<u16> = edns.options.iter().map(|option| option.code).collect();
        assert_eq!(codes, [3, 8, 10]);
        assert_eq!(settings("--no-edns --no-recurse").edns, None);
        assert!(!settings("--no-recurse").recursion);
    }

    #[test]
    fn addresses_have_a_port_after_a_colon_or_as_in_dig() {
        let server = |text: &str| text.parse::<BootstrapServer>().map(|it| it.0.to_string());
        for (text, addr) in [
            ("192.0.2.53", "192.0.2.53:53"),
            ("192.0.2.53:5353", "192.0.2.53:5353"),
            ("192.0.2.53#5353", "192.0.2.53:5353"),
            ("::1", "[::1]:53"),
            ("[::1]", "[::1]:53"),
            ("[::1]:5353", "[::1]:5353"),
            ("::1#5353", "[::1]:5353"),
        ] {
            assert_eq!(server(text).as_deref(), Ok(addr), "{text}");
        }
        for text in ["", "dns.example", "192.0.2.53:0", "192.0.2.53:x", "192.0.2.53:65536"] {
            assert!(server(text).is_err(), "{text}");
        }
        let source = QuerySource::try_from(OsString::from("127.0.0.1#5000")).unwrap();
        let expected = LocalAddress::try_from(OsString::from("127.0.0.1:5000")).unwrap();
        assert_eq!(source.0, expected);
    }

    #[test]
    fn a_client_network_is_an_address_or_a_network() {
        let network = |text: &str| text.parse::<ClientNetwork>().map(|it| (it.0.to_string(), it.1));
        assert_eq!(network("192.0.2.9"), Ok(("192.0.2.9".to_owned(), 24)));
        assert_eq!(network("192.0.2.0/20"), Ok(("192.0.2.0".to_owned(), 20)));
        assert_eq!(network("::1"), Ok(("::1".to_owned(), 56)));
        assert_eq!(network("0/0"), Ok(("0.0.0.0".to_owned(), 0)));
        assert!(network("x").is_err() && network("192.0.2.0/33").is_err());
    }
}
