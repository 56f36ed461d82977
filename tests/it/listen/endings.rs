//! How a connection of `listen` ends: EOF on standard input and EOF from the client.

use std::thread;

use crate::support::{SLOW_REPLY, payload, shell, sockkit};

#[test]
fn e12b_half_open_delivers_late_input_after_eof_from_the_client() {
    let listen = sockkit("listen 0 --half-open").serve();
    let mut client = listen.client();
    client.send(b"HI");
    client.shut_down();
    let mut running = listen.running;
    running.stdout.wait_for_text("HI");
    thread::sleep(SLOW_REPLY);
    running.write(b"LATE");
    running.close_stdin();
    assert_eq!(client.read_to_end(), b"LATE");
    assert_eq!(running.wait().code(0).stdout, b"HI");
}

#[test]
fn e12b_eof_on_standard_input_is_passed_on_and_later_data_is_printed() {
    let listen = sockkit("listen 0").serve();
    let mut client = listen.client();
    let mut running = listen.running;
    running.write(b"welcome\n");
    running.close_stdin();
    assert_eq!(client.read_to_end(), b"welcome\n");
    // The other direction still works after a half-close.
    client.send(b"late");
    client.shut_down();
    let ran = running.wait().code(0);
    assert_eq!(ran.stdout, b"late");
}

#[test]
fn e18_an_empty_standard_input_does_not_end_the_connection() {
    let listen = shell("exec sockkit listen 0 < /dev/null").serve();
    let mut client = listen.client();
    let running = listen.running;
    client.send(b"first ");
    running.stdout.wait_for_text("first");
    client.send(b"second");
    client.shut_down();
    assert_eq!(running.wait().code(0).stdout, b"first second");
}

#[test]
fn e18b_listen_works_without_a_terminal_or_standard_input() {
    // As cron or a service manager starts it: without a terminal and without standard input.
    for input in ["< /dev/null", "<&-", ""] {
        let script = format!("setsid --wait sockkit listen 0 {input} & wait");
        let listen = shell(&script).serve();
        let mut client = listen.client();
        let mut running = listen.running;
        running.close_stdin();
        client.send(b"data");
        running.stdout.wait_for_text("data");
        client.shut_down();
        assert_eq!(running.wait().code(0).stdout, b"data", "{input}");
    }
}

#[test]
fn half_open_passes_eof_from_the_client_to_a_filter() {
    // `sort` prints nothing before EOF, which it can only get through the pipe.
    for way in ["fifo | sort > fifo", "fifo | tee heard | sort > fifo"] {
        let directory = tempfile::tempdir().unwrap();
        let script = format!("mkfifo fifo; sockkit listen 0 --half-open < {way}");
        let listen = shell(&script).dir(directory.path()).serve();
        let mut client = listen.client();
        client.send("pear\napple\n");
        client.shut_down();
        assert_eq!(client.read_to_end(), b"apple\npear\n");
        listen.running.wait().code(0);
    }
}

#[test]
fn half_open_with_standard_output_in_a_file_writes_every_byte() {
    let directory = tempfile::tempdir().unwrap();
    let listen =
        shell("exec sockkit listen 0 --half-open > received").dir(directory.path()).serve();
    let mut client = listen.client();
    let sent = payload(3_000_000);
    client.send(&sent);
    client.shut_down();
    let mut running = listen.running;
    running.write(b"late");
    running.close_stdin();
    assert_eq!(client.read_to_end(), b"late");
    running.wait().code(0);
    assert!(std::fs::read(directory.path().join("received")).unwrap() == sent);
}
