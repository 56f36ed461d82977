//! TLS clients and servers on rustls, with a CA of their own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use tempfile::TempDir;

use crate::support::{Client, Peer, Server, Sockkit, sockkit};

/// The bytes transferred by one test: more than all buffers hold, and fast in a debug build.
pub(crate) const BULK: usize = 8 * 1024 * 1024;

/// Longer than sockkit waits for idle input after the peer has closed (250 ms).
pub(crate) const LONGER_THAN_IDLE_INPUT: Duration = Duration::from_millis(600);

/// A CA and a certificate for 127.0.0.1 signed by it, as files and in the types of rustls.
pub(crate) struct Certificates {
    directory: TempDir,
    ca: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "sockkit's tests");
        let ca_key = KeyPair::generate().unwrap();
        let ca = CertifiedIssuer::self_signed(params, ca_key).unwrap();
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &ca).unwrap();
        for (name, pem) in
            [("ca", ca.pem()), ("cert", certificate.pem()), ("key", key.serialize_pem())]
        {
            fs::write(directory.path().join(name).with_extension("pem"), pem).unwrap();
        }
        let (ca, certificate) = (ca.der().clone(), certificate.der().clone());
        Self { directory, ca, certificate, key: key.serialize_der() }
    }

    /// The path of `ca`, `cert` or `key`.
    pub(crate) fn path(&self, name: &str) -> String {
        let path: PathBuf = self.directory.path().join(name).with_extension("pem");
        path.to_str().unwrap().to_owned()
    }

    /// The pin of the certificate: what `openssl x509 -fingerprint -sha256` prints.
    pub(crate) fn pin(&self) -> String {
        pin_of(&self.certificate)
    }

    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::Pkcs8(self.key.clone().into());
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key);
        Arc::new(config.unwrap())
    }

    /// A TLS server for one client, which runs `serve` after the handshake.
    pub(crate) fn peer<T: Send + 'static>(
        &self,
        serve: impl FnOnce(StreamOwned<ServerConnection, TcpStream>) -> T + Send + 'static,
    ) -> Peer<T> {
        let config = self.server_config();
        Peer::start(move |client| {
            let session = ServerConnection::new(config).unwrap();
            serve(StreamOwned::new(session, client.stream))
        })
    }

    /// A TLS client of `server` that trusts the CA.
    pub(crate) fn client(&self, server: &Server) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        StreamOwned::new(session, server.client().stream)
    }

    pub(crate) fn listen(&self, flags: &str) -> Server {
        self.serve(&format!("listen 127.0.0.1:0 {flags}"))
    }

    /// Starts a server over TLS, in the folder of the certificates.
    #[track_caller]
    pub(crate) fn serve(&self, command: &str) -> Server {
        let (cert, key) = (self.path("cert"), self.path("key"));
        let server = sockkit(&format!("{command} --tls --cert {cert} --key {key}"));
        server.dir(self.directory.path()).serve()
    }

    pub(crate) fn connect(&self, port: &str, flags: &str) -> Sockkit {
        self.dial(&format!("connect 127.0.0.1 {port}"), flags)
    }

    /// A client command over TLS that trusts the CA.
    pub(crate) fn dial(&self, command: &str, flags: &str) -> Sockkit {
        sockkit(&format!("{command} --tls --ca {} {flags}", self.path("ca")))
    }

    /// The options that present the certificate.
    pub(crate) fn own(&self) -> String {
        format!("--cert {} --key {}", self.path("cert"), self.path("key"))
    }
}

/// A server whose certificate has these names and this last day, signed with its own key; and the
/// certificate's pin.
pub(crate) fn self_signed(names: &[&str], last_day: (i32, u8, u8)) -> (Peer<()>, String) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(last_day.0, last_day.1, last_day.2);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let pin = pin_of(certificate.der());
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        );
    let config = Arc::new(config.unwrap());
    let peer = Peer::start(move |client| {
        let session = ServerConnection::new(config).unwrap();
        let mut stream = StreamOwned::new(session, client.stream);
        stream.read_to_end(&mut Vec::new()).ok();
    });
    (peer, pin)
}

/// A day far in the future.
pub(crate) const LATE: (i32, u8, u8) = (2090, 1, 1);

/// A TLS client for tests that read lines.
pub(crate) type TlsClient = Client<StreamOwned<ClientConnection, TcpStream>>;

impl TlsClient {
    /// Connects to `server` and trusts the CA of `certificates`.
    #[track_caller]
    pub(crate) fn secure(certificates: &Certificates, server: &Server) -> Self {
        Self::on(certificates.client(server))
    }

    pub(crate) fn send_close_notify(&mut self) {
        self.stream.conn.send_close_notify();
        self.stream.flush().unwrap();
    }

    /// Reads to `close_notify`; an end without it fails the test.
    #[track_caller]
    pub(crate) fn read_to_close(&mut self) -> Vec<u8> {
        let mut read = self.take_read();
        self.stream.read_to_end(&mut read).unwrap();
        read
    }
}

pub(crate) fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

pub(crate) fn pin_of(certificate: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    let digits: Vec<_> = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", digits.concat())
}

/// Bytes without a pattern, so that a lost, repeated or moved part changes them.
pub(crate) fn pseudorandom(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..len).map(step).collect()
}

/// Shuts down the TCP connection without `close_notify`, and reads to EOF.
pub(crate) fn close_without_notify(stream: &mut TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
    // Reading everything avoids a reset at close.
    stream.read_to_end(&mut Vec::new()).ok();
}

/// Sends `close_notify`, and reads to the peer's.
pub(crate) fn close_with_notify(stream: &mut StreamOwned<ServerConnection, TcpStream>) {
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}
