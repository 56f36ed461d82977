//! Options of TLS, for clients and for servers.

use std::path::{Path, PathBuf};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::address::host::Host;
use crate::net::address::transport::Transport;
use crate::net::tls::starttls;
use crate::net::tls::{
    Alpn, ClientHandshake, ClientTlsOptions, ClientTrust, Identity, KeyPair, Pin, ServerHandshake,
    ServerName, ServerTlsOptions,
};
use crate::session::tls::{Tls, TlsClient};

/// Names the file that gets the secrets of each connection, as in browsers and curl.
const KEY_LOG: &str = "SSLKEYLOGFILE";

/// The flags of a client.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsClientArgs {
    /// Speak TLS, with a server whose certificate this machine trusts
    #[arg(long)]
    tls: bool,
    /// Trust the CAs in this PEM file, and no others
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pin", "insecure"])]
    ca: Option<PathBuf>,
    /// Trust the certificate with this fingerprint (sha256:...), whoever signed it; may be repeated
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "insecure")]
    pin: Vec<Pin>,
    /// Trust any certificate: nobody else can listen, but who the peer is remains unknown
    #[arg(long)]
    insecure: bool,
    /// Ask for this name, and expect it in the certificate, instead of the host's
    #[arg(long, value_name = "NAME")]
    servername: Option<ServerName>,
    /// Offer these application protocols (ALPN), the best first, such as h2,http/1.1
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    alpn: Vec<Alpn>,
    /// Show this certificate (PEM, with its chain) to a server that asks for one
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The private key of --cert (PEM), unless that file has it too
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Begin in plain and change over to TLS as this protocol does
    #[arg(long, value_name = "PROTOCOL")]
    starttls: Option<Starttls>,
}

/// The flags of a server.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsServerArgs {
    /// Speak TLS; needs --cert or --self-signed
    #[arg(long)]
    tls: bool,
    /// Show this certificate (PEM, with its chain) to clients
    #[arg(long, value_name = "FILE", conflicts_with = "self_signed")]
    cert: Option<PathBuf>,
    /// The private key of --cert (PEM), unless that file has it too
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Show a certificate made for this run, and say its fingerprint for the clients' --pin
    #[arg(long)]
    self_signed: bool,
    /// Demand of each client a certificate of the CAs in this PEM file
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
    /// Speak these application protocols (ALPN), the best first, such as h2,http/1.1
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    alpn: Vec<Alpn>,
}

/// A protocol that changes over to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Starttls {
    /// Mail to a server (ports 25 and 587)
    Smtp,
    /// Mailboxes on a server (port 143)
    Imap,
    /// Mail from a server (port 110)
    Pop3,
}

impl TlsClientArgs {
    /// Sets TLS up for a server at `host`, where a Unix socket has none; nothing, if it is to be
    /// plain.
    ///
    /// # Errors
    /// The flags do not go together, or name files that cannot be used.
    pub(crate) fn client(
        &self,
        transport: Transport,
        host: Option<&Host>,
        later: bool,
    ) -> anyhow::Result<Option<Tls>> {
        let comes_first = self.tls || self.starttls.is_some() || transport == Transport::Tls;
        let wanted = comes_first || later;
        if !is_wanted(wanted, transport, self.lone_flag())? {
            return Ok(None);
        }
        let trust = match (&self.ca, self.insecure) {
            (Some(path), _) => ClientTrust::Ca(path.clone()),
            (None, true) => ClientTrust::Anyone,
            (None, false) if self.pin.is_empty() => ClientTrust::Platform,
            (None, false) => ClientTrust::Pins(self.pin.clone()),
        };
        let host = match host {
            None => ServerName::localhost(),
            Some(host) => ServerName::try_from(host).or_else(|error| {
                let usage =
                    || Failure::new(Exit::Usage, error.to_string()).hint("--servername NAME");
                self.servername.clone().ok_or_else(usage)
            })?,
        };
        let client = ClientHandshake::new(&ClientTlsOptions {
            trust,
            server_name: self.servername.clone(),
            alpn: self.alpn.clone(),
            certificate: pair(self.cert.as_deref(), self.key.as_deref()),
            key_log: key_log(),
        })?;
        let starttls = self.starttls.map(starttls::StarttlsProtocol::from);
        Ok(Some(Tls::client(TlsClient { client, host, starttls }, comes_first)))
    }

    /// Returns whether any certificate is good enough.
    pub(crate) fn trusts_anyone(&self) -> bool {
        self.insecure
    }

    /// A flag that means something with TLS only.
    fn lone_flag(&self) -> Option<&'static str> {
        let given = [
            ("--ca", self.ca.is_some()),
            ("--pin", !self.pin.is_empty()),
            ("--insecure", self.insecure),
            ("--servername", self.servername.is_some()),
            ("--alpn", !self.alpn.is_empty()),
            ("--cert", self.cert.is_some()),
        ];
        given.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
    }
}

impl TlsServerArgs {
    /// Sets TLS up for a listener at `host`, which may be every address; nothing, if it is to be
    /// plain.
    ///
    /// # Errors
    /// The flags do not go together, or name files that cannot be used.
    pub(crate) fn server(
        &self,
        transport: Transport,
        host: Option<&Host>,
        later: bool,
    ) -> anyhow::Result<Option<Tls>> {
        let comes_first = self.tls || transport == Transport::Tls;
        let wanted = comes_first || later;
        if !is_wanted(wanted, transport, self.lone_flag())? {
            return Ok(None);
        }
        let identity = match pair(self.cert.as_deref(), self.key.as_deref()) {
            Some(pair) => Identity::Files(pair),
            None if self.self_signed => Identity::SelfSigned { names: names_of(host) },
            None => {
                let failure = Failure::new(Exit::Usage, "a TLS server needs a certificate");
                let hint = "--self-signed, for one made now; or --cert FILE --key FILE";
                return Err(failure.hint(hint).into());
            }
        };
        let server = ServerHandshake::new(&ServerTlsOptions {
            identity,
            client_ca: self.client_ca.clone(),
            alpn: self.alpn.clone(),
            key_log: key_log(),
        })?;
        Ok(Some(Tls::server(server, comes_first)))
    }

    /// A flag that means something with TLS only.
    fn lone_flag(&self) -> Option<&'static str> {
        let given = [
            ("--cert", self.cert.is_some()),
            ("--self-signed", self.self_signed),
            ("--client-ca", self.client_ca.is_some()),
            ("--alpn", !self.alpn.is_empty()),
        ];
        given.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
    }
}

/// Returns whether TLS is wanted; flags that would be without effect, and a transport that it
/// cannot go over, are refused.
fn is_wanted(wanted: bool, transport: Transport, lone_flag: Option<&str>) -> Result<bool, Failure> {
    match (wanted, lone_flag) {
        (true, _) if matches!(transport, Transport::Udp | Transport::UnixDatagram) => {
            Err(Failure::new(Exit::Usage, "there is no TLS over datagrams here (DTLS)")
                .hint("--tls over a stream, or datagrams without it"))
        }
        (false, Some(flag)) => Err(Failure::new(Exit::Usage, format!("{flag} is for TLS only"))
            .hint(format!("--tls {flag} ..."))),
        (wanted, _) => Ok(wanted),
    }
}

fn pair(certificate: Option<&Path>, key: Option<&Path>) -> Option<KeyPair> {
    let key = key.map(Path::to_owned);
    certificate.map(|path| KeyPair { certificate: path.to_owned(), key })
}

/// The name a listener is reached by, beside those every machine has; "any address" is none.
fn names_of(host: Option<&Host>) -> Vec<String> {
    match host {
        Some(Host::Ip(ip)) if !ip.is_unspecified() => vec![ip.to_string()],
        Some(Host::Name(name)) => vec![name.clone()],
        _ => Vec::new(),
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
        line.tls.client(transport, Some(&host), false).map_err(|error| error.to_string())
    }

    fn server(line: &str) -> Result<Option<Tls>, String> {
        let line = ServerLine::try_parse_from(words(line)).map_err(|error| error.to_string())?;
        line.tls.server(Transport::Tcp, None, false).map_err(|error| error.to_string())
    }

    #[test]
    fn tls_is_asked_for_by_a_flag_by_the_scheme_or_by_a_protocol_that_changes_over() {
        assert!(client("", Transport::Tcp).unwrap().is_none());
        assert!(client("--tls", Transport::Tcp).unwrap().is_some());
        assert!(client("--insecure", Transport::Tls).unwrap().is_some());
        let smtp =
            client(&format!("--starttls smtp --pin {PIN}"), Transport::Tcp).unwrap().unwrap();
        assert_eq!(smtp.starttls(), Some(starttls::StarttlsProtocol::Smtp));
        assert!(client("--insecure", Transport::Tcp).unwrap_err().contains("is for TLS only"));
        assert!(client("--tls", Transport::Udp).unwrap_err().contains("no TLS over datagrams"));
    }

    #[test]
    fn there_is_one_way_to_trust_and_a_key_belongs_to_a_certificate() {
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
    fn a_server_needs_one_certificate_and_says_which_flags_give_it() {
        assert!(server("").unwrap().is_none());
        assert!(server("--tls --self-signed").unwrap().is_some());
        assert!(server("--tls").unwrap_err().contains("needs a certificate"));
        assert!(server("--self-signed").unwrap_err().contains("is for TLS only"));
        assert!(server("--tls --self-signed --cert f").is_err());
        assert!(server("--tls --key f").is_err());
        let any: Host = "0.0.0.0".parse().unwrap();
        assert!(names_of(Some(&any)).is_empty());
        let one: Host = "192.0.2.7".parse().unwrap();
        assert_eq!(names_of(Some(&one)), ["192.0.2.7"]);
    }
}
