//! Handshakes between sockkit's client and server, and with other peers.

mod files;
mod names;
mod other_protocols;
mod support;
mod trust;

use std::fs;

use rcgen::{BasicConstraints, IsCa};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use self::support::{
    Authority, Change, accept, connect, failure, handshake, pair, self_signed, test_deadline,
    trusting,
};
use super::*;
use crate::net::stream::Stream;

#[tokio::test]
async fn bytes_pass_both_ways_and_each_side_closes_cleanly() {
    let server = ServerHandshake::new(&self_signed()).unwrap();
    let options = trusting(ClientTrust::Pins(vec![server.pin()]));
    let (client, accepted) = handshake(&options, &server, "anything.example").await;
    let ((mut client, facts), (mut accepted, server_facts)) = (client.unwrap(), accepted.unwrap());
    let suite = facts.cipher_suite.clone();
    assert!(suite.starts_with("TLS_"), "{suite}");
    let pin = Some(server.pin());
    let expected = TlsFacts {
        version: "TLS 1.3",
        cipher_suite: suite,
        alpn: None,
        server_name: Some("anything.example".to_owned()),
        peer_pin: pin,
        trust: Trust::Pinned,
    };
    assert_eq!(facts, expected);
    assert_eq!(server_facts, TlsFacts { peer_pin: None, trust: Trust::NotRequested, ..facts });
    client.write_all(b"ping", test_deadline()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut read = Vec::new();
    accepted.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"ping");
    // The other direction is still open.
    accepted.write_all(b"pong", test_deadline()).await.unwrap();
    accepted.shutdown().await.unwrap();
    read.clear();
    client.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"pong");
}

#[tokio::test]
async fn a_self_signed_certificate_is_rejected_and_the_error_has_its_pin() {
    let server = ServerHandshake::new(&self_signed()).unwrap();
    let other = Authority::new("other");
    // A CA with the certificate's name but another key.
    let namesake = Authority::new("sockkit self-signed certificate");
    for options in [ClientTlsOptions::default(), other.trusted(), namesake.trusted()] {
        let (client, accepted) = handshake(&options, &server, "localhost").await;
        let expected = [CertificateRefusal::SelfSigned, CertificateRefusal::NoRoots];
        match failure(client) {
            TlsProblem::Certificate { side: Side::Server, refusal, pin } => {
                assert!(expected.contains(&refusal), "{refusal}");
                assert_eq!(pin, Some(server.pin()));
            }
            problem => panic!("{problem}"),
        }
        // The server receives an alert.
        match failure(accepted) {
            TlsProblem::LocalCertificateRejected { side: Side::Client, alert } => {
                assert!(["unknown ca", "certificate unknown"].contains(&&*alert), "{alert}");
            }
            problem => panic!("{problem}"),
        }
    }
}

#[tokio::test]
async fn an_unverified_certificate_is_accepted_and_reported_as_unchecked() {
    let server = ServerHandshake::new(&self_signed()).unwrap();
    let (client, _) =
        handshake(&trusting(ClientTrust::AnyCertificate), &server, "elsewhere.example").await;
    let (_, facts) = client.unwrap();
    assert_eq!((facts.trust, facts.peer_pin), (Trust::Unchecked, Some(server.pin())));
    assert!(!facts.trust.is_verified());
}

#[tokio::test]
async fn one_of_several_pins_must_match_the_certificate() {
    let (server, other) = (
        ServerHandshake::new(&self_signed()).unwrap(),
        ServerHandshake::new(&self_signed()).unwrap(),
    );
    let options = trusting(ClientTrust::Pins(vec![other.pin()]));
    match failure(handshake(&options, &server, "localhost").await.0) {
        TlsProblem::Certificate { refusal: CertificateRefusal::WrongPin, pin, .. } => {
            assert_eq!(pin, Some(server.pin()));
        }
        problem => panic!("{problem}"),
    }
    let options = trusting(ClientTrust::Pins(vec![other.pin(), server.pin()]));
    assert!(handshake(&options, &server, "localhost").await.0.is_ok());
}

#[tokio::test]
async fn a_server_without_the_certificates_key_is_rejected_under_every_policy() {
    // The pinned certificate, used with another key.
    let copied = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let pin = Pin::of(copied.cert.der());
    let key = rcgen::KeyPair::generate().unwrap().serialize_der();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.into());
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let signer = ring::sign::any_supported_type(&key).unwrap();
        let certified = rustls::sign::CertifiedKey::new(vec![copied.cert.der().clone()], signer);
        let config = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
        let config = Arc::new(config);
        for trust in [ClientTrust::AnyCertificate, ClientTrust::Pins(vec![pin])] {
            let (local, remote) = pair();
            let client = ClientHandshake::new(&trusting(trust)).unwrap();
            let host = ServerName::localhost();
            let connecting = connect(&client, local, &host, test_deadline());
            let server = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut remote = Stream::try_from(remote).unwrap();
            let (outcome, _) = tokio::join!(connecting, remote.start_tls(server.into()));
            match failure(outcome) {
                TlsProblem::Certificate { refusal: CertificateRefusal::KeyNotProven, .. } => {}
                problem => panic!("{problem}"),
            }
        }
    }
}

#[tokio::test]
async fn a_given_ca_is_trusted_for_the_names_in_the_certificates_it_signed() {
    let authority = Authority::new("own");
    let server = authority.server(&["a.example", "192.0.2.7"], |_| ());
    for host in ["a.example", "192.0.2.7"] {
        let (client, _) = handshake(&authority.trusted(), &server, host).await;
        assert_eq!(client.unwrap().1.trust, Trust::Chain);
    }
    match failure(handshake(&authority.trusted(), &server, "b.example").await.0) {
        TlsProblem::Certificate {
            refusal: CertificateRefusal::WrongName { expected, presented },
            ..
        } => {
            assert_eq!(
                (&*expected, presented),
                ("b.example", vec!["a.example".to_owned(), "192.0.2.7".to_owned()])
            );
        }
        problem => panic!("{problem}"),
    }
    // An explicit server name replaces the host name.
    let named =
        ClientTlsOptions { server_name: Some("a.example".parse().unwrap()), ..authority.trusted() };
    assert!(handshake(&named, &server, "b.example").await.0.is_ok());
    match failure(handshake(&Authority::new("other").trusted(), &server, "a.example").await.0) {
        TlsProblem::Certificate { refusal: CertificateRefusal::UnknownIssuer, .. } => {}
        problem => panic!("{problem}"),
    }
}

#[tokio::test]
async fn an_expired_early_ca_or_wrong_purpose_certificate_is_rejected_with_its_reason() {
    let authority = Authority::new("own");
    let cases: [(Change, &str); 4] = [
        (
            |params| params.not_after = rcgen::date_time_ymd(2020, 2, 3),
            "expired at 2020-02-03T00:00:00Z",
        ),
        (
            |params| params.not_before = rcgen::date_time_ymd(3000, 1, 1),
            "not valid before 3000-01-01T00:00:00Z",
        ),
        (|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained), "(CA:TRUE)"),
        (
            |params| params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth],
            "issued for other purposes",
        ),
    ];
    for (change, reason) in cases {
        let server = authority.server(&["a.example"], change);
        let problem = failure(handshake(&authority.trusted(), &server, "a.example").await.0);
        assert!(problem.to_string().contains(reason), "{problem}");
        // A client with a matching pin accepts the certificate nevertheless.
        let pinned = trusting(ClientTrust::Pins(vec![server.pin()]));
        assert!(handshake(&pinned, &server, "a.example").await.0.is_ok());
    }
}

#[tokio::test]
async fn a_server_accepts_client_certificates_of_its_ca_and_sends_an_alert_for_others() {
    let authority = Authority::new("clients");
    let server = ServerHandshake::new(&ServerTlsOptions {
        client_ca: Some(authority.path()),
        ..self_signed()
    })
    .unwrap();
    let pinned = trusting(ClientTrust::Pins(vec![server.pin()]));
    let certificate = authority.sign(&["client.example"], |_| ());
    let with_certificate = ClientTlsOptions { certificate: Some(certificate), ..pinned.clone() };
    let (client, accepted) = handshake(&with_certificate, &server, "localhost").await;
    assert!(client.is_ok());
    assert_eq!(accepted.unwrap().1.trust, Trust::Chain);

    // Without a certificate, and with one of another CA, the client receives the alert when it
    // reads.
    let foreign = Authority::new("foreign");
    let certificate = foreign.sign(&["client.example"], |_| ());
    let with_foreign = ClientTlsOptions { certificate: Some(certificate), ..pinned.clone() };
    for (options, client_error, server_error) in [
        (pinned, "the peer requires a client certificate", "the client sent no certificate"),
        (
            with_foreign,
            "the peer rejected sockkit's certificate: unknown ca",
            "cannot verify the client's certificate: its issuer is not trusted",
        ),
    ] {
        let (local, remote) = pair();
        let client = ClientHandshake::new(&options).unwrap();
        let host = ServerName::localhost();
        let connecting = async {
            let connected = connect(&client, local, &host, test_deadline()).await;
            connected.unwrap().0.read_u8().await.unwrap_err()
        };
        let (error, accepted) = tokio::join!(connecting, accept(&server, remote, test_deadline()));
        assert!(error.kind() != std::io::ErrorKind::UnexpectedEof);
        let error = TlsError::after_handshake("server", Side::Server, &error).unwrap();
        assert_eq!(error.to_string(), format!("TLS with server failed: {client_error}"));
        assert_eq!(failure(accepted).to_string(), server_error);
    }
}

#[tokio::test]
async fn alpn_selects_a_common_protocol_or_none_or_fails() {
    let alpn = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    let server = ServerHandshake::new(&ServerTlsOptions {
        alpn: alpn(&["h2", "http/1.1"]),
        ..self_signed()
    })
    .unwrap();
    let offering = |names: &[&str]| ClientTlsOptions {
        alpn: alpn(names),
        ..trusting(ClientTrust::Pins(vec![server.pin()]))
    };
    let (client, accepted) = handshake(&offering(&["http/1.1", "x"]), &server, "localhost").await;
    assert_eq!(client.unwrap().1.alpn.as_deref(), Some("http/1.1"));
    assert_eq!(accepted.unwrap().1.alpn.as_deref(), Some("http/1.1"));
    let (client, _) = handshake(&offering(&[]), &server, "localhost").await;
    assert_eq!(client.unwrap().1.alpn, None);
    let (client, accepted) = handshake(&offering(&["smtp"]), &server, "localhost").await;
    for problem in [failure(client), failure(accepted)] {
        assert!(matches!(problem, TlsProblem::NoProtocol), "{problem}");
    }
}

#[tokio::test]
async fn eof_without_close_notify_is_an_error() {
    let server = ServerHandshake::new(&self_signed()).unwrap();
    let options = trusting(ClientTrust::AnyCertificate);
    let (client, accepted) = handshake(&options, &server, "localhost").await;
    let ((mut client, _), (mut accepted, _)) = (client.unwrap(), accepted.unwrap());
    accepted.write_all(b"some", test_deadline()).await.unwrap();
    accepted.flush().await.unwrap();
    drop(accepted);
    let mut read = Vec::new();
    let error = client.read_to_end(&mut read).await.unwrap_err();
    assert_eq!(read, b"some");
    assert!(error.kind() == std::io::ErrorKind::UnexpectedEof);
    assert!(TlsError::after_handshake("server", Side::Server, &error).is_none());
}

#[tokio::test]
async fn a_generated_certificate_is_valid_for_every_name_of_the_listener() {
    let server = ServerHandshake::new(&self_signed()).unwrap();
    let trusting_any = trusting(ClientTrust::AnyCertificate);
    let (client, _) = handshake(&trusting_any, &server, "localhost").await;
    let (stream, _) = client.unwrap();
    let certificate = stream.tls().unwrap().peer_certificates().unwrap()[0].clone();
    // With the certificate itself as the CA, the client verifies it as any other certificate.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    fs::write(&path, to_pem(&certificate)).unwrap();
    for host in ["localhost", "127.0.0.1", "::1", "listen.example"] {
        let (client, _) = handshake(&trusting(ClientTrust::Ca(path.clone())), &server, host).await;
        assert_eq!(client.unwrap().1.trust, Trust::Chain, "{host}");
    }
}

fn to_pem(certificate: &[u8]) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<_> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
