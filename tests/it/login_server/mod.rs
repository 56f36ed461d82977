//! `login-server`: asks for a user name and a password, and records each pair.

mod log_file;
mod tls;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use tempfile::TempDir;

use crate::support::procfs::Process;
use crate::support::program::{shell, start_over_unix};
use crate::support::{Client, Server, Terminal, eventually, sockkit};

/// Starts a server in a temporary directory, which holds its log.
pub(crate) fn server(args: &str) -> (Server, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let server = sockkit(&format!("login-server 0 {args}")).dir(directory.path()).serve();
    (server, directory)
}

pub(crate) fn log(directory: &TempDir) -> String {
    fs::read_to_string(directory.path().join("log-acesso.txt")).unwrap()
}

/// The user and password fields of each record.
pub(crate) fn pairs(log: &str) -> Vec<String> {
    let pair = |line: &str| line[line.find(" user=").unwrap() + 1..].to_owned();
    log.lines().map(pair).collect()
}

pub(crate) fn log_in(client: &mut Client<impl Read + Write>, user: &str, password: &str) -> String {
    client.read_until("Username: ");
    client.send(format!("{user}\n"));
    client.read_until("Password: ");
    client.send(format!("{password}\n"));
    client.line()
}

#[test]
fn a_login_is_answered_printed_and_recorded() {
    let (server, directory) = server("");
    let mut client = server.client();
    let addr = client.stream.local_addr().unwrap();
    assert_eq!(log_in(&mut client, "alice", "s3cret"), "OK recorded");
    // The record is in the log before the answer arrives.
    let record = log(&directory);
    assert!(record.ends_with("user=\"alice\" password=\"s3cret\"\n"), "{record}");
    assert!(record.contains(&format!(" login peer={addr} conn=1 try=1 user=")), "{record}");
    assert_eq!(client.read_to_end(), b"");
    let ran = server.stop().code(0);
    assert_eq!(ran.out(), record);
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(directory.path().join("log-acesso.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_empty_field_is_refused_asked_for_again_and_not_recorded() {
    let (server, directory) = server("");
    let mut client = server.client();
    client.read_until("Username: ");
    client.send("\n");
    assert_eq!(client.line(), "ERR empty user name, try again");
    client.read_until("Username: ");
    client.send("bob\n");
    client.read_until("Password: ");
    client.send("\r\n");
    assert_eq!(client.line(), "ERR empty password, try again");
    assert_eq!(log_in(&mut client, "bob", "x"), "OK recorded");
    assert!(log(&directory).contains("try=3 "));
    assert_eq!(log(&directory).lines().count(), 1);
    let mut client = server.client();
    for _ in 0..5 {
        client.send("\n");
        client.read_until("try again\r\n");
    }
    client.send("\n");
    client.read_until("too many tries\r\n");
    assert_eq!(client.read_to_end(), b"");
    assert_eq!(log(&directory).lines().count(), 1);
}

#[test]
fn every_line_ending_and_any_fragmentation_make_one_login() {
    let (server, directory) = server("");
    for end in ["\n", "\r\n", "\r", "\r\0"] {
        let mut client = server.client();
        client.send(format!("user{end}pass{end}"));
        client.read_until("OK recorded\r\n");
        assert_eq!(client.read_to_end(), b"");
    }
    let mut client = server.client();
    for byte in b"user\r\npass\r\n" {
        client.send([*byte]);
    }
    client.read_until("OK recorded\r\n");
    assert_eq!(pairs(&log(&directory)), ["user=\"user\" password=\"pass\""; 5]);
}

#[test]
fn every_byte_is_recorded_in_one_escaped_line_and_can_be_recovered() {
    let (server, directory) = server("");
    for byte in (0..=255_u8).filter(|byte| !b"\r\n\0".contains(byte)) {
        let mut client = server.client();
        client.send([b"u", &[byte][..], b"\np", &[byte], b"\n"].concat());
        client.read_until("OK recorded\r\n");
    }
    let log = log(&directory);
    assert_eq!(log.lines().count(), 253);
    assert!(!log.chars().any(|c| c != '\n' && sockkit::text::is_hostile(c)));
    for (byte, pair) in (0..=255_u8).filter(|byte| !b"\r\n\0".contains(byte)).zip(pairs(&log)) {
        let user = pair.strip_prefix("user=\"").unwrap().split("\" password=").next().unwrap();
        assert_eq!(sockkit::text::unescape(user).unwrap(), [b'u', byte]);
    }
}

#[test]
fn a_password_cannot_forge_a_record_or_send_terminal_escapes() {
    let (server, directory) = server("");
    let mut client = server.client();
    let attack =
        "x\u{1b}[2J\u{9b}31m\u{202e}\" 2026-11-21T00:00:00 login peer=1.2.3.4:5 user=\"root";
    assert_eq!(log_in(&mut client, "eve", attack), "OK recorded");
    let ran = server.stop().code(0);
    for text in [log(&directory), ran.out(), ran.stderr] {
        assert!(!text.chars().any(|c| c != '\n' && sockkit::text::is_hostile(c)), "{text:?}");
    }
    let log = log(&directory);
    assert_eq!(log.lines().count(), 1);
    assert!(log.split(" peer=").nth(1).unwrap().starts_with("127.0.0.1:"));
}

#[test]
fn an_endless_line_closes_the_connection_and_uses_no_memory() {
    let (server, directory) = server("");
    let resident = || {
        let status = fs::read_to_string(format!("/proc/{}/status", server.running.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = resident();
    let client = server.client();
    // The server may close the connection during the write.
    let sent = (&client.stream).write_all(&vec![b'x'; 10_000_000]);
    let mut client = client;
    let answer = String::from_utf8_lossy(&client.read_to_end()).into_owned();
    assert!(sent.is_err() || answer.contains("ERR line too long"), "{answer}");
    assert!(resident() < before + 4096, "{before} kB, then {} kB", resident());
    let mut client = server.client();
    assert_eq!(log_in(&mut client, "alice", "x"), "OK recorded");
    assert_eq!(log(&directory).lines().count(), 1);
}

#[test]
fn an_incomplete_login_is_not_recorded() {
    let (server, directory) = server("");
    for part in ["ali", "alice\n", "alice\ns3cr"] {
        let mut client = server.client();
        client.send(part);
        client.shut_down();
        client.read_to_end();
    }
    server.client().reset();
    let ran = {
        server
            .running
            .stderr
            .wait_for(|text| (text.matches("incomplete").count() == 3).then_some(()));
        server.stop().code(0)
    };
    assert!(ran.stderr.contains("disconnected after 3 bytes"), "{}", ran.stderr);
    assert_eq!(log(&directory), "");
}

#[test]
fn a_client_that_does_not_log_in_in_time_is_closed_with_an_error() {
    let (server, _directory) = server("--idle-timeout 300ms");
    let mut client = server.client();
    let text = String::from_utf8(client.read_to_end()).unwrap();
    assert_eq!(text, "Username: ERR login timed out after 0.3s\r\n");
    // Sending single bytes does not extend the deadline.
    let mut client = server.client();
    let started = std::time::Instant::now();
    while (&client.stream).write_all(b"x").is_ok() {
        assert!(started.elapsed() < crate::support::TIMEOUT);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let text = String::from_utf8_lossy(&client.read_to_end()).into_owned();
    assert!(text.is_empty() || text.contains("timed out"), "{text}");
}

#[test]
fn the_oldest_client_that_has_not_logged_in_is_evicted() {
    let (server, _directory) = server("--max-clients 3");
    let mut silent: Vec<Client> = (0..3)
        .map(|_| {
            let mut client = server.client();
            client.read_until("Username: ");
            client
        })
        .collect();
    let mut client = server.client();
    assert_eq!(log_in(&mut client, "alice", "x"), "OK recorded");
    assert_eq!(silent[0].line(), "ERR busy, try later");
    assert_eq!(silent[0].read_to_end(), b"");
    let evicted = silent[0].stream.local_addr().unwrap();
    let events = server.running.stderr.wait_for_text("(evicted)");
    assert!(events.contains(&format!("closed {evicted}: ")), "{events}");
    // The other clients stay connected.
    assert_eq!(silent[1].stream.take_error().unwrap().map(|e| e.kind()), None);
    silent[2].send("bob\n");
    silent[2].read_until("Password: ");
}

#[test]
fn a_client_that_stays_connected_after_ok_does_not_keep_others_from_logging_in() {
    let (server, directory) = server("--max-clients 1 -4");
    let logged_in: Vec<Client> = (0..100)
        .map(|number| {
            let mut client = server.client();
            assert_eq!(log_in(&mut client, &format!("user{number}"), "x"), "OK recorded");
            client
        })
        .collect();
    assert_eq!(pairs(&log(&directory)).len(), 100);
    drop(logged_in);
    server.stop().code(0);
}

#[test]
fn evicted_clients_that_never_close_use_few_descriptors() {
    let directory = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_sockkit");
    // 32 connections, 4 of them closing.
    let script = format!("ulimit -n 64; exec {program} login-server 0 -4 --max-clients 1");
    let server = shell(&script).dir(directory.path()).serve();
    let process = Process::of(&server.running);
    let without_clients = process.descriptors();
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(server.client());
        // The client that is served, those that are closing, those whose handlers have yet to run,
        // and the next one.
        assert!(process.descriptors() <= without_clients + 1 + 4 + 4 + 1);
    }
    assert_eq!(log_in(&mut server.client(), "alice", "x"), "OK recorded");
    let ran = server.stop().code(0);
    assert!(!ran.stderr.contains("cannot accept"), "{}", ran.stderr);
}

#[test]
fn once_exits_0_after_a_login_and_1_without_one() {
    let (once, directory) = server("--once");
    let mut client = once.client();
    assert_eq!(log_in(&mut client, "alice", "x"), "OK recorded");
    drop(client);
    once.running.wait().code(0);
    assert_eq!(log(&directory).lines().count(), 1);
    let (once, _directory) = server("--once");
    drop(once.client());
    once.running.wait().code(1);
}

#[test]
fn json_prints_each_login() {
    let directory = tempfile::tempdir().unwrap();
    let running = sockkit("login-server 0 --json -4").dir(directory.path()).start();
    let line = running
        .stdout
        .wait_for(|text| text.lines().next().filter(|_| text.contains('\n')).map(str::to_owned));
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    let mut client = Client::connect(event["addr"].as_str().unwrap().parse().unwrap());
    client.send(b"alice\ncaf\xe9\n");
    client.read_until("OK recorded\r\n");
    drop(client);
    let line = running.stdout.wait_for(|text| {
        text.lines()
            .find(|line| line.contains("\"login\"") && line.ends_with('}'))
            .map(str::to_owned)
    });
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["user"], serde_json::json!({"text": "alice"}));
    assert_eq!(event["password"], serde_json::json!({"bytes": "Y2Fm6Q=="}));
    assert_eq!(event["result"], "recorded");
    assert!(Path::new(&directory.path().join("log-acesso.txt")).exists());
}

#[test]
fn a_hangup_stops_the_server_and_removes_the_port_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let server = format!("login-server 0 --port-file {}", path.display());
    let terminal = Terminal::start(&server, directory.path());
    terminal.screen.wait_for_text("only this machine");
    eventually("the port file", || path.exists().then_some(()));
    terminal.hang_up();
    eventually("the port file is removed", || (!path.exists()).then_some(()));
}

#[test]
fn login_works_over_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let (server, mut client) =
        start_over_unix("login-server --once --log log", &directory.path().join("socket"));
    client.stdout.wait_for_text("Username: ");
    client.write(b"alice\n");
    client.stdout.wait_for_text("Password: ");
    client.write(b"s3cret\n");
    assert!(client.wait().code(0).out().contains("OK"));
    server.wait().code(0);
    let log = fs::read_to_string(directory.path().join("log")).unwrap();
    assert!(log.ends_with("user=\"alice\" password=\"s3cret\"\n"), "{log}");
}
