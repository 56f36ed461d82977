//! What stops `listen`, what `--grace` allows after a stop, and the exit code.

use std::process::Command;

use rustix::process::Signal;

use crate::support::{shell, sockkit};

#[test]
fn e17_one_client_and_a_signal_is_an_interruption() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let listen = sockkit("listen 0").serve();
        listen.running.signal(signal);
        listen.running.wait().code(code);
        let listen = sockkit("listen 0").serve();
        let mut client = listen.client();
        client.send(b"x");
        listen.running.stdout.wait_for_text("x");
        listen.running.signal(signal);
        let ran = listen.running.wait().code(code);
        // Also then it says what the conversation came to.
        assert!(ran.stderr.contains(": 1 byte in, 0 bytes out"), "{}", ran.stderr);
    }
}

#[test]
fn e17_a_signal_ends_the_listener_and_nobody_beside_it() {
    // In one process group, as in any script.
    let script = "sockkit listen 0 & listener=$!
        read -r _
        kill $listener; wait $listener; echo \"ended with $?\"";
    let mut listen = shell(script).serve();
    listen.running.write(b"go on\n");
    let ran = listen.running.wait().code(0);
    assert_eq!(ran.out(), "ended with 143\n");
}

#[test]
fn a_listener_ends_when_its_time_is_up_with_and_without_a_client() {
    for flags in ["", "--keep-open"] {
        let ran = sockkit(&format!("listen 0 --timeout 200ms {flags}")).run().code(5);
        assert!(ran.stderr.contains("time was up (--timeout)"), "{}", ran.stderr);
    }
    let listen = sockkit("listen 0 --timeout 3s").serve();
    let mut client = listen.client();
    client.send(b"not finished");
    let ran = listen.running.wait().code(5);
    assert_eq!(ran.out(), "not finished");
}

#[test]
fn a_listener_that_is_stopped_lets_an_upload_end_within_the_grace() {
    let listen = sockkit("listen 127.0.0.1:0 --keep-open --grace 20s").serve();
    let mut client = listen.client();
    client.send("one ");
    listen.running.stdout.wait_for_text("one ");
    listen.running.signal(Signal::TERM);
    // Our side is over, and the client may still finish.
    assert_eq!(client.recv(), b"");
    client.send("two");
    client.end();
    assert_eq!(listen.running.wait().code(0).out(), "one two");
}

#[test]
fn a_tls_client_of_a_listener_that_is_stopped_sees_an_end_in_order() {
    let listen = sockkit("listen 127.0.0.1:0 --keep-open --tls --self-signed").serve();
    let mut connect = sockkit(&format!("connect {} --tls --insecure", listen.addr)).start();
    connect.write(b"here\n");
    listen.running.stdout.wait_for_text("here");
    listen.running.signal(Signal::TERM);
    connect.wait().code(0);
    listen.running.wait().code(0);
}

#[test]
fn a_client_that_is_cut_off_is_no_success() {
    let directory = tempfile::tempdir().unwrap();
    let program = "exec 3<>/dev/tcp/127.0.0.1/$SOCKKIT_LISTEN_PORT; printf begun >&3; \
                   sleep 30 <&3 >/dev/null 2>&1 & echo $! > left_behind";
    let listen = sockkit("listen 127.0.0.1:0 --grace 300ms --").arg("bash").arg("-c").arg(program);
    let ran = listen.dir(directory.path()).run().code(5);
    assert_eq!(ran.out(), "begun");
    assert!(ran.stderr.contains("--grace"), "{}", ran.stderr);
    // What was left behind ends with this test.
    let number = std::fs::read_to_string(directory.path().join("left_behind")).unwrap();
    Command::new("kill").arg(number.trim()).status().unwrap();
}
