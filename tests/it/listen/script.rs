//! `listen` as a mock server: `--expect` and `--script`.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::procfs::Process;
use crate::support::script::{Scripted, assert_stderr_contains};
use crate::support::sockkit;

#[test]
fn a_listener_can_be_a_mock_server() {
    let script = Scripted::new(
        "send \"220 mock\\r\\n\"\nexpect /^EHLO .*\\r\\n/i 30s\nsend \"250 mock\\r\\n\"\nclose-write\nexpect-end 30s\n",
    );
    let listen = script.sockkit("listen 0").serve();
    let mut client = listen.client();
    assert_eq!(client.line(), "220 mock");
    client.send("ehlo me\r\n");
    assert_eq!(client.read_to_end(), b"250 mock\r\n");
    client.shut_down();
    let ran = listen.running.wait().code(0);
    assert_eq!(ran.stdout, b"ehlo me\r\n");
}

#[test]
fn a_client_that_sends_single_bytes_does_not_keep_the_expectation_busy() {
    let script = Scripted::new("expect /x+end/ 60s\nsend \"found\"\n");
    let listen = script.sockkit("listen 0").serve();
    let process = Process::of(&listen.running);
    let mut client = listen.client();
    client.send(vec![b'x'; 1_000_000]);
    listen.running.stdout.wait_for(|text| (text.len() == 1_000_000).then_some(()));
    let (used, since) = (process.cpu_time(), Instant::now());
    for _ in 0..300 {
        client.send("x");
        thread::sleep(Duration::from_millis(2));
    }
    let used = process.cpu_time().saturating_sub(used);
    assert!(used < since.elapsed() / 3, "{used:?} of {:?}", since.elapsed());
    client.send("end");
    client.shut_down();
    assert_eq!(client.read_to_end(), b"found");
    listen.running.wait().code(0);
}

#[test]
fn keep_open_runs_the_script_for_every_client() {
    let script = Scripted::new("send-file greeting\nexpect \"x\" 30s\nsend \"bye\"\n");
    fs::write(script.path("greeting"), "hello\n").unwrap();
    let listen = script.sockkit("listen 0 --keep-open").serve();
    let mut clients: Vec<_> = (0..3).map(|_| listen.client()).collect();
    for client in &mut clients {
        assert_eq!(client.line(), "hello");
    }
    for mut client in clients {
        client.send("x");
        client.shut_down();
        assert_eq!(client.read_to_end(), b"bye");
    }
    listen.stop().code(0);
}

#[test]
fn an_unmet_expectation_of_a_listener_exits_1() {
    let script = Scripted::new("expect /^EHLO/ 30s\n");
    let listen = script.sockkit("listen 0").serve();
    let mut client = listen.client();
    client.send("HELO me\r\n");
    client.shut_down();
    let ran = listen.running.wait().code(1);
    assert_stderr_contains(
        &ran,
        &["expect /^EHLO/ was not met before the peer closed (s.txt:1)", "HELO me"],
    );
}

#[test]
fn two_scripts_can_run_against_each_other() {
    let server = Scripted::new(
        "send \"220 mock\\r\\n\"\nexpect \"QUIT\\r\\n\" 30s\nsend \"221 bye\\r\\n\"\nclose-write\nexpect-end 30s\n",
    );
    let client = Scripted::new(
        "expect /^220 .*\\r\\n/ 30s\nsend \"QUIT\\r\\n\"\nexpect /^221 .*\\r\\n/ 30s\nexpect-end 30s\n",
    );
    let listen = server.sockkit("listen 0").serve();
    let ran = client.sockkit(&format!("connect {}", listen.addr)).start().wait().code(0);
    assert_eq!(ran.stdout, b"220 mock\r\n221 bye\r\n");
    assert_eq!(listen.running.wait().code(0).stdout, b"QUIT\r\n");
}

#[test]
fn one_failed_client_of_many_makes_listen_exit_1() {
    let listen = sockkit("listen 127.0.0.1:0 --keep-open --expect ^yes").serve();
    for (said, fails) in [("yes", false), ("no", true), ("yes", false)] {
        let mut client = listen.client();
        client.send(said);
        client.shut_down();
        client.read_to_end();
        if fails {
            listen.running.stderr.wait_for_text("was not met");
        }
    }
    listen.stop().code(1);
}

#[test]
fn a_script_that_ran_for_no_client_exits_1() {
    let ran = sockkit("listen 127.0.0.1:0 --expect ^yes -- true").run().code(1);
    assert!(ran.stderr.contains("no client connected"), "{}", ran.stderr);
}
