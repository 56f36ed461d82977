//! Observers of the clients of `echo-server`: recording, hex dump and statistics.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::peers::tls::{Certificates, TlsClient};
use crate::support::recording::{course_of, payload_of, read_recording, recording_path};
use crate::support::{Client, KillOnDrop, Sockkit, eventually, sockkit};

/// The lines of connection number `conn`, after a first line as in a recording.
fn of_connection(lines: &[Value], conn: u64) -> Vec<Value> {
    let of_it = lines[1..].iter().filter(|line| line["conn"] == conn);
    lines[..1].iter().chain(of_it).cloned().collect()
}

#[test]
fn a_recording_has_the_decrypted_bytes_of_each_client_and_how_both_sides_ended() {
    let certificates = Certificates::new();
    let (_directory, path) = recording_path();
    let server = format!("echo-server 127.0.0.1:0 --record {}", path.display());
    let echo = certificates.serve(&server);
    // A client whose handshake fails is not recorded, but has a number.
    let mut plain = echo.client();
    plain.send("plain text\r\n");
    plain.read_to_end();
    let mut peers = Vec::new();
    for word in ["one", "two"] {
        let mut client = TlsClient::secure(&certificates, &echo);
        peers.push(client.stream.sock.local_addr().unwrap().to_string());
        client.send(word);
        assert_eq!(client.recv(), word.as_bytes());
        client.send_close_notify();
        client.read_to_close();
    }
    let mut reset = TlsClient::secure(&certificates, &echo);
    reset.send("x");
    assert_eq!(reset.recv(), b"x");
    Client::of(reset.stream.sock).reset();
    echo.running.stderr.wait_for_text("(reset)");
    echo.stop().code(0);
    let lines = read_recording(&path);
    assert_eq!((&lines[0]["type"], &lines[0]["version"]), (&"record".into(), &2.into()));
    let clean = ["connected", "secured", "data in", "data out", "end peer close_notify"];
    let clean = [&clean[..], &["end local close_notify", "closed"]].concat();
    assert_eq!(course_of(&of_connection(&lines, 1)), Vec::<String>::new());
    for (conn, peer, word) in [(2, &peers[0], "one"), (3, &peers[1], "two")] {
        let lines = of_connection(&lines, conn);
        assert_eq!(course_of(&lines), clean);
        assert_eq!((payload_of(&lines, "in", peer), payload_of(&lines, "out", peer)), {
            (word.to_owned(), word.to_owned())
        });
    }
    let ended = ["connected", "secured", "data in", "data out", "end peer reset"];
    let ended = [&ended[..], &["end local reset", "closed"]].concat();
    assert_eq!(course_of(&of_connection(&lines, 4)), ended);
}

#[test]
fn a_plain_client_is_recorded_with_fin() {
    let (_directory, path) = recording_path();
    let echo = sockkit("echo-server 0 --record").arg(&path).serve();
    let mut client = echo.client();
    client.send("caf\u{e9}");
    client.shut_down();
    client.read_to_end();
    echo.stop().code(0);
    let course = course_of(&read_recording(&path));
    let expected = ["connected", "data in", "data out", "end peer fin", "end local fin", "closed"];
    assert_eq!(course, expected);
}

#[test]
fn a_hexdump_shows_the_decrypted_bytes_between_the_events() {
    let certificates = Certificates::new();
    let echo = certificates.serve("echo-server 127.0.0.1:0 --hexdump");
    let mut client = TlsClient::secure(&certificates, &echo);
    client.send("hello\n");
    client.send_close_notify();
    client.read_to_close();
    let ran = echo.stop().code(0);
    let place = |part: &str| ran.stderr.find(part).unwrap_or_else(|| panic!("{}", ran.stderr));
    let order = ["secured ", "<<< ", "|hello.|", ">>> ", "closed "].map(place);
    assert!(order.is_sorted(), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("68 65 6c 6c 6f 0a").count(), 2);
}

#[test]
fn a_hexdump_whose_reader_is_blocked_delays_no_client() {
    // Standard error is a pipe that is never read, and full long before the last client.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let (reader, writer) = std::io::pipe().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_sockkit"))
        .args(["echo-server", "0", "--hexdump", "--port-file"])
        .arg(&path)
        .stdin(Stdio::null())
        .stderr(writer)
        .spawn();
    let _child = KillOnDrop(child.unwrap());
    let port: u16 =
        eventually("the port file", || std::fs::read_to_string(&path).ok()?.trim().parse().ok());
    for _ in 0..500 {
        let mut client = Client::connect(([127, 0, 0, 1], port).into());
        client.send([b'x'; 64]);
        assert_eq!(client.recv(), [b'x'; 64]);
    }
    drop(reader);
}

#[test]
fn statistics_over_tls_have_the_time_of_the_handshake() {
    let certificates = Certificates::new();
    let echo = certificates.serve("echo-server 127.0.0.1:0 --stats");
    let mut client = TlsClient::secure(&certificates, &echo);
    client.send("hello");
    client.send_close_notify();
    client.read_to_close();
    let ran = echo.stop().code(0);
    let row = |start: &str| ran.stderr.lines().any(|line| line.starts_with(start));
    assert!(row("stats 127.0.0.1:") && row("tls ") && row("RTT "), "{}", ran.stderr);
}

#[test]
fn a_server_whose_recording_cannot_be_opened_exits_8_before_it_listens() {
    let directory = tempfile::tempdir().unwrap();
    for server in ["echo-server", "login-server", "chat-server"] {
        for path in ["/dev/full", "/no/such/directory/talk"] {
            let server = sockkit(&format!("{server} 0 --record {path}"));
            let ran = server.dir(directory.path()).run().code(8);
            assert!(ran.stderr.contains(path) && ran.stderr.contains("try: "), "{}", ran.stderr);
            assert!(!ran.stderr.contains("listening"), "{}", ran.stderr);
        }
    }
}

#[test]
fn a_recording_that_fails_ends_with_a_warning_and_the_server_exits_8_at_its_end() {
    let (_directory, path) = recording_path();
    let program = env!("CARGO_BIN_EXE_sockkit");
    // Only the first lines fit into the file (setrlimit(2), RLIMIT_FSIZE, in blocks of 1,024).
    let script = format!(
        "trap '' XFSZ; ulimit -f 1; exec {program} echo-server 0 --record {}",
        path.display()
    );
    let mut command = Command::new("bash");
    command.args(["-c", &script]);
    let echo = Sockkit::of(command).serve();
    let mut client = echo.client();
    for _ in 0..20 {
        client.send([b'x'; 100]);
        client.read_until(&"x".repeat(100));
    }
    echo.running.stderr.wait_for_text("recording ends");
    client.send("still served");
    client.read_until("still served");
    let ran = echo.stop().code(8);
    assert_eq!(ran.stderr.matches("recording ends").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("error: cannot write "), "{}", ran.stderr);
}

#[test]
fn hexdump_with_json_is_a_usage_error_of_a_server() {
    let ran = sockkit("echo-server 0 --json --hexdump").run().code(2);
    assert!(ran.stderr.contains("--record"), "{}", ran.stderr);
}
