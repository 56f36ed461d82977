//! Tests with servers that offer TLS, refuse it or inject data.

use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::*;
use crate::net::Deadline;

/// Negotiates with a server that sends the first of `replies` at once and each later one after a
/// command. Returns the outcome and the commands that the server received.
async fn negotiate_with(
    protocol: StarttlsProtocol,
    replies: &[&[u8]],
) -> (Result<(), StarttlsError>, String) {
    let (mut local, mut remote) = duplex(64 * 1024);
    let deadline = Deadline::after(Duration::from_secs(30));
    let serve = async {
        let mut commands = String::new();
        for reply in replies {
            remote.write_all(reply).await.unwrap();
            let mut command = Vec::new();
            while !command.ends_with(b"\n") {
                match remote.read_u8().await {
                    Ok(byte) => command.push(byte),
                    Err(_) => return commands,
                }
            }
            commands.push_str(std::str::from_utf8(&command).unwrap());
        }
        commands
    };
    let client = async {
        let outcome = negotiate(&mut local, protocol, "server", deadline).await;
        // Closes the connection, so that the server stops waiting for a command.
        drop(local);
        outcome
    };
    tokio::join!(client, serve)
}

#[tokio::test]
async fn each_protocol_sends_its_own_commands() {
    let cases: [(StarttlsProtocol, &[&[u8]], &str); 4] = [
        (
            StarttlsProtocol::Smtp,
            &[
                b"220-smtp.example\r\n220 ready\r\n",
                b"250-smtp.example\r\n250-SIZE 1000\r\n250-starttls\r\n250 HELP\r\n",
                b"220 go ahead\r\n",
            ],
            "EHLO localhost\r\nSTARTTLS\r\n",
        ),
        (
            StarttlsProtocol::Imap,
            &[
                b"* OK IMAP4rev2 ready\r\n",
                b"* CAPABILITY IMAP4rev2 STARTTLS LOGINDISABLED\r\na1 OK done\r\n",
                b"a2 OK begin\r\n",
            ],
            "a1 CAPABILITY\r\na2 STARTTLS\r\n",
        ),
        (
            StarttlsProtocol::Pop3,
            &[b"+OK ready\r\n", b"+OK list\r\nTOP\r\nSTLS\r\n.\r\n", b"+OK begin\r\n"],
            "CAPA\r\nSTLS\r\n",
        ),
        (
            StarttlsProtocol::Pop3,
            &[b"+OK ready\r\n", b"-ERR what is CAPA\r\n", b"+OK begin\r\n"],
            "CAPA\r\nSTLS\r\n",
        ),
    ];
    for (protocol, replies, expected) in cases {
        let (outcome, commands) = negotiate_with(protocol, replies).await;
        outcome.unwrap();
        assert_eq!(commands, expected);
    }
}

#[tokio::test]
async fn a_missing_offer_a_refusal_and_another_protocol_have_different_errors() {
    let cases: [(StarttlsProtocol, &[&[u8]], &str); 10] = [
        (StarttlsProtocol::Smtp, &[b"220 x\r\n", b"250 x\r\n"], "the server does not offer it"),
        (StarttlsProtocol::Smtp, &[b"220 x\r\n", b"502 no\r\n"], "the server does not offer it"),
        // The first line holds the server's name, not a capability.
        (
            StarttlsProtocol::Smtp,
            &[b"220 x\r\n", b"250 STARTTLS\r\n"],
            "the server does not offer it",
        ),
        (
            StarttlsProtocol::Smtp,
            &[b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"454 not now\r\n"],
            "the server refused: it sent \"454 not now\"",
        ),
        (
            StarttlsProtocol::Smtp,
            &[b"554 go away\r\n"],
            "the server refused: it sent \"554 go away\"",
        ),
        (
            StarttlsProtocol::Smtp,
            &[b"SSH-2.0-x\x1b\r\n"],
            r#"the server sent "SSH-2.0-x\u{1b}" instead of a greeting (220)"#,
        ),
        (
            StarttlsProtocol::Imap,
            &[b"* OK\r\n", b"* CAPABILITY IMAP4rev1\r\na1 OK\r\n"],
            "the server does not offer it",
        ),
        (
            StarttlsProtocol::Imap,
            &[b"* PREAUTH hello\r\n"],
            "the server refused: it sent \"* PREAUTH hello\"",
        ),
        (StarttlsProtocol::Pop3, &[b"+OK\r\n", b"+OK\r\n.\r\n"], "the server does not offer it"),
        (
            StarttlsProtocol::Pop3,
            &[b"220 smtp\r\n"],
            "the server sent \"220 smtp\" instead of a greeting (+OK)",
        ),
    ];
    for (protocol, replies, message) in cases {
        let error = negotiate_with(protocol, replies).await.0.unwrap_err();
        assert_eq!(error.problem.to_string(), message);
    }
}

#[tokio::test]
async fn data_that_no_command_requested_is_rejected_at_every_stage() {
    let cases: [(StarttlsProtocol, &[&[u8]]); 5] = [
        (
            StarttlsProtocol::Smtp,
            &[b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"220 go\r\n250 injected\r\n"],
        ),
        // The reply to STARTTLS, sent before the command.
        (StarttlsProtocol::Smtp, &[b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n220 go\r\n"]),
        (StarttlsProtocol::Smtp, &[b"220 x\r\n250-x\r\n250 STARTTLS\r\n"]),
        (
            StarttlsProtocol::Imap,
            &[b"* OK\r\n", b"* CAPABILITY STARTTLS\r\na1 OK\r\n", b"a2 OK\r\n* BAD"],
        ),
        (StarttlsProtocol::Pop3, &[b"+OK\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"+OK\r\n\x16\x03"]),
    ];
    for (protocol, replies) in cases {
        let problem = negotiate_with(protocol, replies).await.0.unwrap_err().problem;
        assert!(matches!(problem, StarttlsProblem::Unsolicited), "{problem}");
    }
}

#[tokio::test]
async fn a_reply_that_is_too_long_a_silent_server_and_a_close_are_errors() {
    let line = [b'x'; OVERLONG_LINE];
    let problem = negotiate_with(StarttlsProtocol::Smtp, &[&line]).await.0.unwrap_err().problem;
    assert!(matches!(problem, StarttlsProblem::TooLong), "{problem}");
    let lines = b"250-x\r\n".repeat(200);
    let replies: [&[u8]; 2] = [b"220 x\r\n", &lines];
    let problem = negotiate_with(StarttlsProtocol::Smtp, &replies).await.0.unwrap_err().problem;
    assert!(matches!(problem, StarttlsProblem::TooLong), "{problem}");
    let (mut local, _remote) = duplex(64);
    let soon = Deadline::after(Duration::from_millis(20));
    let error = negotiate(&mut local, StarttlsProtocol::Imap, "server", soon).await.unwrap_err();
    assert!(matches!(error.problem, StarttlsProblem::TimedOut));
    let message = "STARTTLS with server (IMAP) failed: timed out waiting for the server's reply";
    assert_eq!(error.to_string(), message);
    let (mut local, remote) = duplex(64);
    drop(remote);
    let error =
        negotiate(&mut local, StarttlsProtocol::Pop3, "server", Deadline::NEVER).await.unwrap_err();
    assert!(matches!(error.problem, StarttlsProblem::Closed));
}

/// A line length in bytes above the limit.
const OVERLONG_LINE: usize = 10_000;

proptest! {
    #[test]
    fn negotiation_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for protocol in [StarttlsProtocol::Smtp, StarttlsProtocol::Imap, StarttlsProtocol::Pop3] {
            for greeting in ["", "220 x\r\n", "* OK\r\n", "+OK\r\n"] {
                let sent = [greeting.as_bytes(), &bytes].concat();
                runtime.block_on(async {
                    let (mut local, mut remote) = duplex(64 * 1024);
                    remote.write_all(&sent).await.unwrap();
                    remote.shutdown().await.unwrap();
                    negotiate(&mut local, protocol, "server", Deadline::NEVER).await.ok();
                });
            }
        }
    }
}
