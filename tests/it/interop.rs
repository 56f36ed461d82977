//! The program and those that others wrote: ncat, netcat-openbsd, socat, curl, openssl.
//!
//! Each conversation has one side end while the other still speaks: what works between two of our
//! own may rest on a misunderstanding they share.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::support::procfs::wait_until_listening;
use crate::support::{Sockkit, payload, shell, skip, sockkit};

/// How much each side says: more than any buffer between them holds.
const SAID: u32 = 5_000_000;

/// Whether this machine has a program; that it has not is told.
fn has(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .stdout(Stdio::null())
        .status()
        .unwrap()
        .success();
    if !found {
        skip(&format!("interoperation with {program}"), &format!("no {program} here"));
    }
    found
}

/// A port of 127.0.0.1 that is kept for a program which cannot say which one it took. It is bound,
/// so nobody draws it by chance; a listener that allows reuse, as all of these do, may have it.
struct KeptPort(socket2::Socket);

impl KeptPort {
    fn new() -> Self {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        Self(socket)
    }

    fn number(&self) -> u16 {
        self.0.local_addr().unwrap().as_socket().unwrap().port()
    }
}

/// A command line with its port filled in.
fn at(command: &str, port: u16) -> Sockkit {
    shell(&format!("exec {}", command.replace("PORT", &port.to_string())))
}

/// We call, speak and end; only then it answers.
fn answers_us_after_our_end(program: &str, listener: &str) {
    if !has(program) {
        return;
    }
    let (request, answer) = (payload(SAID), payload(SAID - 1));
    let port = KeptPort::new();
    let mut peer = at(listener, port.number()).start();
    wait_until_listening(port.number());
    let mut ours = sockkit(&format!("connect 127.0.0.1 {}", port.number())).start();
    ours.write(&request);
    ours.close_stdin();
    peer.stdout.wait_for_bytes(request.len());
    peer.write(&answer);
    peer.close_stdin();
    assert!(ours.wait().code(0).stdout == answer);
    assert!(peer.wait().code(0).stdout == request);
}

/// We call and speak, it answers and ends, which ends us. The netcats take their client's end for
/// the end of everything when they listen, so ours must wait for theirs.
fn answers_us_before_our_end(program: &str, listener: &str) {
    if !has(program) {
        return;
    }
    let (request, answer) = (payload(SAID), payload(SAID - 1));
    let port = KeptPort::new();
    let mut peer = at(listener, port.number()).start();
    wait_until_listening(port.number());
    let mut ours = sockkit(&format!("connect 127.0.0.1 {}", port.number())).start();
    ours.write(&request);
    peer.stdout.wait_for_bytes(request.len());
    peer.write(&answer);
    peer.close_stdin();
    assert!(ours.wait().code(0).stdout == answer);
    assert!(peer.wait().code(0).stdout == request);
}

/// It calls; we speak and end; only then it speaks, too.
fn speaks_to_us_after_our_end(program: &str, client: &str) {
    if !has(program) {
        return;
    }
    let (greeting, said) = (payload(SAID), payload(SAID - 1));
    let listen = sockkit("listen 0 -4").serve();
    let mut peer = at(client, listen.addr.port()).start();
    let mut ours = listen.running;
    ours.write(&greeting);
    ours.close_stdin();
    peer.stdout.wait_for_bytes(greeting.len());
    peer.write(&said);
    peer.close_stdin();
    assert!(ours.wait().code(0).stdout == said);
    assert!(peer.wait().code(0).stdout == greeting);
}

#[test]
fn ncat_answers_us_and_its_end_ends_us() {
    answers_us_before_our_end("ncat", "ncat -l 127.0.0.1 PORT");
}

#[test]
fn ncat_speaks_to_us_after_our_end() {
    speaks_to_us_after_our_end("ncat", "ncat 127.0.0.1 PORT");
}

#[test]
fn netcat_openbsd_answers_us_and_its_end_ends_us() {
    answers_us_before_our_end("nc.openbsd", "nc.openbsd -N -l 127.0.0.1 PORT");
}

#[test]
fn netcat_openbsd_speaks_to_us_after_our_end() {
    speaks_to_us_after_our_end("nc.openbsd", "nc.openbsd -N 127.0.0.1 PORT");
}

#[test]
fn socat_answers_us_after_our_end() {
    // Without -t it cuts the other direction off half a second after the first one's end.
    let listener = "socat -t60 TCP4-LISTEN:PORT,bind=127.0.0.1,reuseaddr STDIO";
    answers_us_after_our_end("socat", listener);
}

#[test]
fn socat_speaks_to_us_after_our_end() {
    speaks_to_us_after_our_end("socat", "socat -t60 STDIO TCP4:127.0.0.1:PORT");
}

#[test]
fn a_filter_behind_socat_is_told_of_our_end() {
    if !has("socat") {
        return;
    }
    let port = KeptPort::new();
    let listener = "socat -t60 TCP4-LISTEN:PORT,bind=127.0.0.1,reuseaddr EXEC:'wc -c'";
    let peer = at(listener, port.number()).start();
    wait_until_listening(port.number());
    let connect = format!("connect 127.0.0.1 {}", port.number());
    let ran = sockkit(&connect).stdin(payload(SAID)).run().code(0);
    assert_eq!(ran.out(), format!("{SAID}\n"));
    peer.wait().code(0);
}

#[test]
fn curl_gets_a_page_that_listen_reads_from_its_input() {
    if !has("curl") {
        return;
    }
    let body = payload(SAID);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SAID}\r\nConnection: close\r\n\r\n");
    let mut listen = sockkit("listen 0 -4").serve();
    let curl = "curl --silent --show-error --fail --noproxy '*' http://127.0.0.1:PORT/page";
    let curl = at(curl, listen.addr.port()).start();
    // It has asked: an answer that comes before its question is refused by some versions.
    listen.running.stdout.wait_for_text("\r\n\r\n");
    listen.running.write(head.as_bytes());
    listen.running.write(&body);
    listen.running.close_stdin();
    assert!(curl.wait().code(0).stdout == body);
    let asked = listen.running.wait().code(0).out();
    assert!(asked.starts_with("GET /page HTTP/1.1\r\n"), "{asked}");
}

/// The versions of TLS that each conversation is had in, as openssl spells them.
const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

#[test]
fn openssl_s_server_answers_us() {
    if !has("openssl") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let certificate = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
         -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem";
    shell(certificate).dir(directory.path()).run().code(0);
    for version in VERSIONS {
        let port = KeptPort::new();
        // It sends every line back reversed.
        let server = format!(
            "openssl s_server -rev -naccept 1 {version} -accept 127.0.0.1:PORT \
             -cert cert.pem -key key.pem"
        );
        let server = at(&server, port.number()).dir(directory.path()).start();
        wait_until_listening(port.number());
        let connect = format!("connect --tls --insecure 127.0.0.1 {}", port.number());
        let ran = sockkit(&connect).stdin("hello\n").run().code(0);
        assert_eq!(ran.out(), "olleh\n", "{version}");
        server.wait().code(0);
    }
}

#[test]
fn openssl_s_client_speaks_to_us() {
    if !has("openssl") {
        return;
    }
    for version in VERSIONS {
        let listen = sockkit("listen 0 -4 --tls --self-signed").serve();
        let client = format!("openssl s_client -quiet {version} -connect 127.0.0.1:PORT");
        let mut client = at(&client, listen.addr.port()).start();
        let mut ours = listen.running;
        client.write(b"hello\n");
        ours.stdout.wait_for_text("hello\n");
        // Our end ends it: it knows no other half.
        ours.write(b"answer\n");
        ours.close_stdin();
        assert_eq!(client.wait().code(0).out(), "answer\n", "{version}");
        assert_eq!(ours.wait().code(0).out(), "hello\n", "{version}");
    }
}

#[test]
fn curl_gets_a_page_over_tls_from_a_certificate_made_for_it() {
    if !has("curl") {
        return;
    }
    let body = payload(SAID);
    // Without a length curl reads to close_notify; with one it may close before that has arrived,
    // which resets the connection.
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    let mut listen = sockkit("listen 0 -4 --tls --self-signed").serve();
    let curl = "curl --silent --show-error --fail --insecure --noproxy '*' https://127.0.0.1:PORT/";
    let curl = at(curl, listen.addr.port()).start();
    listen.running.stdout.wait_for_text("\r\n\r\n");
    listen.running.write(head.as_bytes());
    listen.running.write(&body);
    listen.running.close_stdin();
    assert!(curl.wait().code(0).stdout == body);
    listen.running.wait().code(0);
}
