//! Every byte is delivered, however slowly either side reads, and a slow side costs no memory.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::procfs::Process;
use crate::support::{Client, KillOnDrop, Peer, eventually, fill_buffers, payload, shell, sockkit};

/// The most memory in bytes that a bulk transfer may use: a few buffers, not the stream.
const MAX_MEMORY: u64 = 20_000_000;

/// A listener whose connections have the smallest receive buffer that the kernel allows.
fn narrow_listener() -> TcpListener {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    // Accepted sockets inherit the size; it must be set before the handshake announces the window.
    socket.set_recv_buffer_size(1).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(1).unwrap();
    socket.into()
}

#[test]
fn a_peer_that_reads_steadily_is_not_idle_although_the_socket_stays_full() {
    let listener = narrow_listener();
    let sent = payload(1_000_000);
    let target = listener.local_addr().unwrap();
    let reader = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let started = Instant::now();
        let (mut read, mut buffer) = (Vec::new(), vec![0; 4096]);
        loop {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return read,
                Ok(len) => read.extend_from_slice(&buffer[..len]),
            }
            // Three times the idle timeout, in which the peer takes less than the kernel holds.
            if started.elapsed() < Duration::from_secs(6) {
                thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let connect = format!("connect {target} --idle-timeout 2s");
    let ran = sockkit(&connect).stdin(&sent).run();
    assert!(reader.join().unwrap() == sent, "{}", ran.stderr);
    ran.code(0);
}

#[test]
fn e09_a_slow_reader_gets_every_byte() {
    let sent = payload(20_000_000);
    let peer = Peer::start(|mut client| {
        let mut read = Vec::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match client.stream.read(&mut buffer).unwrap() {
                0 => return read,
                len => read.extend_from_slice(&buffer[..len]),
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
    sockkit(&format!("connect {}", peer.addr)).stdin(&sent).run().code(0);
    assert!(peer.join() == sent);
}

#[test]
fn e10_a_closed_standard_output_ends_the_run_without_a_message() {
    let peer = Peer::start(|client| {
        // Until sockkit closes the connection.
        while (&client.stream).write_all(&[b'x'; 65536]).is_ok() {}
    });
    let script = format!("sockkit connect {} | head -c1; exit ${{PIPESTATUS[0]}}", peer.addr);
    let ran = shell(&script).start().wait().code(0);
    assert_eq!((ran.out().as_str(), ran.stderr.as_str()), ("x", ""));
    peer.join();
}

#[test]
fn e11_a_full_disk_exits_8() {
    for json in ["", " --json"] {
        let peer = Peer::start(|mut client| {
            // With `--json`, the `connected` line fails, and the reset may come before this write.
            client.stream.write_all(b"data").ok();
            client.read_to_end();
        });
        let script = format!("exec sockkit connect {}{json} > /dev/full", peer.addr);
        let ran = shell(&script).start().wait().code(8);
        let expected = "cannot write standard output: no space left on device";
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
        peer.join();
    }
    let listen = shell("exec sockkit listen 0 > /dev/full").serve();
    let mut client = listen.client();
    client.send(b"data");
    let ran = listen.running.wait().code(8);
    assert!(ran.stderr.contains("no space left on device"), "{}", ran.stderr);
}

#[test]
fn e15_a_prompt_without_a_newline_is_printed_at_once() {
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
fn e22_a_blocked_standard_output_stops_the_sender_without_using_memory() {
    for role in ["listen", "connect"] {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockkit"));
        command.stdin(std::process::Stdio::piped()).stdout(writer);
        let (client, child) = if role == "listen" {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("port");
            command.args(["-q", "listen", "0", "-4", "--port-file"]).arg(&path);
            let child = KillOnDrop(command.spawn().unwrap());
            let port: u16 = eventually("the port file", || {
                std::fs::read_to_string(&path).ok()?.trim().parse().ok()
            });
            (Client::connect(SocketAddr::from(([127, 0, 0, 1], port))), child)
        } else {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            command.arg("connect").arg(listener.local_addr().unwrap().to_string());
            let child = KillOnDrop(command.spawn().unwrap());
            (Client::of(listener.accept().unwrap().0), child)
        };
        let process = Process::of_child(&child.0);
        let sent = fill_buffers(&client);
        process.wait_until_idle();
        assert!(process.peak_memory() < MAX_MEMORY, "{role}: {} bytes", process.peak_memory());
        // Every byte arrives when the pipe is read.
        client.shut_down();
        drop(command);
        let mut read = 0;
        let mut buffer = vec![0; 65536];
        while read < sent {
            match reader.read(&mut buffer).unwrap() {
                0 => break,
                len => read += len,
            }
        }
        assert_eq!(read, sent, "{role}");
    }
}

#[test]
fn e27_a_peer_that_reads_single_bytes_gets_every_byte() {
    let sent = payload(100_000);
    let peer = Peer::at(narrow_listener(), |mut client| {
        let mut read = Vec::new();
        let mut byte = [0];
        while client.stream.read(&mut byte).unwrap() == 1 {
            read.push(byte[0]);
        }
        client.send(b"thanks");
        read
    });
    let ran = sockkit(&format!("connect {}", peer.addr)).stdin(&sent).run().code(0);
    assert!(peer.join() == sent);
    assert_eq!(ran.stdout, b"thanks");
}

#[test]
fn e28_a_peer_that_reads_nothing_costs_no_memory_or_cpu_and_a_signal_still_ends_the_run() {
    let listener = narrow_listener();
    let connect = format!("exec sockkit connect {} < /dev/zero", listener.local_addr().unwrap());
    let running = shell(&connect).start();
    let (mut peer, _) = listener.accept().unwrap();
    // The transfer has started; the peer reads no more.
    peer.read_exact(&mut [0; 1]).unwrap();
    let process = Process::of(&running);
    process.wait_until_idle();
    assert!(process.peak_memory() < MAX_MEMORY, "{} bytes", process.peak_memory());
    // Not SIGINT: in a background job it is ignored, and children inherit that.
    running.signal(Signal::TERM);
    running.wait().code(143);
}

#[test]
fn e29_every_byte_value_passes_in_both_directions() {
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
fn e30_crlf_turns_every_line_ending_into_exactly_one_cr_lf() {
    let peer = Peer::start(|mut client| {
        let first = client.read_until("a\r\n");
        client.send(b"go on\n");
        first + &String::from_utf8(client.read_to_end()).unwrap()
    });
    let mut connect = sockkit(&format!("connect {} --crlf", peer.addr)).start();
    // sockkit reads the CR before the test writes the LF.
    connect.write(b"a\nb\r");
    connect.stdout.wait_for_text("go on\n");
    connect.write(b"\nc\r\n\nd\re\r");
    connect.close_stdin();
    connect.wait().code(0);
    assert_eq!(peer.join(), "a\r\nb\r\nc\r\n\r\nd\re\r");
}

#[test]
fn e31_crlf_does_not_change_received_data() {
    let received = b"a\nb\r\nc\r\r\n\n\r";
    let peer = Peer::start(move |mut client| client.send(received));
    let ran = sockkit(&format!("connect {} --crlf", peer.addr)).run().code(0);
    assert_eq!(ran.stdout, received);
}

#[test]
fn delay_spaces_out_the_lines_that_are_sent() {
    const DELAY: Duration = Duration::from_millis(300);
    let peer = Peer::start(|mut client| {
        let moments = ["a\n", "b\n"].map(|line| {
            client.read_until(line);
            Instant::now()
        });
        client.read_to_end();
        moments[1] - moments[0]
    });
    sockkit(&format!("connect {} --delay 300ms", peer.addr)).stdin("a\nb\n").run().code(0);
    // Half of the delay, because the peer may have read the first line late.
    assert!(peer.join() > DELAY / 2);
}
