//! Socket activation: every server listens on a socket that a service manager has opened.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::{Captured, Client, KillOnDrop, eventually, sockkit};

/// Starts `sockkit ARGS` with an inherited socket, as a service manager does (`sd_listen_fds(3)`):
/// descriptor 3 and two environment variables.
fn activated(args: &str, socket: impl Into<OwnedFd>) -> (KillOnDrop, Captured, Captured) {
    inheriting("LISTEN_FDS=1 LISTEN_PID=$$", args, socket)
}

/// Starts `sockkit ARGS` with a socket as descriptor 3 and the environment `variables`.
fn inheriting(
    variables: &str,
    args: &str,
    socket: impl Into<OwnedFd>,
) -> (KillOnDrop, Captured, Captured) {
    let program = env!("CARGO_BIN_EXE_sockkit");
    let script = format!("exec 3<&0 < /dev/null; {variables} exec {program} {args}");
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stdin(socket.into())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = Captured::of(child.stdout.take().unwrap());
    let err = Captured::of(child.stderr.take().unwrap());
    (KillOnDrop(child), out, err)
}

fn code(child: &mut Child) -> Option<i32> {
    eventually("its end", || child.try_wait().unwrap()).code()
}

#[test]
fn listen_accepts_on_an_inherited_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (mut child, out, err) = activated("listen", listener);
    err.wait_for_text(&format!("listening on {addr}"));
    let mut client = Client::connect(addr);
    client.send(b"hello");
    client.shut_down();
    assert_eq!(client.read_to_end(), b"");
    assert_eq!(out.to_end(), b"hello");
    assert_eq!(code(&mut child.0), Some(0));
}

#[test]
fn the_file_of_an_inherited_unix_socket_is_not_removed() {
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
fn an_inherited_udp_socket_is_refused() {
    let (mut child, _out, err) = activated("listen", UdpSocket::bind("127.0.0.1:0").unwrap());
    let text = String::from_utf8(err.to_end()).unwrap();
    assert_eq!(code(&mut child.0), Some(7), "{text}");
    assert!(text.contains("LISTEN_FDS"), "{text}");
}

#[test]
fn listen_without_an_address_or_an_inherited_socket_is_a_usage_error() {
    let ran = sockkit("listen").run().code(2);
    assert!(ran.stderr.contains("LISTEN_FDS"), "{}", ran.stderr);
    // A socket for another process id is not used.
    sockkit("listen").env("LISTEN_FDS", "1").env("LISTEN_PID", "1").run().code(2);
}

#[test]
fn each_other_server_accepts_on_an_inherited_socket_too() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let login_server = format!("login-server --log {}", log.display());
    for (server, request, reply) in [
        ("echo-server", "hello", "hello"),
        (login_server.as_str(), "maria\nsegredo\n", "OK recorded"),
        ("chat-server", "maria\n", "Nickname: "),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (_child, _out, err) = activated(server, listener);
        // --public would not change an inherited socket, so it is not mentioned.
        let reach = "(only this machine can reach it)\n";
        err.wait_for_text(&format!("listening on {addr} {reach}"));
        let mut client = Client::connect(addr);
        client.send(request);
        client.read_until(reply);
    }
}

#[test]
fn an_inherited_socket_that_does_not_listen_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = SockAddr::unix(directory.path().join("socket")).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    for (domain, addr) in [(Domain::IPV4, any.into()), (Domain::UNIX, path)] {
        let socket = Socket::new(domain, Type::STREAM, None).unwrap();
        socket.bind(&addr).unwrap();
        let (mut child, _out, err) = activated("listen", socket);
        let text = String::from_utf8(err.to_end()).unwrap();
        assert_eq!(code(&mut child.0), Some(7), "{text}");
        assert!(text.contains("(LISTEN_FDS): one of them does not listen"), "{text}");
    }
}

#[test]
fn a_socket_that_is_not_for_this_process_is_not_used() {
    for variables in ["LISTEN_FDS=1", "LISTEN_FDS=1 LISTEN_PID=", "LISTEN_FDS=1 LISTEN_PID=1"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (mut child, _out, err) = inheriting(variables, "listen", listener);
        let text = String::from_utf8(err.to_end()).unwrap();
        assert_eq!(code(&mut child.0), Some(2), "{variables}: {text}");
    }
}

#[test]
fn options_that_cannot_change_an_inherited_socket_are_usage_errors() {
    for option in ["--public", "-6", "--mode 600"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (mut child, _out, err) = activated(&format!("echo-server {option}"), listener);
        let text = String::from_utf8(err.to_end()).unwrap();
        assert_eq!(code(&mut child.0), Some(2), "{option}: {text}");
        assert!(text.contains("cannot change an inherited socket"), "{text}");
    }
}
