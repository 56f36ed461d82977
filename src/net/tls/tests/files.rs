//! The files that a client or server reads at setup, and the key log.

use std::fs;

use crate::net::tls::tests::support::{Authority, handshake_with, self_signed, trusting};
use crate::net::tls::{
    ClientHandshake, ClientTlsOptions, ClientTrust, Identity, KeyPair, Pin, ServerHandshake,
    ServerTlsOptions, SetupError,
};

#[tokio::test]
async fn the_key_log_holds_the_secrets_and_only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.log");
    let server = ServerHandshake::new(&self_signed()).unwrap();
    let trusting_any = trusting(ClientTrust::AnyCertificate);
    let options = ClientTlsOptions { key_log: Some(path.clone()), ..trusting_any };
    let client = ClientHandshake::new(&options).unwrap();
    handshake_with(&client, &server, "localhost").await.0.unwrap();
    client.key_log().unwrap().finish().unwrap();
    let log = fs::read_to_string(&path).unwrap();
    let line = log.lines().find(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")).unwrap();
    let hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(line.split(' ').skip(1).all(hex) && line.split(' ').count() == 3, "{line}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let key_log = Some(path.join("x"));
    let invalid = ClientTlsOptions { key_log, ..ClientTlsOptions::default() };
    let error = ClientHandshake::new(&invalid).unwrap_err();
    assert!(matches!(error, SetupError::KeyLog { .. }), "{error}");
}

#[test]
fn a_certificate_and_a_key_that_do_not_match_are_rejected_at_setup() {
    let authority = Authority::new("own");
    let certificate = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let pair = authority.write("mixed", &certificate.cert.pem(), &key.serialize_pem());
    let options = ClientTlsOptions { certificate: Some(pair.clone()), ..authority.trusted() };
    let message = ClientHandshake::new(&options).unwrap_err().to_string();
    assert!(message.contains("mixed.pem does not match the key in "), "{message}");
    assert!(message.ends_with("mixed.key"), "{message}");
    let identity = Identity::Files(pair);
    let message = ServerHandshake::new(&ServerTlsOptions { identity, ..self_signed() })
        .unwrap_err()
        .to_string();
    assert!(message.contains("does not match the key in"), "{message}");
}

#[test]
fn one_file_may_hold_certificate_and_key() {
    let authority = Authority::new("own");
    let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
    let both = made.cert.pem() + &made.signing_key.serialize_pem();
    let pair = authority.write("both", &both, "");
    let identity = Identity::Files(KeyPair { key: None, ..pair });
    let server = ServerHandshake::new(&ServerTlsOptions { identity, ..self_signed() }).unwrap();
    assert_eq!(server.pin(), Pin::of(made.cert.der()));
}
