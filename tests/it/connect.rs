//! `connect`: bytes, ends and exit codes.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{ClosedPort, Peer, Sockkit, in_namespace, sockkit};

#[test]
fn a_request_through_a_pipe_gets_its_answer_after_our_end() {
    let peer = Peer::start(|mut client| {
        let request = client.read_to_end();
        client.send(b"REPLY");
        request
    });
    let ran = sockkit(&format!("connect {}", peer.addr)).stdin("req\n").run().code(0);
    assert_eq!(ran.stdout, b"REPLY");
    assert_eq!(ran.stderr, "");
    assert_eq!(peer.join(), b"req\n");
}

#[test]
fn the_peers_end_ends_the_run_though_our_input_is_open() {
    let peer = Peer::start(|mut client| client.send(b"BYE"));
    let running = sockkit(&format!("connect {}", peer.addr)).start();
    let ran = running.wait().code(0);
    assert_eq!(ran.stdout, b"BYE");
}

#[test]
fn every_byte_passes_both_ways() {
    let all: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    let expected = all.clone();
    let peer = Peer::start(move |mut client| {
        let got = client.read_to_end();
        client.send(&got);
        got == expected
    });
    let ran = sockkit(&format!("connect {}", peer.addr)).stdin(&all).run().code(0);
    assert!(peer.join());
    assert!(ran.stdout == all);
}

#[test]
fn a_prompt_without_newline_is_visible_at_once() {
    let peer = Peer::start(|mut client| {
        client.send(b"prompt> ");
        client.read_until("answer\n")
    });
    let mut running = sockkit(&format!("connect {}", peer.addr)).start();
    running.stdout.wait_for_text("prompt> ");
    running.write(b"answer\n");
    peer.join();
    running.wait().code(0);
}

#[test]
fn a_reset_is_exit_4_after_everything_that_came() {
    let peer = Peer::start(|mut client| {
        client.send(vec![b'x'; 100_000]);
        // Closed with a reset only once the other end has read it all.
        client.read_until("got it\n");
        client.reset();
    });
    let mut running = sockkit(&format!("connect {}", peer.addr)).start();
    running.stdout.wait_for(|text| (text.len() == 100_000).then_some(()));
    running.write(b"got it\n");
    let ran = running.wait().code(4);
    assert_eq!(ran.stdout.len(), 100_000);
    assert!(ran.stderr.contains("connection reset by peer"), "{}", ran.stderr);
}

#[test]
fn a_closed_port_is_named_with_its_reason_and_a_hint() {
    let port = ClosedPort::new();
    let ran = sockkit(&format!("connect {}", port.addr())).run().code(4);
    let expected = format!(
        "error: cannot connect to {}: connection refused\n\
         try: another port, or start the server: nothing listens there\n",
        port.addr()
    );
    assert_eq!(ran.stderr, expected);
}

#[test]
fn a_connection_to_oneself_counts_as_refused() {
    // With one port to connect from, connecting to that port meets oneself.
    let setup = "ip link set lo up; echo '40000 40000' > /proc/sys/net/ipv4/ip_local_port_range";
    for host in ["127.0.0.1", "0.0.0.0"] {
        let connect = format!("connect {host} 40000");
        let Some(connect) = in_namespace("a connection to oneself", setup, &connect) else {
            return;
        };
        let ran = connect.start().wait().code(4);
        assert!(ran.stderr.contains("connection refused"), "{}", ran.stderr);
    }
}

#[test]
fn a_name_that_does_not_exist_is_exit_3() {
    let ran = sockkit("connect no-such-host.invalid 80 --connect-timeout 20s").run().code(3);
    assert!(ran.stderr.contains("cannot resolve no-such-host.invalid"), "{}", ran.stderr);
}

#[test]
fn silence_while_connecting_is_exit_5() {
    // A full backlog answers nothing.
    let listener =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let addr = listener.local_addr().unwrap().as_socket().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&addr, Duration::from_millis(200)) {
        held.push(stream);
    }
    let started = Instant::now();
    let ran = sockkit(&format!("connect {addr} --connect-timeout 300ms")).run().code(5);
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert!(ran.stderr.contains("timed out"), "{}", ran.stderr);
}

#[test]
fn a_silent_peer_is_exit_5_at_the_deadline_for_everything() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let ran = sockkit(&format!("connect {addr} --timeout 300ms")).start().wait().code(5);
    assert!(ran.stderr.contains("timed out"), "{}", ran.stderr);
}

#[test]
fn localhost_reaches_a_server_on_ipv4_only_and_says_who_refused() {
    let peer = Peer::start(|mut client| client.send(b"v4"));
    let ran = sockkit(&format!("connect localhost {} -v", peer.port())).start().wait().code(0);
    assert_eq!(ran.stdout, b"v4");
    assert!(ran.stderr.contains(&format!("connected 127.0.0.1:{}", peer.port())), "{}", ran.stderr);
}

#[test]
fn what_is_no_port_is_a_usage_error() {
    for port in ["70000", "-1", "abc", "80x", "''", "65536"] {
        let ran = Sockkit::new(["connect", "localhost", port]).run().code(2);
        assert!(ran.stdout.is_empty());
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
    sockkit("connect localhost").run().code(2);
    sockkit("connect localhost:80 81").run().code(2);
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let peer = Peer::start(|mut client| {
        use std::io::Write as _;
        // Until the other end is gone.
        while client.stream.write_all(&[b'x'; 65536]).is_ok() {}
    });
    let program = env!("CARGO_BIN_EXE_sockkit");
    let script = format!("{program} connect {} | head -c1; exit ${{PIPESTATUS[0]}}", peer.addr);
    let mut command = Command::new("bash");
    command.args(["-c", &script]);
    let ran = Sockkit::of(command).start().wait().code(0);
    assert_eq!((ran.out().as_str(), ran.stderr.as_str()), ("x", ""));
    peer.join();
}

#[test]
fn a_full_disk_is_exit_8() {
    let peer = Peer::start(|mut client| {
        client.send(b"data");
        client.read_to_end();
    });
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_sockkit");
    command.args(["-c", &format!("exec {program} connect {} > /dev/full", peer.addr)]);
    let ran = Sockkit::of(command).start().wait().code(8);
    assert!(ran.stderr.contains("cannot write standard output: no space left"), "{}", ran.stderr);
    peer.join();
}

#[test]
fn closed_standard_streams_do_no_harm() {
    for closing in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let peer = Peer::start(|mut client| {
            client.send(b"hello");
            client.read_to_end()
        });
        let program = env!("CARGO_BIN_EXE_sockkit");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec {program} connect {} {closing}", peer.addr)]);
        Sockkit::of(command).run();
        // Nothing the peer sent may come back to it, nothing else reach it.
        assert_eq!(peer.join(), b"", "{closing}");
    }
}

#[test]
fn json_gives_one_object_a_line_and_bytes_that_are_not_text_as_base64() {
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
fn a_signal_ends_it_like_any_program() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let running = sockkit(&format!("connect {addr} -v")).start();
    running.stderr.wait_for_text("connected");
    // Not SIGINT: who runs the tests in the background has it ignored, and so has every child.
    running.signal(rustix::process::Signal::TERM);
    running.wait().code(143);
}

#[test]
fn a_pipeline_of_programs_moves_bytes_without_loss() {
    let mut listen = sockkit("listen 0").serve();
    listen.running.close_stdin();
    sockkit(&format!("connect 127.0.0.1 {}", listen.port())).stdin(payload()).run().code(0);
    assert!(listen.running.wait().code(0).stdout == payload());
}

/// Five megabytes in which every piece is another.
fn payload() -> Vec<u8> {
    (0..5_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn the_peers_end_does_not_end_what_we_still_have_to_send() {
    let peer = Peer::start(|mut client| {
        client.end();
        client.read_to_end()
    });
    sockkit(&format!("connect {}", peer.addr)).stdin(payload()).run().code(0);
    assert!(peer.join() == payload());
    // Both ways round, between our own two programs: one has nothing to say and ends at once.
    let listen = sockkit("listen 0").serve();
    let connect = sockkit(&format!("connect 127.0.0.1 {}", listen.port())).start();
    let mut connect = connect;
    connect.close_stdin();
    let mut listening = listen.running;
    listening.write(&payload());
    listening.close_stdin();
    assert!(connect.wait().code(0).stdout == payload());
    listening.wait().code(0);
}

#[test]
fn bytes_the_peer_threw_away_are_no_success() {
    let peer = Peer::start(|mut client| {
        client.read_until("first");
        // Closed with bytes unread: the kernel answers the rest with a reset.
    });
    let ran = sockkit(&format!("connect {}", peer.addr))
        .stdin([b"first".to_vec(), payload()].concat())
        .run();
    ran.code(4);
}

#[test]
fn silence_beyond_the_idle_limit_is_exit_5() {
    let peer = Peer::start(|mut client| {
        client.send(b"x");
        client.read_to_end();
    });
    let ran = sockkit(&format!("connect {} --idle-timeout 1s", peer.addr)).start().wait().code(5);
    assert_eq!(ran.stdout, b"x");
    peer.join();
}

#[test]
fn a_full_disk_is_exit_8_under_json_too() {
    let peer = Peer::start(|mut client| client.send(b"data"));
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_sockkit");
    command.args(["-c", &format!("exec {program} connect {} --json > /dev/full", peer.addr)]);
    let ran = Sockkit::of(command).start().wait().code(8);
    assert!(ran.stderr.contains("no space left on device"), "{}", ran.stderr);
    peer.join();
}
