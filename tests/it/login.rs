//! `login-server` and `login`: OK means recorded, and nothing a client sends can lie.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::{Client, Peer, Server, Sockkit, sockkit};

/// A server in a directory of its own, and the path of its log.
fn server(args: &str) -> (Server, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let server = sockkit(&format!("login-server 0 {args}")).dir(directory.path()).serve();
    (server, directory)
}

fn log(directory: &TempDir) -> String {
    fs::read_to_string(directory.path().join("log-acesso.txt")).unwrap()
}

/// What follows the trusted fields of each record.
fn pairs(log: &str) -> Vec<String> {
    let pair = |line: &str| line[line.find(" user=").unwrap() + 1..].to_owned();
    log.lines().map(pair).collect()
}

fn log_in(client: &mut Client, user: &str, password: &str) -> String {
    client.read_until("Username: ");
    client.send(format!("{user}\n"));
    client.read_until("Password: ");
    client.send(format!("{password}\n"));
    client.line()
}

#[test]
fn a_login_is_answered_shown_and_recorded() {
    let (server, directory) = server("");
    let mut client = server.client();
    let ours = client.stream.local_addr().unwrap();
    assert_eq!(log_in(&mut client, "alice", "s3cret"), "OK recorded");
    // The record was there before the answer.
    let record = log(&directory);
    assert!(record.ends_with("user=\"alice\" password=\"s3cret\"\n"), "{record}");
    assert!(record.contains(&format!(" login peer={ours} conn=1 try=1 user=")), "{record}");
    assert_eq!(client.read_to_end(), b"");
    let ran = server.stop().code(0);
    assert_eq!(ran.out(), record);
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(directory.path().join("log-acesso.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn empty_fields_are_refused_and_asked_again_and_not_recorded() {
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
fn line_ends_of_every_kind_and_pieces_of_any_size_make_one_login() {
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
fn every_byte_is_recorded_in_one_safe_line_and_comes_back() {
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
fn a_password_cannot_forge_a_record_or_touch_the_operators_terminal() {
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
fn ten_megabytes_without_a_newline_are_cut_off_and_memory_stays_flat() {
    let (server, directory) = server("");
    let resident = || {
        let status = fs::read_to_string(format!("/proc/{}/status", server.running.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = resident();
    let client = server.client();
    use std::io::Write as _;
    // It may be closed on us at any moment, which is the point.
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
fn half_a_login_is_no_login() {
    let (server, directory) = server("");
    for part in ["ali", "alice\n", "alice\ns3cr"] {
        let mut client = server.client();
        client.send(part);
        client.end();
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
    assert!(ran.stderr.contains("left after 3 bytes"), "{}", ran.stderr);
    assert_eq!(log(&directory), "");
}

#[test]
fn a_silent_client_is_told_and_closed_at_its_deadline() {
    let (server, _directory) = server("--idle-timeout 300ms");
    let mut client = server.client();
    let text = String::from_utf8(client.read_to_end()).unwrap();
    assert_eq!(text, "Username: ERR login timed out after 0.3s\r\n");
    // Dripping bytes buys nothing.
    let mut client = server.client();
    let started = std::time::Instant::now();
    use std::io::Write as _;
    while (&client.stream).write_all(b"x").is_ok() {
        assert!(started.elapsed() < crate::support::PATIENCE);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let text = String::from_utf8_lossy(&client.read_to_end()).into_owned();
    assert!(text.is_empty() || text.contains("timed out"), "{text}");
}

#[test]
fn the_oldest_that_has_not_logged_in_makes_place() {
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
    let events = server.running.stderr.wait_for_text("(made place for another)");
    assert!(events.contains(&format!("closed {evicted}: ")), "{events}");
    // The others still have their places.
    assert_eq!(silent[1].stream.take_error().unwrap().map(|e| e.kind()), None);
    silent[2].send("bob\n");
    silent[2].read_until("Password: ");
}

#[test]
fn once_serves_one_client_and_says_in_the_exit_code_whether_it_logged_in() {
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
fn a_log_that_cannot_be_written_is_never_answered_with_ok() {
    // A file may have 1 KiB in all (ulimit counts 512-byte blocks in sh): records fit until they
    // do not, and the last one is torn.
    let directory = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_sockkit");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -f 2; exec {program} login-server 0")]);
    let server = Sockkit::of(command).dir(directory.path()).serve();
    let mut accepted = 0;
    let mut refused = 0;
    for _ in 0..30 {
        let mut client = server.client();
        match log_in(&mut client, "alice", "0123456789").as_str() {
            "OK recorded" => accepted += 1,
            "ERR log unavailable, not recorded" => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert!(accepted > 0 && refused > 0, "{accepted} accepted, {refused} refused");
    let log = log(&directory);
    let whole = log.split_inclusive('\n').filter(|line| line.ends_with("\"0123456789\"\n")).count();
    assert_eq!(whole, accepted);
    // There is space again: what was torn is ended, and the next record stands alone.
    fs::rename(directory.path().join("log-acesso.txt"), directory.path().join("full")).unwrap();
    server.running.signal(Signal::HUP);
    let mut client = server.client();
    assert_eq!(log_in(&mut client, "bob", "x"), "OK recorded");
    assert_eq!(pairs(&self::log(&directory)), ["user=\"bob\" password=\"x\""]);
    let ran = server.stop().code(0);
    assert!(ran.stderr.contains("cannot write log-acesso.txt"), "{}", ran.stderr);
}

#[test]
fn a_torn_last_line_is_ended_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("log-acesso.txt"), "torn").unwrap();
    let server = sockkit("login-server 0").dir(directory.path()).serve();
    let mut client = server.client();
    assert_eq!(log_in(&mut client, "alice", "x"), "OK recorded");
    assert!(log(&directory).starts_with("torn\n2"));
    let ran = server.stop().code(0);
    assert!(ran.stderr.contains("ended a torn line"), "{}", ran.stderr);
    assert!(ran.stderr.contains("chmod 600 log-acesso.txt"), "{}", ran.stderr);
}

#[test]
fn a_log_that_is_no_file_is_exit_8_before_anybody_is_let_in() {
    let directory = tempfile::tempdir().unwrap();
    let run =
        |log: &str| sockkit("login-server 0 --log").arg(log).dir(directory.path()).run().code(8);
    assert!(run("/no/such/log").stderr.contains("try: create the directory first"));
    assert!(run(".").stderr.contains("it is a directory"));
    std::os::unix::fs::symlink("elsewhere", directory.path().join("link")).unwrap();
    assert!(run("link").stderr.contains("it is a symbolic link"));
    assert!(!directory.path().join("elsewhere").exists());
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let mut server = sockkit("login-server 0").dir(directory.path()).serve();
        let addr = server.addr;
        let clients: Vec<_> = (0..8)
            .map(|client| {
                std::thread::spawn(move || {
                    let mut acknowledged = Vec::new();
                    for number in 0.. {
                        let user = format!("r{round}c{client}n{number}");
                        if !try_log_in(addr, &user) {
                            return acknowledged;
                        }
                        acknowledged.push(user);
                    }
                    acknowledged
                })
            })
            .collect();
        // In the middle of it.
        crate::support::eventually("some logins", || {
            (log(&directory).lines().count() > 50 * (round + 1)).then_some(())
        });
        server.running.signal(Signal::KILL);
        let acknowledged: Vec<String> =
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        server.running.close_stdin();
        let log = log(&directory);
        for user in acknowledged {
            assert!(log.contains(&format!("user=\"{user}\" password=\"x\"\n")), "{user} is lost");
        }
    }
}

/// Logs in, as long as there is a server: whether it said OK.
fn try_log_in(addr: std::net::SocketAddr, user: &str) -> bool {
    use std::io::{Read as _, Write as _};
    let Ok(mut stream) = std::net::TcpStream::connect(addr) else {
        return false;
    };
    stream.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    let mut answer = String::new();
    stream.write_all(format!("{user}\nx\n").as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.ends_with("OK recorded\r\n")
}

#[test]
fn the_client_logs_in_from_a_script() {
    let (server, directory) = server("");
    let login = |password: &str| {
        sockkit(&format!("login 127.0.0.1 {} --user alice --password-stdin", server.port()))
            .stdin(password)
            .run()
    };
    let ran = login("s3cret\n").code(0);
    assert_eq!(ran.out(), "OK recorded\n");
    assert_eq!(pairs(&log(&directory)), ["user=\"alice\" password=\"s3cret\""]);
    let ran = login("\n").code(1);
    assert_eq!(ran.out(), "ERR empty password, try again\n");
    login("").code(2);
    assert_eq!(log(&directory).lines().count(), 1);
}

#[test]
fn the_client_says_what_came_of_it() {
    let login = |addr: std::net::SocketAddr, more: &str| {
        let target = format!("login {addr} --user alice --password-stdin {more}");
        sockkit(&target).stdin("x\n").run()
    };
    // A server that closes without a word.
    let peer = Peer::start(|mut client| {
        client.read_until("x\n");
    });
    assert!(login(peer.addr, "").code(9).stderr.contains("closed without an answer"));
    // One that never answers.
    let peer = Peer::start(|mut client| {
        client.send("Username: ");
        client.read_to_end();
    });
    assert!(login(peer.addr, "--timeout 300ms").code(5).stderr.contains("timed out"));
    // One that talks without end.
    let peer = Peer::start(|mut client| {
        use std::io::Write as _;
        while client.stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    login(peer.addr, "").code(9);
    // One that would like to play with the terminal.
    let peer = Peer::start(|mut client| {
        client.send("Username: ");
        client.line();
        client.send("Password: ");
        client.line();
        client.send("ERR \x1b]0;pwned\x07\r\n");
    });
    assert_eq!(login(peer.addr, "").code(1).out(), "ERR \\u{1b}]0;pwned\\u{7}\n");
    let closed = crate::support::ClosedPort::new();
    login(closed.addr(), "").code(4);
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let ran = sockkit("login 127.0.0.1").run().code(2);
    assert!(ran.stderr.contains("try: --user NAME --password-stdin"), "{}", ran.stderr);
}

#[test]
fn json_tells_every_login() {
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
fn a_server_that_asks_late_is_not_misunderstood() {
    let peer = Peer::start(|mut client| {
        // It has the user before it has asked for it.
        let user = client.line();
        client.send("Username: ");
        client.send("Password: ");
        let password = client.line();
        client.send("OK recorded\r\n");
        (user, password)
    });
    let login = format!("login {} --user alice --password-stdin", peer.addr);
    assert_eq!(sockkit(&login).stdin("x\n").run().code(0).out(), "OK recorded\n");
    assert_eq!(peer.join(), ("alice".to_owned(), "x".to_owned()));
}

#[test]
fn the_limit_for_everything_holds_while_a_password_is_waited_for() {
    let (server, _directory) = server("");
    let login = format!("login {} --user alice --password-stdin --timeout 300ms", server.addr);
    let ran = sockkit(&login).start().wait().code(5);
    assert!(ran.stderr.contains("nothing was typed in time"), "{}", ran.stderr);
}
