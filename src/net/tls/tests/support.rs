//! Both ends of a handshake, and a CA that signs certificates.

use crate::net::Deadline;
use crate::net::stream::Stream;
use crate::net::tls::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::UnixStream;

/// The limit for each handshake: far longer than one takes.
pub(super) const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A change to a certificate's parameters before it is signed.
pub(super) type Change = fn(&mut CertificateParams);

pub(super) type Outcome = Result<(Stream, TlsFacts), TlsError>;

/// Returns both ends of a connection.
pub(super) fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

/// Performs the handshake of a client.
pub(super) async fn connect(
    client: &ClientHandshake,
    socket: UnixStream,
    host: &ServerName,
    deadline: Deadline,
) -> Outcome {
    let mut stream = Stream::try_from(socket).unwrap();
    let facts = client.connect(&mut stream, host, "server", deadline).await?;
    Ok((stream, facts))
}

/// Performs the handshake of a server.
pub(super) async fn accept(
    server: &ServerHandshake,
    socket: UnixStream,
    deadline: Deadline,
) -> Outcome {
    let mut stream = Stream::try_from(socket).unwrap();
    let facts = server.accept(&mut stream, "client", deadline).await?;
    Ok((stream, facts))
}

pub(super) fn test_deadline() -> Deadline {
    Deadline::after(TEST_TIMEOUT)
}

pub(super) fn self_signed() -> ServerTlsOptions {
    let identity = Identity::SelfSigned { names: vec!["listen.example".to_owned()] };
    ServerTlsOptions {
        identity,
        client_ca: None,
        alpn: Vec::new(),
        key_log: None,
        accepts_missing_close_notify: false,
    }
}

pub(super) fn trusting(trust: ClientTrust) -> ClientTlsOptions {
    ClientTlsOptions { trust, ..ClientTlsOptions::default() }
}

/// Performs a handshake between a client and a server, and returns both outcomes; `host` is the
/// name that the client expects in the certificate.
pub(super) async fn handshake(
    client: &ClientTlsOptions,
    server: &ServerHandshake,
    host: &str,
) -> (Outcome, Outcome) {
    handshake_with(&ClientHandshake::new(client).unwrap(), server, host).await
}

/// Does the same with a client that is set up already.
pub(super) async fn handshake_with(
    client: &ClientHandshake,
    server: &ServerHandshake,
    host: &str,
) -> (Outcome, Outcome) {
    let (local, remote) = pair();
    let host = host.parse().unwrap();
    let connecting = connect(client, local, &host, test_deadline());
    tokio::join!(connecting, accept(server, remote, test_deadline()))
}

pub(super) fn failure(outcome: Outcome) -> TlsProblem {
    outcome.map(|(_, facts)| facts).expect_err("a handshake that must fail").problem
}

/// A CA in a temporary directory, with the certificates that it has signed.
pub(super) struct Authority {
    pub(super) directory: TempDir,
    pub(super) issuer: CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { directory, issuer }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// Signs a certificate for `names`, changed by `change`.
    pub(super) fn sign(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> KeyPair {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.write("signed", &certificate.pem(), &key.serialize_pem())
    }

    pub(super) fn write(&self, name: &str, certificate: &str, key: &str) -> KeyPair {
        let certificate_path = self.directory.path().join(format!("{name}.pem"));
        let key_path = self.directory.path().join(format!("{name}.key"));
        fs::write(&certificate_path, certificate).unwrap();
        fs::write(&key_path, key).unwrap();
        KeyPair { certificate: certificate_path, key: Some(key_path) }
    }

    pub(super) fn server(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> ServerHandshake {
        let identity = Identity::Files(self.sign(names, change));
        ServerHandshake::new(&ServerTlsOptions { identity, ..self_signed() }).unwrap()
    }

    pub(super) fn trusted(&self) -> ClientTlsOptions {
        trusting(ClientTrust::Ca(self.path()))
    }
}
