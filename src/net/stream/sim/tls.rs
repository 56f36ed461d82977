//! TLS between the two ends of a simulated connection.
//!
//! The certificate is fixed and its signatures have a fixed length, so that a seed always produces
//! the same number of bytes.

use std::fs;
use std::sync::LazyLock;

use tempfile::NamedTempFile;

use crate::net::deadline::Deadline;
use crate::net::stream::Stream;
use crate::net::tls::{
    ClientHandshake, ClientTlsOptions, ClientTrust, Identity, KeyPair, ServerHandshake, ServerName,
    ServerTlsOptions,
};

/// An Ed25519 key and its self-signed certificate for localhost, used by these tests only.
const IDENTITY: &str = "\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJd34jlcu7B8zNu+RJI5J0PtUQP9FUD0cjOQ772r9nca
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBVTCCAQegAwIBAgIUUf4HJkvYfPEbnpy6epm78VoJNBMwBQYDK2VwMBQxEjAQ
BgNVBAMMCWxvY2FsaG9zdDAgFw0yNjExMjUxOTM1NDZaGA8yMTI2MTEwMTE5MzU0
NlowFDESMBAGA1UEAwwJbG9jYWxob3N0MCowBQYDK2VwAyEA43wKu8RWVQ3okoqS
DW6ufIy0LC54itNPmCjazVx6rq+jaTBnMB0GA1UdDgQWBBR0DkBi0fzf5kTGeiuq
+WjHjm94QTAfBgNVHSMEGDAWgBR0DkBi0fzf5kTGeiuq+WjHjm94QTAPBgNVHRMB
Af8EBTADAQH/MBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAFBgMrZXADQQB1LdoiRZ4H
DqBH7b6Ml4MRn1L/dZWq0qDrKeK0MCdfWtAO54by2r4f+onfwWcPY0CWBusjS8vY
HZCo17Ku4w0N
-----END CERTIFICATE-----
";

static SERVER: LazyLock<ServerHandshake> = LazyLock::new(|| {
    let file = NamedTempFile::new().unwrap();
    fs::write(&file, IDENTITY).unwrap();
    let options = ServerTlsOptions {
        identity: Identity::Files(KeyPair { certificate: file.path().to_owned(), key: None }),
        client_ca: None,
        alpn: Vec::new(),
        key_log: None,
        accepts_missing_close_notify: false,
    };
    ServerHandshake::new(&options).unwrap()
});

static CLIENT: LazyLock<ClientHandshake> = LazyLock::new(|| {
    let options =
        ClientTlsOptions { trust: ClientTrust::AnyCertificate, ..ClientTlsOptions::default() };
    ClientHandshake::new(&options).unwrap()
});

/// Returns the handshake of a client that accepts any certificate.
pub(crate) fn client() -> ClientHandshake {
    CLIENT.clone()
}

/// Returns the handshake of a server.
pub(crate) fn server() -> ServerHandshake {
    SERVER.clone()
}

/// Performs the handshake between a client at the near end and a server at the far end.
pub(crate) async fn secure(near: &mut Stream, far: &mut Stream) {
    let host = ServerName::localhost();
    let (client, server) = tokio::join!(
        CLIENT.connect(near, &host, "server", Deadline::NEVER),
        SERVER.accept(far, "client", Deadline::NEVER),
    );
    client.unwrap();
    server.unwrap();
}
