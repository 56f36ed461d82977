//! Files that a side is set up with, or writes.

use std::fs;

use crate::net::tls::tests::{Authority, self_signed, shake, trusting};
use crate::net::tls::{
    ClientHandshake, ClientTlsOptions, ClientTrust, Identity, KeyPair, Pin, ServerHandshake,
    ServerTlsOptions, SetupError,
};

#[tokio::test]
async fn the_secrets_of_a_connection_are_logged_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.log");
    let server = ServerHandshake::new(&self_signed()).unwrap();
    let options = ClientTlsOptions { key_log: Some(path.clone()), ..trusting(ClientTrust::Anyone) };
    shake(&options, &server, "localhost").await.0.unwrap();
    let log = fs::read_to_string(&path).unwrap();
    let line = log.lines().find(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")).unwrap();
    let hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(line.split(' ').skip(1).all(hex) && line.split(' ').count() == 3, "{line}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let nowhere = ClientTlsOptions { key_log: Some(path.join("x")), ..ClientTlsOptions::default() };
    let error = ClientHandshake::new(&nowhere).unwrap_err();
    assert!(matches!(error, SetupError::KeyLog { .. }), "{error}");
}

#[test]
fn a_certificate_and_a_key_that_do_not_belong_together_are_found_before_any_peer() {
    let authority = Authority::new("own");
    let certificate = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let pair = authority.write("torn", &certificate.cert.pem(), &key.serialize_pem());
    let options = ClientTlsOptions { certificate: Some(pair.clone()), ..authority.trusted() };
    let message = ClientHandshake::new(&options).unwrap_err().to_string();
    assert!(message.ends_with("torn.key do not belong together"), "{message}");
    let identity = Identity::Files(pair);
    let message = ServerHandshake::new(&ServerTlsOptions { identity, ..self_signed() })
        .unwrap_err()
        .to_string();
    assert!(message.contains("do not belong together"), "{message}");
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
