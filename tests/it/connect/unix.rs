//! `connect unix:PATH`.

use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;

use crate::support::peers::unix::{Place, answer_after_the_end, end, read_to_end, with_deadlines};
use crate::support::{payload, sockkit};

#[test]
fn connect_sends_its_input_and_prints_the_answer() {
    let place = Place::new();
    let (request, answer) = (payload(5_000_000), payload(4_999_999));
    let peer = answer_after_the_end(UnixListener::bind(&place.path).unwrap(), answer.clone());
    let ran = sockkit("connect").arg(place.word()).stdin(&request).run().code(0);
    assert!(ran.stdout == answer);
    assert!(peer.join().unwrap() == request);
}

#[test]
fn where_nobody_listens_connecting_is_exit_4_with_its_reason() {
    let place = Place::new();
    let ran = sockkit("connect").arg(place.word()).run().code(4);
    let told = format!("error: cannot connect to {}: no such file or directory", place.word());
    assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
    place.leave_stale();
    let ran = sockkit("connect").arg(place.word()).run().code(4);
    let told = format!("error: cannot connect to {}: connection refused", place.word());
    assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
}

#[test]
fn e12b_with_half_open_late_words_reach_a_peer_that_has_ended() {
    let place = Place::new();
    let listener = UnixListener::bind(&place.path).unwrap();
    let peer = thread::spawn(move || {
        let mut stream = with_deadlines(listener.accept().unwrap().0);
        stream.write_all(b"HI").unwrap();
        end(&stream);
        read_to_end(&stream)
    });
    let mut connect = sockkit(&format!("connect {} --half-open", place.word())).start();
    connect.stdout.wait_for_text("HI");
    // Longer than a resting input is waited for without it.
    thread::sleep(Duration::from_millis(500));
    connect.write(b"LATE");
    connect.close_stdin();
    connect.wait().code(0);
    assert_eq!(peer.join().unwrap(), b"LATE");
}
