//! Every byte is delivered, however slowly either side reads, and a slow side costs no memory.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::procfs::Process;
use crate::support::{Client, Killed, Peer, eventually, fill, payload, shell, sockkit};

/// The most memory a bulk transfer may take: what is held is a few buffers, not the stream.
const MEMORY: u64 = 20_000_000;

/// A listener whose connections have the smallest buffer the kernel grants.
fn narrow_listener() -> TcpListener {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    // Inherited by what it accepts; before the handshake, which tells the window.
    socket.set_recv_buffer_size(1).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(1).unwrap();
    socket.into()
}

#[test]
fn e09_a_slow_reader_gets_everything() {
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
fn e10_a_reader_that_leaves_ends_it_quietly() {
    let peer = Peer::start(|client| {
        // Until the other end is gone.
        while (&client.stream).write_all(&[b'x'; 65536]).is_ok() {}
    });
    let script = format!("sockkit connect {} | head -c1; exit ${{PIPESTATUS[0]}}", peer.addr);
    let ran = shell(&script).start().wait().code(0);
    assert_eq!((ran.out().as_str(), ran.stderr.as_str()), ("x", ""));
    peer.join();
}

#[test]
fn e11_a_full_disk_is_exit_8() {
    for json in ["", " --json"] {
        let peer = Peer::start(|mut client| {
            client.send(b"data");
            client.read_to_end();
        });
        let script = format!("exec sockkit connect {}{json} > /dev/full", peer.addr);
        let ran = shell(&script).start().wait().code(8);
        let told = "cannot write standard output: no space left on device";
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
        peer.join();
    }
    let listen = shell("exec sockkit listen 0 > /dev/full").serve();
    let mut client = listen.client();
    client.send(b"data");
    let ran = listen.running.wait().code(8);
    assert!(ran.stderr.contains("no space left on device"), "{}", ran.stderr);
}

#[test]
fn e15_a_prompt_without_newline_is_visible_at_once() {
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
fn e22_a_reader_that_looks_away_stops_the_sender_and_costs_no_memory() {
    for role in ["listen", "connect"] {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockkit"));
        command.stdin(std::process::Stdio::piped()).stdout(writer);
        let (client, child) = if role == "listen" {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("port");
            command.args(["-q", "listen", "0", "-4", "--port-file"]).arg(&path);
            let child = Killed(command.spawn().unwrap());
            let port: u16 = eventually("the port file", || {
                std::fs::read_to_string(&path).ok()?.trim().parse().ok()
            });
            (Client::connect(SocketAddr::from(([127, 0, 0, 1], port))), child)
        } else {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            command.arg("connect").arg(listener.local_addr().unwrap().to_string());
            let child = Killed(command.spawn().unwrap());
            (Client::of(listener.accept().unwrap().0), child)
        };
        let process = Process::of_child(&child.0);
        let sent = fill(&client);
        process.wait_until_it_rests();
        assert!(process.peak_memory() < MEMORY, "{role}: {} bytes", process.peak_memory());
        // Nothing of it was lost: it comes as soon as somebody looks.
        client.end();
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
fn e27_a_reader_of_single_bytes_gets_everything() {
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
fn e28_a_peer_that_reads_nothing_costs_neither_memory_nor_time_and_can_be_left() {
    let listener = narrow_listener();
    let connect = format!("exec sockkit connect {} < /dev/zero", listener.local_addr().unwrap());
    let running = shell(&connect).start();
    let (mut peer, _) = listener.accept().unwrap();
    // It is underway, and nothing more is read.
    peer.read_exact(&mut [0; 1]).unwrap();
    let process = Process::of(&running);
    process.wait_until_it_rests();
    assert!(process.peak_memory() < MEMORY, "{} bytes", process.peak_memory());
    // Not SIGINT: who runs the tests in the background has it ignored, and so has every child.
    running.signal(Signal::TERM);
    running.wait().code(143);
}

#[test]
fn e29_every_byte_passes_both_ways() {
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
fn e30_crlf_makes_every_line_end_one_and_no_more() {
    let peer = Peer::start(|mut client| {
        let first = client.read_until("a\r\n");
        client.send(b"go on\n");
        first + &String::from_utf8(client.read_to_end()).unwrap()
    });
    let mut connect = sockkit(&format!("connect {} --crlf", peer.addr)).start();
    // Its first half is read before the second one is there.
    connect.write(b"a\nb\r");
    connect.stdout.wait_for_text("go on\n");
    connect.write(b"\nc\r\n\nd\re\r");
    connect.close_stdin();
    connect.wait().code(0);
    assert_eq!(peer.join(), "a\r\nb\r\nc\r\n\r\nd\re\r");
}

#[test]
fn e31_crlf_leaves_what_comes_as_it_is() {
    let came = b"a\nb\r\nc\r\r\n\n\r";
    let peer = Peer::start(move |mut client| client.send(came));
    let ran = sockkit(&format!("connect {} --crlf", peer.addr)).run().code(0);
    assert_eq!(ran.stdout, came);
}

#[test]
fn lines_are_sent_as_slowly_as_delay_says() {
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
    // A little less: the first line may have been noticed late.
    assert!(peer.join() > DELAY / 2);
}
