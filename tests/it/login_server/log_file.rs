//! The log of `login-server`: a login that was answered `OK` is in it, whatever happens.

use std::fs;
use std::process::Command;

use rustix::process::Signal;

use super::{log, log_in, pairs};
use crate::support::{Sockkit, sockkit};

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
