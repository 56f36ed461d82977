//! TLS options of clients and servers.

use std::path::{Path, PathBuf};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::address::endpoint::{Address, Endpoint};
use crate::net::address::host::Host;
use crate::net::address::transport::Transport;
use crate::net::tls::starttls;
use crate::net::tls::{
    Alpn, ClientHandshake, ClientTlsOptions, Identity, KeyPair, ServerHandshake, ServerName,
    ServerTlsOptions, SetupError,
};
use crate::options::CONNECTION;
use crate::options::trust::TrustArgs;
use crate::output::Events;
use crate::session::tls::{Tls, TlsClient};

/// The environment variable that names the file for TLS secrets, as in browsers and curl.
const KEY_LOG: &str = "SSLKEYLOGFILE";

/// TLS options of a client.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsClientArgs {
    /// Use TLS and verify the server's certificate
    ///
    /// sockkit trusts the CAs of this machine, unless --ca, --pin or --insecure is given.
    #[arg(long, help_heading = CONNECTION)]
    tls: bool,
    #[command(flatten)]
    trust: TrustArgs,
    /// Start in plain text and change to TLS as this protocol does
    #[arg(long, value_name = "PROTOCOL", hide_short_help = true)]
    starttls: Option<Starttls>,
    #[command(flatten)]
    common: TlsCommonArgs,
}

/// TLS options of a server.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsServerArgs {
    /// Use TLS; requires --cert or --self-signed
    #[arg(long, help_heading = CONNECTION)]
    tls: bool,
    /// Create a certificate for this run and print its fingerprint
    ///
    /// Clients can pass the fingerprint to --pin.
    #[arg(long, conflicts_with = "cert")]
    self_signed: bool,
    /// Require a client certificate from this PEM file, or from a CA in it
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    client_ca: Option<PathBuf>,
    #[command(flatten)]
    common: TlsCommonArgs,
}

/// TLS options that clients and servers share.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "TLS")]
#[expect(clippy::doc_markdown, reason = "clap prints the text unchanged, so it has no markup")]
struct TlsCommonArgs {
    /// Present this certificate (PEM, with its chain)
    ///
    /// A server always presents it, a client only if the server requests one.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    cert: Option<PathBuf>,
    /// Read the private key of --cert from this PEM file
    ///
    /// Without it, the key is read from the file of --cert.
    #[arg(long, value_name = "FILE", requires = "cert", hide_short_help = true)]
    key: Option<PathBuf>,
    /// Negotiate one of these application protocols (ALPN)
    ///
    /// In order of preference, separated by commas, such as h2,http/1.1.
    #[arg(long, value_name = "LIST", value_delimiter = ',', hide_short_help = true)]
    alpn: Vec<Alpn>,
    /// Accept a peer that closes without close_notify
    ///
    /// Some servers never send it. sockkit then cannot detect that the received data was cut short.
    #[arg(long, hide_short_help = true)]
    ignore_missing_close_notify: bool,
}

/// A protocol with a command that changes to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Starttls {
    /// Mail submission (ports 25 and 587)
    Smtp,
    /// Mailbox access (port 143)
    Imap,
    /// Mail retrieval (port 110)
    Pop3,
}

impl TlsClientArgs {
    /// Returns the TLS settings for a connection to `endpoint`, or `None` if the connection stays
    /// in plain text. Warns if the certificate is not verified. `later`: a script starts TLS.
    ///
    /// # Errors
    /// The options conflict, or they name files that cannot be used.
    pub(crate) fn client(
        &self,
        endpoint: &Endpoint,
        later: bool,
        events: &Events,
    ) -> anyhow::Result<Option<Tls>> {
        let host = match &endpoint.address {
            Address::Net(host, _) => Some(host),
            Address::Unix(_) => None,
        };
        let tls = self.settings(endpoint.transport, host, later)?;
        if tls.is_some() && self.trust.trusts_anyone() {
            let warning =
                "the certificate is not verified (--insecure); the server may be an impostor";
            events.warn(warning);
        }
        Ok(tls)
    }

    /// Returns the TLS settings for a connection to `host` (`None` for a Unix socket).
    fn settings(
        &self,
        transport: Transport,
        host: Option<&Host>,
        later: bool,
    ) -> anyhow::Result<Option<Tls>> {
        let comes_first = self.tls || self.starttls.is_some() || transport == Transport::Tls;
        let wanted = comes_first || later;
        if !is_wanted(wanted, transport, self.tls_only_flag())? {
            return Ok(None);
        }
        let host = match host {
            None => ServerName::localhost(),
            Some(host) => ServerName::try_from(host).or_else(|error| {
                let usage =
                    || Failure::new(Exit::Usage, error.to_string()).hint("--servername NAME");
                self.trust.server_name().ok_or_else(usage)
            })?,
        };
        let (client, starttls) = (self.handshake()?, self.starttls());
        Ok(Some(Tls::client(TlsClient { client, host, starttls }, comes_first)))
    }

    /// Returns whether the options ask for TLS.
    pub(crate) fn is_on(&self) -> bool {
        self.tls || self.starttls.is_some()
    }

    /// Returns the handshake for any number of servers, or `None` if none of the transports uses
    /// TLS.
    ///
    /// # Errors
    /// An option applies only to TLS, or names a file that cannot be used.
    pub(crate) fn for_any_host(&self, has_tls: bool) -> anyhow::Result<Option<ClientHandshake>> {
        if !is_wanted(has_tls, Transport::Tcp, self.tls_only_flag())? {
            return Ok(None);
        }
        Ok(Some(self.handshake()?))
    }

    /// Returns the protocol of the dialogue before the handshake, if there is one.
    pub(crate) fn starttls(&self) -> Option<starttls::StarttlsProtocol> {
        self.starttls.map(starttls::StarttlsProtocol::from)
    }

    fn handshake(&self) -> Result<ClientHandshake, SetupError> {
        ClientHandshake::new(&ClientTlsOptions {
            trust: self.trust.trust(),
            server_name: self.trust.server_name(),
            alpn: self.common.alpn.clone(),
            certificate: pair(self.common.cert.as_deref(), self.common.key.as_deref()),
            key_log: key_log(),
            accepts_missing_close_notify: self.common.ignore_missing_close_notify,
        })
    }

    /// Returns an option that is given and applies only to TLS.
    fn tls_only_flag(&self) -> Option<&'static str> {
        let given = [
            ("--alpn", !self.common.alpn.is_empty()),
            ("--cert", self.common.cert.is_some()),
            ("--ignore-missing-close-notify", self.common.ignore_missing_close_notify),
        ];
        let given = given.iter().find(|(_, given)| *given).map(|(flag, _)| *flag);
        self.trust.flag().or(given)
    }
}

impl TlsServerArgs {
    /// Returns the TLS settings for a listener at `host` (`None` for all addresses and for a Unix
    /// socket), or `None` if the connections stay in plain text. `later`: a script starts TLS.
    ///
    /// # Errors
    /// The options conflict, or they name files that cannot be used.
    pub(crate) fn server(
        &self,
        transport: Transport,
        host: Option<&Host>,
        later: bool,
    ) -> anyhow::Result<Option<Tls>> {
        let comes_first = self.tls || transport == Transport::Tls;
        let wanted = comes_first || later;
        if !is_wanted(wanted, transport, self.tls_only_flag())? {
            return Ok(None);
        }
        let identity = match pair(self.common.cert.as_deref(), self.common.key.as_deref()) {
            Some(pair) => Identity::Files(pair),
            None if self.self_signed => Identity::SelfSigned { names: names_of(host) },
            None => {
                let failure = Failure::new(Exit::Usage, "a TLS server needs a certificate");
                let hint = "--self-signed, or --cert FILE --key FILE";
                return Err(failure.hint(hint).into());
            }
        };
        let server = ServerHandshake::new(&ServerTlsOptions {
            identity,
            client_ca: self.client_ca.clone(),
            alpn: self.common.alpn.clone(),
            key_log: key_log(),
            accepts_missing_close_notify: self.common.ignore_missing_close_notify,
        })?;
        Ok(Some(Tls::server(server, comes_first)))
    }

    /// Returns an option that is given and applies only to TLS.
    fn tls_only_flag(&self) -> Option<&'static str> {
        let given = [
            ("--cert", self.common.cert.is_some()),
            ("--ignore-missing-close-notify", self.common.ignore_missing_close_notify),
            ("--self-signed", self.self_signed),
            ("--client-ca", self.client_ca.is_some()),
            ("--alpn", !self.common.alpn.is_empty()),
        ];
        given.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
    }
}

/// Returns `wanted`, whether the options ask for TLS, if it agrees with the other options.
///
/// # Errors
/// The options ask for TLS over datagrams, or give `tls_only_flag` without TLS.
fn is_wanted(
    wanted: bool,
    transport: Transport,
    tls_only_flag: Option<&str>,
) -> Result<bool, Failure> {
    match (wanted, tls_only_flag) {
        (true, _) if matches!(transport, Transport::Udp | Transport::UnixDatagram) => {
            Err(Failure::new(Exit::Usage, "TLS over datagrams (DTLS) is not supported")
                .hint("--tls without --udp, or --udp without --tls"))
        }
        (false, Some(flag)) => {
            Err(Failure::new(Exit::Usage, format!("{flag} applies only to TLS"))
                .hint(format!("--tls {flag} ...")))
        }
        (wanted, _) => Ok(wanted),
    }
}

fn pair(certificate: Option<&Path>, key: Option<&Path>) -> Option<KeyPair> {
    let key = key.map(Path::to_owned);
    certificate.map(|path| KeyPair { certificate: path.to_owned(), key })
}

/// Returns the names of a listener at `host` for its certificate, in addition to the names of
/// loopback; an unspecified address adds none.
fn names_of(host: Option<&Host>) -> Vec<String> {
    match host.map(|host| (host, host.ip())) {
        Some((_, Some(ip))) if ip.is_unspecified() => Vec::new(),
        Some((_, Some(ip))) => vec![ip.to_string()],
        Some((name, None)) => vec![name.to_string()],
        None => Vec::new(),
    }
}

fn key_log() -> Option<PathBuf> {
    std::env::var_os(KEY_LOG).filter(|path| !path.is_empty()).map(PathBuf::from)
}

impl From<Starttls> for starttls::StarttlsProtocol {
    fn from(protocol: Starttls) -> Self {
        match protocol {
            Starttls::Smtp => Self::Smtp,
            Starttls::Imap => Self::Imap,
            Starttls::Pop3 => Self::Pop3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    const PIN: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[derive(Debug, Parser)]
    struct ClientLine {
        #[command(flatten)]
        tls: TlsClientArgs,
    }

    #[derive(Debug, Parser)]
    struct ServerLine {
        #[command(flatten)]
        tls: TlsServerArgs,
    }

    fn words(line: &str) -> impl Iterator<Item = &str> {
        std::iter::once("x").chain(line.split_whitespace())
    }

    fn client(line: &str, transport: Transport) -> Result<Option<Tls>, String> {
        let line = ClientLine::try_parse_from(words(line)).map_err(|error| error.to_string())?;
        let host: Host = "a.example".parse().unwrap();
        line.tls.settings(transport, Some(&host), false).map_err(|error| error.to_string())
    }

    fn server(line: &str) -> Result<Option<Tls>, String> {
        let line = ServerLine::try_parse_from(words(line)).map_err(|error| error.to_string())?;
        line.tls.server(Transport::Tcp, None, false).map_err(|error| error.to_string())
    }

    #[test]
    fn tls_is_chosen_by_an_option_by_the_scheme_or_by_starttls() {
        assert!(client("", Transport::Tcp).unwrap().is_none());
        assert!(client("--tls", Transport::Tcp).unwrap().is_some());
        assert!(client("--insecure", Transport::Tls).unwrap().is_some());
        let smtp =
            client(&format!("--starttls smtp --pin {PIN}"), Transport::Tcp).unwrap().unwrap();
        assert_eq!(smtp.starttls(), Some(starttls::StarttlsProtocol::Smtp));
        assert!(client("--insecure", Transport::Tcp).unwrap_err().contains("applies only to TLS"));
        assert!(client("--tls", Transport::Udp).unwrap_err().contains("TLS over datagrams"));
    }

    #[test]
    fn ca_pin_and_insecure_conflict_and_a_key_requires_a_certificate() {
        for line in [
            "--tls --ca f --insecure",
            &format!("--tls --ca f --pin {PIN}"),
            &format!("--tls --insecure --pin {PIN}"),
            "--tls --key f",
            "--tls --pin sha256:00",
            "--tls --alpn h2,,x",
            "--tls --starttls ftp",
        ] {
            assert!(client(line, Transport::Tcp).is_err(), "{line}");
        }
        let line =
            format!("--tls --pin {PIN} --pin {PIN} --alpn h2,http/1.1 --servername b.example");
        assert!(client(&line, Transport::Tcp).unwrap().is_some());
    }

    #[test]
    fn a_server_requires_one_certificate() {
        assert!(server("").unwrap().is_none());
        assert!(server("--tls --self-signed").unwrap().is_some());
        assert!(server("--tls").unwrap_err().contains("needs a certificate"));
        assert!(server("--self-signed").unwrap_err().contains("applies only to TLS"));
        assert!(server("--tls --self-signed --cert f").is_err());
        assert!(server("--tls --key f").is_err());
        let any: Host = "0.0.0.0".parse().unwrap();
        assert!(names_of(Some(&any)).is_empty());
        let one: Host = "192.0.2.7".parse().unwrap();
        assert_eq!(names_of(Some(&one)), ["192.0.2.7"]);
    }
}
