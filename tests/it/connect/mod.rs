//! `connect`: a client of one server.

mod addresses;
mod child_processes;
mod datagrams;
mod delivery;
mod endings;
mod failures;
mod job_control;
mod line_editor;
mod observers;
mod resize;
mod script;
mod standard_streams;
mod terminal;
mod tls;
mod unix;

use std::net::TcpListener;

use crate::support::{ClosedPort, Peer, sockkit};

#[test]
fn retry_connects_to_a_port_that_opens_later() {
    let port = ClosedPort::new();
    let connect = format!("connect {} --retry 20 -v", port.addr());
    let mut running = sockkit(&connect).start();
    running.close_stdin();
    running.stderr.wait_for_text("retrying in");
    let peer = Peer::at(port.open(), |mut client| client.read_to_end());
    running.wait().code(0);
    peer.join();
}

#[test]
fn json_prints_one_object_per_line_and_binary_data_as_base64() {
    let peer = Peer::start(|mut client| {
        client.send(b"ol\xc3\xa1\x1b\n");
        client.read_until("more\n");
        client.send(b"\xff\x00");
    });
    let mut running = sockkit(&format!("connect {} --json", peer.addr)).start();
    running.stdout.wait_for_text("\"data\"");
    running.write(b"more\n");
    let ran = running.wait().code(0);
    peer.join();
    let out = ran.out();
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["connected", "data", "data", "closed"]);
    assert_eq!(lines[1]["text"], "olá\u{1b}\n");
    assert_eq!(lines[2]["bytes"], "/wA=");
    assert_eq!(lines[3]["bytes_in"], 8);
    assert_eq!(lines[3]["bytes_out"], 5);
    assert_eq!(lines[3]["reason"], "eof");
    assert!(lines[3]["duration_us"].is_u64());
}

#[test]
fn sigterm_exits_143() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let running = sockkit(&format!("connect {addr} -v")).start();
    running.stderr.wait_for_text("connected");
    // Not SIGINT: in a background job it is ignored, and children inherit that.
    running.signal(rustix::process::Signal::TERM);
    running.wait().code(143);
}
