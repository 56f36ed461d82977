//! Handshakes with peers that do not use TLS or send nothing.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::net::Deadline;
use crate::net::tls::tests::support::{
    accept, connect, failure, pair, self_signed, test_deadline, trusting,
};
use crate::net::tls::{
    ClientHandshake, ClientTrust, ServerHandshake, ServerName, TlsProblem, looks_like_tls,
};

/// Returns a client's problem with a server that sends `bytes` and then closes.
async fn connect_to_server_sending(bytes: &[u8]) -> TlsProblem {
    let (local, mut remote) = pair();
    remote.write_all(bytes).await.unwrap();
    remote.shutdown().await.unwrap();
    let client = ClientHandshake::new(&trusting(ClientTrust::AnyCertificate)).unwrap();
    failure(connect(&client, local, &ServerName::localhost(), test_deadline()).await)
}

#[tokio::test]
async fn the_error_for_a_plain_text_server_quotes_its_first_bytes() {
    let problem = connect_to_server_sending(b"220 smtp.example ESMTP\r\n").await;
    let message =
        r#"the peer does not speak TLS: it sent "220 smtp.example ESMTP\r\n" (SMTP or FTP)"#;
    assert_eq!(problem.to_string(), message);
    let problem = connect_to_server_sending(b"\x1b[2J").await;
    assert_eq!(problem.to_string(), r#"the peer does not speak TLS: it sent "\u{1b}[2J""#);
    // Too short for a record: rustls reports EOF, not an invalid record.
    let problem = connect_to_server_sending(b"no").await;
    assert_eq!(problem.to_string(), r#"the peer does not speak TLS: it sent "no""#);
    let problem = connect_to_server_sending(b"").await;
    assert_eq!(problem.to_string(), "the peer closed the connection during the handshake");
    // Alerts: internal_error, handshake_failure and protocol_version.
    let problem = connect_to_server_sending(&[0x15, 3, 3, 0, 2, 2, 80]).await;
    assert_eq!(problem.to_string(), "the peer sent a TLS alert: internal error");
    let problem = connect_to_server_sending(&[0x15, 3, 3, 0, 2, 2, 40]).await;
    assert!(matches!(problem, TlsProblem::NoCipher), "{problem}");
    let problem = connect_to_server_sending(&[0x15, 3, 1, 0, 2, 2, 70]).await;
    assert!(matches!(problem, TlsProblem::NoVersion), "{problem}");
}

#[tokio::test]
async fn an_echo_server_is_recognised() {
    let (local, remote) = pair();
    let (mut reader, mut writer) = tokio::io::split(remote);
    let echo = tokio::spawn(async move { tokio::io::copy(&mut reader, &mut writer).await });
    let client = ClientHandshake::new(&trusting(ClientTrust::AnyCertificate)).unwrap();
    let outcome = connect(&client, local, &ServerName::localhost(), test_deadline()).await;
    assert!(matches!(failure(outcome), TlsProblem::Echo));
    echo.abort();
}

#[tokio::test]
async fn the_handshake_ends_at_the_deadline() {
    let soon = || Deadline::after(Duration::from_millis(20));
    let client = ClientHandshake::new(&trusting(ClientTrust::AnyCertificate)).unwrap();
    let (local, _remote) = pair();
    let outcome = connect(&client, local, &ServerName::localhost(), soon()).await;
    assert!(matches!(failure(outcome), TlsProblem::TimedOut { silent: true }));
    let (local, mut remote) = pair();
    remote.write_all(b"hm").await.unwrap();
    let outcome = connect(&client, local, &ServerName::localhost(), soon()).await;
    assert!(matches!(failure(outcome), TlsProblem::NotTls { .. }));
    let (local, _remote) = pair();
    let server = ServerHandshake::new(&self_signed()).unwrap();
    let outcome = accept(&server, local, soon()).await;
    assert!(matches!(failure(outcome), TlsProblem::TimedOut { silent: true }));
}

#[tokio::test]
async fn a_plain_text_client_receives_an_alert_and_the_error_quotes_its_first_bytes() {
    let server = ServerHandshake::new(&self_signed()).unwrap();
    let (mut local, remote) = pair();
    local.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let client = async {
        let mut reply = Vec::new();
        local.read_to_end(&mut reply).await.unwrap();
        drop(local);
        reply
    };
    let (reply, accepted) = tokio::join!(client, accept(&server, remote, test_deadline()));
    assert!(looks_like_tls(&reply), "{reply:?}");
    let message = r#"the client does not speak TLS: it sent "GET / HTTP/1.1\r\n\r\n" (HTTP)"#;
    assert_eq!(failure(accepted).to_string(), message);
}
