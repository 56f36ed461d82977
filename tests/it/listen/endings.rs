//! How a connection of `listen` ends: EOF on standard input and EOF from the client.

use std::thread;

use crate::support::{SLOW_ANSWER, payload, shell, sockkit};

#[test]
fn e12b_with_half_open_a_listener_speaks_to_a_client_that_has_ended() {
    let listen = sockkit("listen 0 --half-open").serve();
    let mut client = listen.client();
    client.send(b"HI");
    client.end();
    let mut running = listen.running;
    running.stdout.wait_for_text("HI");
    thread::sleep(SLOW_ANSWER);
    running.write(b"LATE");
    running.close_stdin();
    assert_eq!(client.read_to_end(), b"LATE");
    assert_eq!(running.wait().code(0).stdout, b"HI");
}

#[test]
fn e12b_the_end_of_a_listeners_input_is_passed_on_and_what_comes_then_is_printed() {
    let listen = sockkit("listen 0").serve();
    let mut client = listen.client();
    let mut running = listen.running;
    running.write(b"welcome\n");
    running.close_stdin();
    assert_eq!(client.read_to_end(), b"welcome\n");
    // Our half still works: half-close is not close.
    client.send(b"late");
    client.end();
    let ran = running.wait().code(0);
    assert_eq!(ran.stdout, b"late");
}

#[test]
fn e18_an_input_that_never_held_a_byte_does_not_end_the_conversation() {
    let listen = shell("exec sockkit listen 0 < /dev/null").serve();
    let mut client = listen.client();
    let running = listen.running;
    client.send(b"first ");
    running.stdout.wait_for_text("first");
    client.send(b"second");
    client.end();
    assert_eq!(running.wait().code(0).stdout, b"first second");
}

#[test]
fn e18b_a_script_without_terminal_and_input_can_listen() {
    // As cron starts it, and as a service manager may: no terminal, no standard input.
    for input in ["< /dev/null", "<&-", ""] {
        let script = format!("setsid --wait sockkit listen 0 {input} & wait");
        let listen = shell(&script).serve();
        let mut client = listen.client();
        let mut running = listen.running;
        running.close_stdin();
        client.send(b"data");
        running.stdout.wait_for_text("data");
        client.end();
        assert_eq!(running.wait().code(0).stdout, b"data", "{input}");
    }
}

#[test]
fn a_filter_behind_a_listener_sees_the_peers_end_with_half_open() {
    // `sort` has nothing to say before the end, whose pipe is the only way to tell it.
    for way in ["fifo | sort > fifo", "fifo | tee heard | sort > fifo"] {
        let directory = tempfile::tempdir().unwrap();
        let script = format!("mkfifo fifo; sockkit listen 0 --half-open < {way}");
        let listen = shell(&script).dir(directory.path()).serve();
        let mut client = listen.client();
        client.send("pear\napple\n");
        client.end();
        assert_eq!(client.read_to_end(), b"apple\npear\n");
        listen.running.wait().code(0);
    }
}

#[test]
fn standard_output_that_is_a_file_is_whole_with_half_open() {
    let directory = tempfile::tempdir().unwrap();
    let listen =
        shell("exec sockkit listen 0 --half-open > received").dir(directory.path()).serve();
    let mut client = listen.client();
    let sent = payload(3_000_000);
    client.send(&sent);
    client.end();
    let mut running = listen.running;
    running.write(b"late");
    running.close_stdin();
    assert_eq!(client.read_to_end(), b"late");
    running.wait().code(0);
    assert!(std::fs::read(directory.path().join("received")).unwrap() == sent);
}
