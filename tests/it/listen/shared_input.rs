//! `listen --keep-open`: one standard input for all clients.

use std::io::{ErrorKind, Read as _};
use std::time::Duration;

use crate::support::{Client, Server, TIMEOUT, payload, sockkit};

/// How long a client is observed to decide that it receives nothing.
const QUIET_PERIOD: Duration = Duration::from_millis(200);

/// Connects a client and waits until the server has printed its data, and so has accepted it.
fn connected_client(listen: &Server, name: &str) -> Client {
    let mut client = listen.client();
    client.send(name);
    listen.running.stdout.wait_for_text(name);
    client
}

#[track_caller]
fn assert_receives_nothing(client: &mut Client) {
    client.stream.set_read_timeout(Some(QUIET_PERIOD)).unwrap();
    let read = client.stream.read(&mut [0; 16]);
    assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
    client.stream.set_read_timeout(Some(TIMEOUT)).unwrap();
}

#[test]
fn standard_input_and_its_eof_reach_every_connected_client() {
    let mut listen = sockkit("listen 0 --keep-open -4").serve();
    let (mut one, mut two) =
        (connected_client(&listen, "<one>"), connected_client(&listen, "<two>"));
    listen.running.write(b"first\n");
    assert_eq!((one.line(), two.line()), ("first".to_owned(), "first".to_owned()));
    // A client that connects later receives only later input.
    let mut three = connected_client(&listen, "<three>");
    listen.running.write(b"second\n");
    for client in [&mut one, &mut two, &mut three] {
        assert_eq!(client.line(), "second");
    }
    // A client that resets does not delay the others.
    two.reset();
    listen.running.write(b"third\n");
    listen.running.close_stdin();
    for mut client in [one, three] {
        assert_eq!(client.read_to_end(), b"third\n");
        client.send(b"<bye>");
        client.shut_down();
    }
    listen.running.stdout.wait_for(|out| (out.matches("<bye>").count() == 2).then_some(()));
    // A client that connects after EOF is printed, and receives EOF at once.
    let mut four = connected_client(&listen, "<four>");
    assert_eq!(four.read_to_end(), b"");
    four.shut_down();
    listen.stop().code(0);
}

#[test]
fn an_empty_standard_input_sends_eof_to_no_client() {
    let mut listen = sockkit("listen 0 --keep-open -4").serve();
    let mut before = connected_client(&listen, "<before>");
    listen.running.close_stdin();
    let mut after = connected_client(&listen, "<after>");
    assert_receives_nothing(&mut before);
    assert_receives_nothing(&mut after);
    before.send(b"<still received>");
    listen.running.stdout.wait_for_text("<still received>");
    listen.stop().code(0);
}

#[test]
fn a_client_that_takes_nothing_for_30s_is_reset_and_the_others_get_everything() {
    // More than the kernel buffers for a client that does not read.
    let input = payload(24_000_000);
    let mut listen = sockkit("listen 0 --keep-open -4").serve();
    let mut stalled = connected_client(&listen, "<stalled>");
    let mut reader = connected_client(&listen, "<lively>");
    // The other client delays it for 30 s, which is also the usual limit of a read.
    reader.stream.set_read_timeout(Some(TIMEOUT * 2)).unwrap();
    let received = std::thread::spawn(move || {
        let received = reader.read_to_end();
        reader.shut_down();
        received
    });
    listen.running.write(&input);
    listen.running.close_stdin();
    assert!(received.join().unwrap() == input);
    let who = stalled.stream.local_addr().unwrap();
    listen.running.stderr.wait_for_text(&format!("{who} was cut off"));
    let end = stalled.stream.read_to_end(&mut Vec::new());
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    listen.stop().code(9);
}

#[test]
fn standard_input_reaches_every_tls_client() {
    let mut listen = sockkit("listen 0 --keep-open -4 --tls --self-signed").serve();
    let connect = |name: &str| {
        let mut client = sockkit(&format!("connect {} --tls --insecure", listen.addr)).start();
        client.write(name.as_bytes());
        listen.running.stdout.wait_for_text(name);
        client
    };
    let mut clients = [connect("<one>"), connect("<two>")];
    listen.running.write(b"news\n");
    for client in &mut clients {
        client.stdout.wait_for_text("news\n");
    }
    listen.running.close_stdin();
    for client in clients {
        assert_eq!(client.wait().code(0).out(), "news\n");
    }
    listen.stop().code(0);
}

#[test]
fn a_client_that_has_sent_eof_still_gets_all_of_standard_input() {
    let much = payload(4 * 1024 * 1024);
    let mut listen = sockkit("listen 127.0.0.1:0 --keep-open").serve();
    let mut client = listen.client();
    client.send("GET\n");
    client.shut_down();
    listen.running.write(&much);
    listen.running.close_stdin();
    let got = client.read_to_end();
    assert!(got == much, "received {} bytes", got.len());
    listen.stop().code(0);
}

#[test]
fn input_read_after_the_last_client_left_goes_to_the_next_client() {
    let mut listen = sockkit("listen 127.0.0.1:0 --keep-open").serve();
    let mut first = listen.client();
    first.send("first");
    listen.running.stdout.wait_for_text("first");
    first.shut_down();
    first.read_to_end();
    listen.running.stderr.wait_for_text("closed ");
    listen.running.write(b"for you\n");
    let mut second = listen.client();
    assert_eq!(second.line(), "for you");
    listen.stop().code(0);
}
