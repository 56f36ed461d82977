//! The log of `login-server`: a login that was answered `OK` is in the log.

use std::fs;
use std::process::Command;

use rustix::process::Signal;

use super::{log, log_in, pairs};
use crate::support::{Sockkit, eventually, sockkit};

#[test]
fn a_login_that_cannot_be_logged_is_never_answered_ok() {
    // The log may grow to 1 KiB (ulimit counts 512-byte blocks in sh); the record that exceeds the
    // limit is written in part.
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
    // A new log has space again; the incomplete record does not affect the next one.
    fs::rename(directory.path().join("log-acesso.txt"), directory.path().join("full")).unwrap();
    server.running.signal(Signal::HUP);
    let mut client = server.client();
    assert_eq!(log_in(&mut client, "bob", "x"), "OK recorded");
    assert_eq!(pairs(&self::log(&directory)), ["user=\"bob\" password=\"x\""]);
    let ran = server.stop().code(0);
    assert!(ran.stderr.contains("cannot write log-acesso.txt"), "{}", ran.stderr);
}

#[test]
fn a_login_begins_on_a_new_line_after_another_server_failed_within_a_record() {
    let directory = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_sockkit");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -f 2; exec {program} login-server 0")]);
    let limited = Sockkit::of(command).dir(directory.path()).serve();
    let other = sockkit("login-server 0").dir(directory.path()).serve();
    eventually("a record that does not fit", || {
        let reply = log_in(&mut limited.client(), "alice", "0123456789");
        (reply != "OK recorded").then_some(())
    });
    assert!(!log(&directory).ends_with('\n'), "the last record is not incomplete");
    assert_eq!(log_in(&mut other.client(), "bob", "x"), "OK recorded");
    let log = log(&directory);
    let last = log.lines().last().unwrap();
    assert_eq!(last.matches(" login peer=").count(), 1, "{last}");
    assert!(last.ends_with("user=\"bob\" password=\"x\""), "{last}");
    limited.stop().code(0);
    other.stop().code(0);
}

#[test]
fn an_incomplete_last_line_is_terminated_at_startup() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("log-acesso.txt"), "torn").unwrap();
    let server = sockkit("login-server 0").dir(directory.path()).serve();
    let mut client = server.client();
    assert_eq!(log_in(&mut client, "alice", "x"), "OK recorded");
    assert!(log(&directory).starts_with("torn\n2"));
    let ran = server.stop().code(0);
    assert!(ran.stderr.contains("ended an incomplete line"), "{}", ran.stderr);
    assert!(ran.stderr.contains("chmod 600 log-acesso.txt"), "{}", ran.stderr);
}

#[test]
fn an_unusable_log_exits_8_before_listening() {
    let directory = tempfile::tempdir().unwrap();
    let run =
        |log: &str| sockkit("login-server 0 --log").arg(log).dir(directory.path()).run().code(8);
    assert!(run("/no/such/log").stderr.contains("try: create the directory"));
    assert!(run(".").stderr.contains("it is a directory"));
    std::os::unix::fs::symlink("elsewhere", directory.path().join("link")).unwrap();
    assert!(run("link").stderr.contains("it is a symbolic link"));
    assert!(!directory.path().join("elsewhere").exists());
}

#[test]
fn an_acknowledged_login_is_in_the_log_after_a_kill() {
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
        // Kill the server while the clients log in.
        eventually("some logins", || {
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

/// Tries to log in, and returns whether the server answered OK.
fn try_log_in(addr: std::net::SocketAddr, user: &str) -> bool {
    use std::io::{Read as _, Write as _};
    let Ok(mut stream) = std::net::TcpStream::connect(addr) else {
        return false;
    };
    stream.set_read_timeout(Some(crate::support::TIMEOUT)).unwrap();
    let mut answer = String::new();
    stream.write_all(format!("{user}\nx\n").as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.ends_with("OK recorded\r\n")
}
