//! `connect --exec`: a child process that exchanges data with the server.

use crate::support::Peer;
use crate::support::program::exec;

#[test]
fn exec_connects_the_server_to_the_childs_standard_streams() {
    let peer = Peer::start(|mut client| {
        client.send("hello\n");
        let answer = client.line();
        client.shut_down();
        (answer, client.read_to_end())
    });
    let mut connect = exec(&format!("connect {}", peer.addr), "cat").start();
    // sockkit's own standard input is not sent.
    connect.write(b"not for the peer");
    connect.wait().code(0);
    assert_eq!(peer.join(), ("hello".to_owned(), Vec::new()));
}

#[test]
fn a_child_that_fails_is_reported_with_its_status_and_exits_1() {
    let peer = Peer::start(|mut client| {
        client.shut_down();
        client.read_to_end()
    });
    let ran = exec(&format!("connect {}", peer.addr), "sh -c 'exit 7'").run().code(1);
    assert!(ran.stderr.contains("sh failed: exit status: 7"), "{}", ran.stderr);
    peer.join();
}

#[test]
fn a_child_that_cannot_be_started_exits_8() {
    let peer = Peer::start(|mut client| client.read_to_end());
    let ran = exec(&format!("connect {}", peer.addr), "/no/such/program").run().code(8);
    assert!(ran.stderr.contains("cannot run /no/such/program: no such file"), "{}", ran.stderr);
    assert_eq!(peer.join(), b"");
    // With several clients it is a warning, and the next client is accepted.
    let listen = exec("listen 0 --keep-open", "/no/such/program").serve();
    for count in 1..=2 {
        assert_eq!(listen.client().read_to_end(), b"");
        let warned = |text: &str| text.matches("cannot run /no/such/program").count() == count;
        listen.running.stderr.wait_for(|text| warned(text).then_some(()));
    }
    listen.stop().code(0);
}
