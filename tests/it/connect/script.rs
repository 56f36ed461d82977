//! `connect` with `--send`, `--expect` and `--script`.

use std::fs;
use std::io::{ErrorKind, Read as _};

use crate::support::script::{Scripted, assert_stderr_contains};
use crate::support::{ClosedPort, Peer, Sockkit, sockkit};

/// A mail server that sends `greeting`, reads one line, sends a reply and returns the line.
fn mail_server(greeting: &'static str) -> Peer<String> {
    Peer::start(move |mut client| {
        client.send(greeting);
        let line = client.line();
        client.send("221 bye\r\n");
        line
    })
}

#[test]
fn send_and_expect_run_in_command_line_order() {
    let peer = mail_server("220 here\r\n");
    let ran = sockkit(&format!("connect {}", peer.addr))
        .arg("--expect")
        .arg("^220 .*\\r\\n")
        .arg("--send")
        .arg("QUIT\\r\\n")
        .arg("--expect")
        .arg("/^221/ 30s")
        .start()
        .wait()
        .code(0);
    assert_eq!(ran.stdout, b"220 here\r\n221 bye\r\n");
    assert_eq!(ran.stderr, "");
    assert_eq!(peer.join(), "QUIT");
}

/// A mail server with a greeting and an EHLO reply of several lines, sent a few bytes at a time.
fn verbose_mail_server() -> Peer<()> {
    Peer::start(|mut client| {
        let send = |client: &mut crate::support::Client, text: &str| {
            text.as_bytes().chunks(5).for_each(|piece| client.send(piece));
        };
        send(&mut client, "220-mail.example\r\n220 mail.example ESMTP ready, 221 times\r\n");
        loop {
            match &*client.line() {
                "EHLO me" => send(&mut client, "250-mail.example\r\n250-SIZE\r\n250 HELP\r\n"),
                "QUIT" => return send(&mut client, "221 2.0.0 bye\r\n"),
                other => panic!("{other}"),
            }
        }
    })
}

#[test]
fn an_expectation_finds_its_line_after_the_rest_of_an_earlier_reply() {
    // The example of the README.
    let peer = verbose_mail_server();
    let steps = ["--expect", "^220 ", "--send", "QUIT\\r\\n", "--expect", "^221 "];
    let connect = sockkit(&format!("connect {}", peer.addr));
    let ran = steps.iter().fold(connect, Sockkit::arg).start().wait().code(0);
    assert_eq!(ran.stderr, "");
    peer.join();
    // The same in a script, with a reply of several lines.
    let peer = verbose_mail_server();
    let script = Scripted::new(
        "expect /^220 /\nsend \"EHLO me\\r\\n\"\nexpect /^250-SIZE$/\nexpect /^250 /\n\
         send \"QUIT\\r\\n\"\nexpect /^221 .* bye$/\nexpect-end\n",
    );
    script.sockkit(&format!("connect {}", peer.addr)).start().wait().code(0);
    peer.join();
}

#[test]
fn a_start_anchor_does_not_match_within_a_line() {
    let peer = Peer::start(|mut client| client.send("220 221 is my name\r\n"));
    let steps = ["--expect", "^220 ", "--expect", "^221 "];
    let connect = sockkit(&format!("connect {}", peer.addr));
    let ran = steps.iter().fold(connect, Sockkit::arg).start().wait().code(1);
    assert_stderr_contains(&ran, &["expect /^221 / was not met"]);
}

#[test]
fn a_script_runs_to_its_last_step() {
    let script = Scripted::new(
        "# a client\nexpect /^220 .*\\r\\n/ 30s\nsend \"QUIT\\r\\n\"\nexpect \"221 bye\\r\\n\" 30s\nexpect-end 30s\n",
    );
    let peer = mail_server("220 here\r\n");
    let ran = script.sockkit(&format!("connect {}", peer.addr)).start().wait().code(0);
    assert_eq!(ran.stdout, b"220 here\r\n221 bye\r\n");
    assert_eq!(peer.join(), "QUIT");
}

#[test]
fn an_unmet_expectation_exits_1_and_shows_what_arrived_instead() {
    let peer = Peer::start(|mut client| {
        client.send("421 busy\r\n");
        client.read_to_end()
    });
    let script = Scripted::new("# mail\n\nexpect /^220/ 3s\nsend \"QUIT\\r\\n\"\n");
    let ran = script.sockkit(&format!("connect {}", peer.addr)).start().wait().code(1);
    assert_eq!(ran.stdout, b"421 busy\r\n");
    let expected = "error: expect /^220/ was not met within 3s (s.txt:3)\n\
                    cause: received \"421 busy\\r\\n\"\n";
    assert!(ran.stderr.starts_with(expected), "{}", ran.stderr);
    assert_eq!(peer.join(), b"");
}

#[test]
fn an_expectation_fails_at_once_when_the_peer_closes() {
    let peer = Peer::start(|mut client| client.send("421 busy\r\n"));
    let ran = sockkit(&format!("connect {}", peer.addr))
        .arg("--expect")
        .arg("/^220/ 1h")
        .start()
        .wait()
        .code(1);
    assert_stderr_contains(
        &ran,
        &["expect /^220/ was not met before the peer closed (--expect)", "421 busy"],
    );
}

#[test]
fn an_unmet_expectation_without_data_reports_that_nothing_arrived() {
    let peer = Peer::start(|mut client| client.read_to_end());
    let ran = sockkit(&format!("connect {} --expect", peer.addr))
        .arg("/^220/ 200ms")
        .start()
        .wait()
        .code(1);
    assert_stderr_contains(&ran, &["was not met within 200ms", "cause: received nothing"]);
}

#[test]
fn a_timeout_during_a_script_exits_5() {
    let peer = Peer::start(|mut client| client.read_to_end());
    let script = Scripted::new("expect /^220/ 1h\n");
    let connect = format!("connect {} --timeout 3s", peer.addr);
    let ran = script.sockkit(&connect).start().wait().code(5);
    assert_stderr_contains(&ran, &["timed out in expect /^220/ (s.txt:1)"]);
}

#[test]
fn an_invalid_script_is_reported_before_connecting() {
    let port = ClosedPort::new();
    let script = Scripted::new("# mail\n  expect 220\n");
    let ran = script.sockkit(&format!("connect {}", port.addr())).run().code(2);
    assert_stderr_contains(&ran, &["s.txt:2:10: the pattern is missing", "try: /REGEX/"]);
    fs::write(script.path("s.txt"), "send-file none\n").unwrap();
    let ran = script.sockkit(&format!("connect {}", port.addr())).run().code(8);
    assert_stderr_contains(&ran, &["s.txt:1:11: cannot read none: no such file or directory"]);
    let ran = script.sockkit("listen 0").run().code(8);
    assert_stderr_contains(&ran, &["s.txt:1:11"]);
    fs::remove_file(script.path("s.txt")).unwrap();
    let ran = script.sockkit(&format!("connect {}", port.addr())).run().code(8);
    assert_stderr_contains(&ran, &["cannot read s.txt: no such file or directory"]);
}

#[test]
fn a_large_file_is_sent_while_the_reply_arrives() {
    let script = Scripted::new("send-file all.bin\nclose-write\nexpect-end 1m\n");
    let all: Vec<u8> = (0..=255).cycle().take(8_000_000).collect();
    fs::write(script.path("all.bin"), &all).unwrap();
    let server = sockkit("echo-server 0").serve();
    let ran = script.sockkit(&format!("connect {}", server.addr)).start().wait().code(0);
    assert!(ran.stdout == all);
}

#[test]
fn a_script_can_end_with_a_reset() {
    let peer = Peer::start(|mut client| {
        client.send("hello\n");
        let mut buffer = [0; 16];
        client.stream.read(&mut buffer).map_err(|error| error.kind())
    });
    let script = Scripted::new("expect \"hello\\n\" 30s\nreset\n");
    script.sockkit(&format!("connect {}", peer.addr)).start().wait().code(0);
    assert_eq!(peer.join(), Err(ErrorKind::ConnectionReset));
}

#[test]
fn a_finished_script_does_not_wait_for_the_peer_to_close() {
    let peer = Peer::start(|mut client| {
        client.send("220 hi\r\n");
        client.read_to_end();
        // The peer keeps its side open.
        std::thread::sleep(std::time::Duration::from_secs(3));
    });
    sockkit(&format!("connect {} --expect ^220", peer.addr)).run().code(0);
    peer.join();
}

#[test]
fn options_that_have_no_meaning_for_a_script_are_refused() {
    for flag in ["--crlf", "--delay 1s", "--idle-timeout 1s", "--half-open", "--recv-only"] {
        let ran = sockkit(&format!("connect 127.0.0.1:1 --expect x {flag}")).run().code(2);
        assert!(ran.stderr.contains("conflicts with --script"), "{}", ran.stderr);
    }
}
