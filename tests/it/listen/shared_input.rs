//! `listen --keep-open`: one standard input for all clients.

use std::io::{ErrorKind, Read as _};
use std::time::Duration;

use crate::support::{Client, PATIENCE, Server, payload, sockkit};

/// Long enough to see that nothing comes; a machine that is slower sees less.
const NOTHING_COMES: Duration = Duration::from_millis(200);

/// A client of which the server has taken note: it has printed what the client sent.
fn present(listen: &Server, name: &str) -> Client {
    let mut client = listen.client();
    client.send(name);
    listen.running.stdout.wait_for_text(name);
    client
}

#[track_caller]
fn hears_nothing(client: &mut Client) {
    client.stream.set_read_timeout(Some(NOTHING_COMES)).unwrap();
    let read = client.stream.read(&mut [0; 16]);
    assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
    client.stream.set_read_timeout(Some(PATIENCE)).unwrap();
}

#[test]
fn what_is_said_goes_to_everybody_who_is_there_and_so_does_its_end() {
    let mut listen = sockkit("listen 0 --keep-open -4").serve();
    let (mut one, mut two) = (present(&listen, "<one>"), present(&listen, "<two>"));
    listen.running.write(b"first\n");
    assert_eq!((one.line(), two.line()), ("first".to_owned(), "first".to_owned()));
    // Who comes later gets what comes later.
    let mut three = present(&listen, "<three>");
    listen.running.write(b"second\n");
    for client in [&mut one, &mut two, &mut three] {
        assert_eq!(client.line(), "second");
    }
    // Who leaves holds nobody up.
    two.reset();
    listen.running.write(b"third\n");
    listen.running.close_stdin();
    for mut client in [one, three] {
        assert_eq!(client.read_to_end(), b"third\n");
        client.send(b"<bye>");
        client.end();
    }
    listen.running.stdout.wait_for(|out| (out.matches("<bye>").count() == 2).then_some(()));
    // Whoever comes now is heard, and told nothing.
    let mut four = present(&listen, "<four>");
    hears_nothing(&mut four);
    four.end();
    assert_eq!(four.read_to_end(), b"");
    listen.stop().code(0);
}

#[test]
fn an_input_without_a_byte_ends_for_none_of_many_clients() {
    let mut listen = sockkit("listen 0 --keep-open -4").serve();
    let mut before = present(&listen, "<before>");
    listen.running.close_stdin();
    let mut after = present(&listen, "<after>");
    hears_nothing(&mut before);
    hears_nothing(&mut after);
    before.send(b"<still heard>");
    listen.running.stdout.wait_for_text("<still heard>");
    listen.stop().code(0);
}

#[test]
fn a_client_that_takes_nothing_is_cut_off_and_the_others_get_everything() {
    // More than the kernel's buffers between us and one who does not read.
    let said = payload(24_000_000);
    let mut listen = sockkit("listen 0 --keep-open -4").serve();
    let stalled = present(&listen, "<stalled>");
    let mut lively = present(&listen, "<lively>");
    let heard = std::thread::spawn(move || {
        let heard = lively.read_to_end();
        lively.end();
        heard
    });
    listen.running.write(&said);
    listen.running.close_stdin();
    assert!(heard.join().unwrap() == said);
    let who = stalled.stream.local_addr().unwrap();
    listen.running.stderr.wait_for_text(&format!("writing to {who} failed: timed out"));
    listen.stop().code(0);
}

#[test]
fn everybody_is_told_over_tls_too() {
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
fn a_client_of_many_that_has_ended_still_gets_all_that_is_there_to_give() {
    let much = payload(4 * 1024 * 1024);
    let mut listen = sockkit("listen 127.0.0.1:0 --keep-open").serve();
    let mut client = listen.client();
    client.send("GET\n");
    client.end();
    listen.running.write(&much);
    listen.running.close_stdin();
    let got = client.read_to_end();
    assert!(got == much, "{} bytes came", got.len());
    listen.stop().code(0);
}

#[test]
fn what_was_read_when_the_last_client_left_is_for_the_next_one() {
    let mut listen = sockkit("listen 127.0.0.1:0 --keep-open").serve();
    let mut first = listen.client();
    first.send("first");
    listen.running.stdout.wait_for_text("first");
    first.end();
    first.read_to_end();
    listen.running.stderr.wait_for_text("closed ");
    listen.running.write(b"for you\n");
    let mut second = listen.client();
    assert_eq!(second.line(), "for you");
    listen.stop().code(0);
}
