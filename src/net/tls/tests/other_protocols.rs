//! Peers that speak something else than TLS, or nothing.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use crate::net::Deadline;
use crate::net::tls::tests::{failure, patience, self_signed, trusting};
use crate::net::tls::{
    ClientHandshake, ClientTrust, ServerHandshake, ServerName, TlsProblem, looks_like_tls,
};

/// What a client makes of a server that says `said` and then ends.
async fn connect_to(said: &[u8]) -> TlsProblem {
    let (ours, mut theirs) = duplex(64 * 1024);
    theirs.write_all(said).await.unwrap();
    theirs.shutdown().await.unwrap();
    let client = ClientHandshake::new(&trusting(ClientTrust::Anyone)).unwrap();
    failure(client.connect(ours, &ServerName::localhost(), "server", patience()).await)
}

#[tokio::test]
async fn a_peer_that_speaks_plain_is_quoted() {
    let problem = connect_to(b"220 smtp.example ESMTP\r\n").await;
    let words =
        r#"the peer does not speak TLS: it said "220 smtp.example ESMTP\r\n" (SMTP or FTP)"#;
    assert_eq!(problem.to_string(), words);
    let problem = connect_to(b"\x1b[2J").await;
    assert_eq!(problem.to_string(), r#"the peer does not speak TLS: it said "\u{1b}[2J""#);
    // Too short to be anything: it is the end that tells.
    assert_eq!(connect_to(b"no").await.to_string(), r#"the peer does not speak TLS: it said "no""#);
    let problem = connect_to(b"").await;
    assert_eq!(problem.to_string(), "the peer closed the connection during the handshake");
    // An alert: handshake_failure.
    let problem = connect_to(&[0x15, 3, 3, 0, 2, 2, 40]).await;
    assert_eq!(problem.to_string(), "the peer gave up: handshake failure");
    let problem = connect_to(&[0x15, 3, 1, 0, 2, 2, 70]).await;
    assert!(matches!(problem, TlsProblem::NoVersion), "{problem}");
}

#[tokio::test]
async fn a_peer_that_sends_back_what_it_is_sent_is_found_out() {
    let (ours, theirs) = duplex(64 * 1024);
    let (mut reader, mut writer) = tokio::io::split(theirs);
    let echo = tokio::spawn(async move { tokio::io::copy(&mut reader, &mut writer).await });
    let client = ClientHandshake::new(&trusting(ClientTrust::Anyone)).unwrap();
    let outcome = client.connect(ours, &ServerName::localhost(), "server", patience()).await;
    assert!(matches!(failure(outcome), TlsProblem::Echo));
    echo.abort();
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_given_up_at_the_deadline() {
    let soon = || Deadline::after(Duration::from_millis(20));
    let client = ClientHandshake::new(&trusting(ClientTrust::Anyone)).unwrap();
    let (ours, _theirs) = duplex(64 * 1024);
    let outcome = client.connect(ours, &ServerName::localhost(), "server", soon()).await;
    assert!(matches!(failure(outcome), TlsProblem::TimedOut { silent: true }));
    let (ours, mut theirs) = duplex(64 * 1024);
    theirs.write_all(b"hm").await.unwrap();
    let outcome = client.connect(ours, &ServerName::localhost(), "server", soon()).await;
    assert!(matches!(failure(outcome), TlsProblem::NotTls { .. }));
    let (ours, _theirs) = duplex(64 * 1024);
    let server = ServerHandshake::new(&self_signed()).unwrap();
    let outcome = server.accept(ours, "client", soon()).await;
    assert!(matches!(failure(outcome), TlsProblem::TimedOut { silent: true }));
}

#[tokio::test]
async fn a_client_that_speaks_plain_is_quoted_and_gets_an_alert() {
    let server = ServerHandshake::new(&self_signed()).unwrap();
    let (mut ours, theirs) = duplex(64 * 1024);
    ours.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let plain = async {
        let mut answer = Vec::new();
        ours.read_to_end(&mut answer).await.unwrap();
        drop(ours);
        answer
    };
    let (answer, accepted) = tokio::join!(plain, server.accept(theirs, "client", patience()));
    assert!(looks_like_tls(&answer), "{answer:?}");
    let words = r#"the client does not speak TLS: it said "GET / HTTP/1.1\r\n\r\n" (HTTP)"#;
    assert_eq!(failure(accepted).to_string(), words);
}
