//! Servers that offer TLS, that do not, and that cheat.

use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::*;
use crate::net::Deadline;

/// A server that says each line when the one before was answered; returns what it was told.
async fn talk(protocol: StarttlsProtocol, server: &[&[u8]]) -> (Result<(), StarttlsError>, String) {
    let (mut ours, mut theirs) = duplex(64 * 1024);
    let patience = Deadline::after(Duration::from_secs(30));
    let serve = async {
        let mut heard = String::new();
        for said in server {
            theirs.write_all(said).await.unwrap();
            let mut command = Vec::new();
            while !command.ends_with(b"\n") {
                match theirs.read_u8().await {
                    Ok(byte) => command.push(byte),
                    Err(_) => return heard,
                }
            }
            heard.push_str(std::str::from_utf8(&command).unwrap());
        }
        heard
    };
    let asking = async {
        let outcome = ask(&mut ours, protocol, "server", patience).await;
        // The end of our side.
        drop(ours);
        outcome
    };
    let (outcome, heard) = tokio::join!(asking, serve);
    (outcome, heard)
}

#[tokio::test]
async fn each_protocol_is_asked_in_its_own_words() {
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
    for (protocol, server, told) in cases {
        let (outcome, heard) = talk(protocol, server).await;
        outcome.unwrap();
        assert_eq!(heard, told);
    }
}

#[tokio::test]
async fn a_server_that_does_not_offer_it_or_refuses_is_told_apart_from_one_that_is_another() {
    let cases: [(StarttlsProtocol, &[&[u8]], &str); 10] = [
        (StarttlsProtocol::Smtp, &[b"220 x\r\n", b"250 x\r\n"], "the server does not offer it"),
        (StarttlsProtocol::Smtp, &[b"220 x\r\n", b"502 no\r\n"], "the server does not offer it"),
        // Its name is no ability.
        (
            StarttlsProtocol::Smtp,
            &[b"220 x\r\n", b"250 STARTTLS\r\n"],
            "the server does not offer it",
        ),
        (
            StarttlsProtocol::Smtp,
            &[b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"454 not now\r\n"],
            "the server refuses: it said \"454 not now\"",
        ),
        (
            StarttlsProtocol::Smtp,
            &[b"554 go away\r\n"],
            "the server refuses: it said \"554 go away\"",
        ),
        (
            StarttlsProtocol::Smtp,
            &[b"SSH-2.0-x\x1b\r\n"],
            r#"the server said "SSH-2.0-x\u{1b}" where a greeting (220) was due"#,
        ),
        (
            StarttlsProtocol::Imap,
            &[b"* OK\r\n", b"* CAPABILITY IMAP4rev1\r\na1 OK\r\n"],
            "the server does not offer it",
        ),
        (
            StarttlsProtocol::Imap,
            &[b"* PREAUTH hello\r\n"],
            "the server refuses: it said \"* PREAUTH hello\"",
        ),
        (StarttlsProtocol::Pop3, &[b"+OK\r\n", b"+OK\r\n.\r\n"], "the server does not offer it"),
        (
            StarttlsProtocol::Pop3,
            &[b"220 smtp\r\n"],
            "the server said \"220 smtp\" where a greeting (+OK) was due",
        ),
    ];
    for (protocol, server, words) in cases {
        let error = talk(protocol, server).await.0.unwrap_err();
        assert_eq!(error.problem.to_string(), words);
    }
}

#[tokio::test]
async fn bytes_behind_the_go_ahead_are_an_injection_wherever_they_are() {
    let cases: [(StarttlsProtocol, &[&[u8]]); 5] = [
        (
            StarttlsProtocol::Smtp,
            &[b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"220 go\r\n250 injected\r\n"],
        ),
        // The go-ahead before it was asked for.
        (StarttlsProtocol::Smtp, &[b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n220 go\r\n"]),
        (StarttlsProtocol::Smtp, &[b"220 x\r\n250-x\r\n250 STARTTLS\r\n"]),
        (
            StarttlsProtocol::Imap,
            &[b"* OK\r\n", b"* CAPABILITY STARTTLS\r\na1 OK\r\n", b"a2 OK\r\n* BAD"],
        ),
        (StarttlsProtocol::Pop3, &[b"+OK\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"+OK\r\n\x16\x03"]),
    ];
    for (protocol, server) in cases {
        let problem = talk(protocol, server).await.0.unwrap_err().problem;
        assert!(matches!(problem, StarttlsProblem::Unasked), "{problem}");
    }
}

#[tokio::test]
async fn endless_answers_and_silence_have_an_end() {
    let line = [b'x'; MAX_LINE_AND_MORE];
    let problem = talk(StarttlsProtocol::Smtp, &[&line]).await.0.unwrap_err().problem;
    assert!(matches!(problem, StarttlsProblem::TooLong), "{problem}");
    let lines = b"250-x\r\n".repeat(200);
    let problem =
        talk(StarttlsProtocol::Smtp, &[b"220 x\r\n", &lines]).await.0.unwrap_err().problem;
    assert!(matches!(problem, StarttlsProblem::TooLong), "{problem}");
    let (mut ours, _theirs) = duplex(64);
    let soon = Deadline::after(Duration::from_millis(20));
    let error = ask(&mut ours, StarttlsProtocol::Imap, "server", soon).await.unwrap_err();
    assert!(matches!(error.problem, StarttlsProblem::TimedOut));
    let words = "STARTTLS with server (IMAP) failed: timed out waiting for the server's answer";
    assert_eq!(error.to_string(), words);
    let (mut ours, theirs) = duplex(64);
    drop(theirs);
    let error =
        ask(&mut ours, StarttlsProtocol::Pop3, "server", Deadline::NEVER).await.unwrap_err();
    assert!(matches!(error.problem, StarttlsProblem::Closed));
}

/// More than any line may have.
const MAX_LINE_AND_MORE: usize = 10_000;

proptest! {
    #[test]
    fn nothing_a_server_says_makes_us_panic(said in prop::collection::vec(any::<u8>(), 0..300)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for protocol in [StarttlsProtocol::Smtp, StarttlsProtocol::Imap, StarttlsProtocol::Pop3] {
            for greeting in ["", "220 x\r\n", "* OK\r\n", "+OK\r\n"] {
                let said = [greeting.as_bytes(), &said].concat();
                runtime.block_on(async {
                    let (mut ours, mut theirs) = duplex(64 * 1024);
                    theirs.write_all(&said).await.unwrap();
                    theirs.shutdown().await.unwrap();
                    ask(&mut ours, protocol, "server", Deadline::NEVER).await.ok();
                });
            }
        }
    }
}
