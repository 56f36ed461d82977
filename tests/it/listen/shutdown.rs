//! What stops `listen`, what `--grace` allows after a stop, and the exit code.

use rustix::process::Signal;

use crate::support::procfs::wait_until_ended;
use crate::support::{shell, sockkit};

#[test]
fn e17_sigint_exits_130_and_sigterm_143_with_a_summary() {
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
        // The summary is printed after a signal, too.
        assert!(ran.stderr.contains(": 1 byte in, 0 bytes out"), "{}", ran.stderr);
    }
}

#[test]
fn e17_a_signal_ends_only_the_listener() {
    // The listener and the shell are in one process group, as in any script.
    let script = "sockkit listen 0 & listener=$!
        read -r _
        kill $listener; wait $listener; echo \"ended with $?\"";
    let mut listen = shell(script).serve();
    listen.running.write(b"go on\n");
    let ran = listen.running.wait().code(0);
    assert_eq!(ran.out(), "ended with 143\n");
}

#[test]
fn a_timeout_exits_5_with_and_without_a_client() {
    for flags in ["", "--keep-open"] {
        let ran = sockkit(&format!("listen 0 --timeout 200ms {flags}")).run().code(5);
        assert!(ran.stderr.contains("timed out (--timeout)"), "{}", ran.stderr);
    }
    let listen = sockkit("listen 0 --timeout 3s").serve();
    let mut client = listen.client();
    client.send(b"not finished");
    let ran = listen.running.wait().code(5);
    assert_eq!(ran.out(), "not finished");
}

#[test]
fn grace_lets_an_upload_finish_after_a_stop() {
    let listen = sockkit("listen 127.0.0.1:0 --keep-open --grace 20s").serve();
    let mut client = listen.client();
    client.send("one ");
    listen.running.stdout.wait_for_text("one ");
    listen.running.signal(Signal::TERM);
    // sockkit has shut down its side; the client can still send.
    assert_eq!(client.recv(), b"");
    client.send("two");
    client.shut_down();
    assert_eq!(listen.running.wait().code(0).out(), "one two");
}

#[test]
fn a_stop_sends_close_notify_to_tls_clients() {
    let listen = sockkit("listen 127.0.0.1:0 --keep-open --tls --self-signed").serve();
    let mut connect = sockkit(&format!("connect {} --tls --insecure", listen.addr)).start();
    connect.write(b"here\n");
    listen.running.stdout.wait_for_text("here");
    listen.running.signal(Signal::TERM);
    connect.wait().code(0);
    listen.running.wait().code(0);
}

#[test]
fn a_client_that_is_cut_off_after_grace_makes_listen_exit_5() {
    let directory = tempfile::tempdir().unwrap();
    let program = "exec 3<>/dev/tcp/127.0.0.1/$SOCKKIT_LISTEN_PORT; printf begun >&3; \
                   sleep 30 <&3 >/dev/null 2>&1 & echo $! > left_behind";
    let listen = sockkit("listen 127.0.0.1:0 --grace 300ms --").arg("bash").arg("-c").arg(program);
    let ran = listen.dir(directory.path()).run().code(5);
    assert_eq!(ran.out(), "begun");
    assert!(ran.stderr.contains("--grace"), "{}", ran.stderr);
    let pid = std::fs::read_to_string(directory.path().join("left_behind")).unwrap();
    wait_until_ended(pid.trim());
}
