//! `connect --exec`: a child process that exchanges data with the server.

use rustix::process::Signal;

use crate::support::procfs::{pid_in, wait_until_ended};
use crate::support::program::exec;
use crate::support::{Peer, TIMEOUT};

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
fn a_child_that_fails_is_reported_and_its_exit_code_is_returned() {
    let peer = Peer::start(|mut client| {
        client.shut_down();
        client.read_to_end()
    });
    let ran = exec(&format!("connect {}", peer.addr), "sh -c 'exit 7'").run().code(7);
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

#[test]
fn a_stop_ends_the_child_and_its_descendants() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::USR1, 138)] {
        let (pid_sender, pids) = std::sync::mpsc::channel();
        let peer = Peer::start(move |mut client| {
            pid_sender.send(client.read_until("\n")).unwrap();
            client.read_to_end()
        });
        let script = "sh -c 'sleep 1000 & echo pid $!; wait'";
        let connect = exec(&format!("connect {}", peer.addr), script).start();
        let pid = pid_in(&pids.recv_timeout(TIMEOUT).unwrap()).unwrap();
        connect.signal(signal);
        connect.wait().code(code);
        wait_until_ended(&pid);
        peer.join();
    }
}
