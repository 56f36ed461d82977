//! Shapes of use that belong to no single case: one input for many clients, sockets handed over,
//! times that are up, other servers on Unix sockets, flags that contradict each other.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{
    Captured, Client, Killed, PATIENCE, Running, Server, eventually, payload, shell, sockkit,
};

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
fn a_filter_behind_a_listener_sees_the_peers_end_with_half_open() {
    // `sort` has nothing to say before the end, whose pipe is the only way to tell it.
    for way in ["fifo | sort > fifo", "fifo | tee heard | sort > fifo"] {
        let directory = tempfile::tempdir().unwrap();
        let script = format!("mkfifo fifo; sockkit listen 0 --half-open < {way}");
        let listen = shell(&script).dir(directory.path()).serve();
        let mut client = listen.client();
        client.send("pear\napple\n");
        client.end();
        assert_eq!(client.read_to_end(), b"apple\npear\n");
        listen.running.wait().code(0);
    }
}

#[test]
fn a_filter_behind_a_client_sees_the_peers_end_with_half_open() {
    let listen = sockkit("listen 0").serve();
    let script =
        format!("mkfifo fifo; sockkit connect {} --half-open < fifo | sort > fifo", listen.addr);
    let directory = tempfile::tempdir().unwrap();
    let connect = shell(&script).dir(directory.path()).start();
    let mut running = listen.running;
    running.write(b"pear\napple\n");
    running.close_stdin();
    assert_eq!(running.wait().code(0).out(), "apple\npear\n");
    connect.wait().code(0);
}

#[test]
fn standard_output_that_is_a_file_is_whole_with_half_open() {
    let directory = tempfile::tempdir().unwrap();
    let listen =
        shell("exec sockkit listen 0 --half-open > received").dir(directory.path()).serve();
    let mut client = listen.client();
    let sent = payload(3_000_000);
    client.send(&sent);
    client.end();
    let mut running = listen.running;
    running.write(b"late");
    running.close_stdin();
    assert_eq!(client.read_to_end(), b"late");
    running.wait().code(0);
    assert!(std::fs::read(directory.path().join("received")).unwrap() == sent);
}

/// Starts `sockkit ARGS` with a socket handed over as a service manager does
/// (`sd_listen_fds(3)`): descriptor 3, and two variables.
fn activated(args: &str, socket: impl Into<OwnedFd>) -> (Killed, Captured, Captured) {
    let program = env!("CARGO_BIN_EXE_sockkit");
    let script = format!("exec 3<&0 < /dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec {program} {args}");
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stdin(socket.into())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = Captured::of(child.stdout.take().unwrap());
    let err = Captured::of(child.stderr.take().unwrap());
    (Killed(child), out, err)
}

fn code(child: &mut Child) -> Option<i32> {
    eventually("its end", || child.try_wait().unwrap()).code()
}

#[test]
fn a_socket_that_was_handed_over_is_listened_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (mut child, out, err) = activated("listen", listener);
    err.wait_for_text(&format!("listening on {addr}"));
    let mut client = Client::connect(addr);
    client.send(b"hello");
    client.end();
    assert_eq!(client.read_to_end(), b"");
    assert_eq!(out.to_end(), b"hello");
    assert_eq!(code(&mut child.0), Some(0));
}

#[test]
fn the_file_of_a_unix_socket_that_was_handed_over_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let (mut child, out, err) = activated("listen", UnixListener::bind(&path).unwrap());
    err.wait_for_text("listening on unix:");
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(b"hello").unwrap();
    drop(client);
    assert_eq!(out.to_end(), b"hello");
    assert_eq!(code(&mut child.0), Some(0));
    assert!(path.exists());
}

#[test]
fn a_socket_of_another_kind_is_refused() {
    let (mut child, _out, err) = activated("listen", UdpSocket::bind("127.0.0.1:0").unwrap());
    let text = String::from_utf8(err.to_end()).unwrap();
    assert_eq!(code(&mut child.0), Some(7), "{text}");
    assert!(text.contains("LISTEN_FDS"), "{text}");
}

#[test]
fn without_an_address_and_a_socket_there_is_nowhere_to_listen() {
    let ran = sockkit("listen").run().code(2);
    assert!(ran.stderr.contains("LISTEN_FDS"), "{}", ran.stderr);
    // One that was meant for somebody else is none.
    sockkit("listen").env("LISTEN_FDS", "1").env("LISTEN_PID", "1").run().code(2);
}

#[test]
fn a_listener_ends_when_its_time_is_up_with_and_without_a_client() {
    for flags in ["", "--keep-open"] {
        let ran = sockkit(&format!("listen 0 --timeout 200ms {flags}")).run().code(5);
        assert!(ran.stderr.contains("time was up (--timeout)"), "{}", ran.stderr);
    }
    let listen = sockkit("listen 0 --timeout 3s").serve();
    let mut client = listen.client();
    client.send(b"not finished");
    let ran = listen.running.wait().code(5);
    assert_eq!(ran.out(), "not finished");
}

#[test]
fn the_echo_server_lets_in_who_may() {
    for (rules, comes_in) in [
        ("--allow 127.0.0.0/8", true),
        ("--allow 127.0.0.0/8 --deny 127.0.0.1", false),
        ("--allow 192.0.2.0/24,2001:db8::/32", false),
    ] {
        let echo = sockkit(&format!("echo-server 127.0.0.1:0 {rules}")).serve();
        let mut client = echo.client();
        let who = client.stream.local_addr().unwrap();
        if comes_in {
            client.send("hello\n");
            assert_eq!(client.line(), "hello");
        } else {
            assert_eq!(client.read_to_end(), b"");
            echo.running.stderr.wait_for_text(&format!("refused {who}"));
        }
        echo.stop().code(0);
    }
}

/// Starts a server on a Unix socket, and a client of ours that talks to it.
fn over_unix(server: &str, path: &Path) -> (Running, Running) {
    let word = format!("unix:{}", path.display());
    let server = sockkit(server).arg(&word).dir(path.parent().unwrap()).start();
    server.stderr.wait_for_text("listening on unix:");
    (server, sockkit("connect").arg(word).start())
}

#[test]
fn the_echo_server_speaks_over_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let (server, mut client) = over_unix("echo-server", &path);
    client.write(b"hello");
    client.close_stdin();
    assert_eq!(client.wait().code(0).out(), "hello");
    server.signal(rustix::process::Signal::TERM);
    server.wait().code(0);
    assert!(!path.exists());
}

#[test]
fn the_login_server_speaks_over_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let (server, mut client) =
        over_unix("login-server --once --log log", &directory.path().join("socket"));
    client.stdout.wait_for_text("Username: ");
    client.write(b"alice\n");
    client.stdout.wait_for_text("Password: ");
    client.write(b"s3cret\n");
    assert!(client.wait().code(0).out().contains("OK"));
    server.wait().code(0);
    let log = std::fs::read_to_string(directory.path().join("log")).unwrap();
    assert!(log.ends_with("user=\"alice\" password=\"s3cret\"\n"), "{log}");
}

#[test]
fn the_chat_server_speaks_over_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let (_server, mut alice) = over_unix("chat-server", &path);
    let mut bob = sockkit("connect").arg(format!("unix:{}", path.display())).start();
    for (name, client) in [("alice", &mut alice), ("bob", &mut bob)] {
        client.stdout.wait_for_text("Nickname: ");
        client.write(format!("{name}\n").as_bytes());
    }
    alice.stdout.wait_for_text("bob");
    alice.write(b"hello everybody\n");
    bob.stdout.wait_for_text("hello everybody");
    bob.write(b"/quit\n");
    bob.wait().code(0);
}

#[test]
fn flags_that_contradict_each_other_are_a_usage_error() {
    for line in [
        "connect 127.0.0.1 1 --udp --tls",
        "connect tls://127.0.0.1:1 --udp",
        "connect udp://127.0.0.1:1 --tls",
        "connect 127.0.0.1 1 --udp --half-open",
        "connect 127.0.0.1 1 --udp --exec cat",
        "connect 127.0.0.1 1 --udp --send x",
        "connect 127.0.0.1 1 --udp --retry 2",
        "connect 127.0.0.1 1 --split lines",
        "connect 127.0.0.1 1 --insecure",
        "connect 127.0.0.1 1 --send-only --recv-only",
        "connect 127.0.0.1 1 --recv-only --half-open",
        "connect 127.0.0.1 1 --exec cat --send x",
        "connect 127.0.0.1 1 --exec cat --recv-only",
        "connect 127.0.0.1 1 --json --hexdump",
        "connect 127.0.0.1 1 -4 -6",
        "connect 127.0.0.1:1 2",
        "connect unix:/nowhere/socket 5",
        "connect unix:/nowhere/socket --from 127.0.0.1",
        "listen 0 --udp --tls --self-signed",
        "listen udp://0 --exec cat",
        "listen 0 --udp -- true",
        "listen 0 --tls",
        "listen 0 --self-signed",
        "listen 0 --mode 600",
        "listen 127.0.0.1:0 --public",
        "listen unix:/nowhere/socket --public",
        "listen unix:/nowhere/socket -4",
        "listen unix:/nowhere/socket -6",
        "listen unix:/nowhere/socket --port-file port",
        "listen unix:/nowhere/socket --deny 127.0.0.1",
        "listen --udp",
        "echo-server udp://0",
        "echo-server unix:/nowhere/socket --allow 127.0.0.1",
    ] {
        let ran = sockkit(line).run();
        assert_eq!(ran.code, 2, "{line}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{line}");
    }
}
