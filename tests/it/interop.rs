//! sockkit with other programs: ncat, netcat-openbsd, socat, curl and openssl.
//!
//! In each connection one side sends EOF while the other still sends data. Two sockkit processes
//! could share an error that only another program reveals.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::support::procfs::wait_until_listening;
use crate::support::{Outcome, Sockkit, payload, shell, skip, sockkit};

/// The number of bytes that each side sends: more than all buffers hold.
const LEN: u32 = 5_000_000;

/// Whether this machine has a program; if not, the test is reported as skipped.
fn is_installed(program: &str) -> bool {
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

/// A port of 127.0.0.1 reserved for a program that cannot report which port it has bound. The
/// socket is bound, so the kernel gives the port to no other socket; a listener that sets
/// `SO_REUSEADDR`, as all of these do, can bind it.
struct ReservedPort(socket2::Socket);

impl ReservedPort {
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

/// A shell command with PORT replaced.
fn with_port(command: &str, port: u16) -> Sockkit {
    shell(&format!("exec {}", command.replace("PORT", &port.to_string())))
}

/// sockkit connects, sends and shuts down its side; the peer replies after that.
fn peer_replies_after_eof(program: &str, listener: &str) {
    if !is_installed(program) {
        return;
    }
    let (request, answer) = (payload(LEN), payload(LEN - 1));
    let port = ReservedPort::new();
    let mut peer = with_port(listener, port.number()).start();
    wait_until_listening(port.number());
    let mut run = sockkit(&format!("connect 127.0.0.1 {}", port.number())).start();
    run.write(&request);
    run.close_stdin();
    peer.stdout.wait_for_bytes(request.len());
    peer.write(&answer);
    peer.close_stdin();
    assert!(run.wait().code(0).stdout == answer);
    assert!(peer.wait().code(0).stdout == request);
}

/// sockkit connects and sends; the peer replies and closes, which ends sockkit. A netcat that
/// listens exits when its client sends EOF, so sockkit must not send it first.
fn peer_replies_before_eof(program: &str, listener: &str) {
    if !is_installed(program) {
        return;
    }
    let (request, answer) = (payload(LEN), payload(LEN - 1));
    let port = ReservedPort::new();
    let mut peer = with_port(listener, port.number()).start();
    wait_until_listening(port.number());
    let mut run = sockkit(&format!("connect 127.0.0.1 {}", port.number())).start();
    run.write(&request);
    peer.stdout.wait_for_bytes(request.len());
    peer.write(&answer);
    peer.close_stdin();
    assert!(run.wait().code(0).stdout == answer);
    assert!(peer.wait().code(0).stdout == request);
}

/// The peer connects; sockkit sends and shuts down its side; the peer sends after that.
fn peer_sends_after_eof(program: &str, client: &str) {
    if !is_installed(program) {
        return;
    }
    let (first, second) = (payload(LEN), payload(LEN - 1));
    let listen = sockkit("listen 0 -4").serve();
    let mut peer = with_port(client, listen.addr.port()).start();
    let mut run = listen.running;
    run.write(&first);
    run.close_stdin();
    peer.stdout.wait_for_bytes(first.len());
    peer.write(&second);
    peer.close_stdin();
    assert!(run.wait().code(0).stdout == second);
    assert!(peer.wait().code(0).stdout == first);
}

#[test]
fn ncat_listening_replies_and_its_eof_ends_connect() {
    peer_replies_before_eof("ncat", "ncat -l 127.0.0.1 PORT");
}

#[test]
fn ncat_connecting_sends_after_eof_from_listen() {
    peer_sends_after_eof("ncat", "ncat 127.0.0.1 PORT");
}

#[test]
fn netcat_openbsd_listening_replies_and_its_eof_ends_connect() {
    peer_replies_before_eof("nc.openbsd", "nc.openbsd -N -l 127.0.0.1 PORT");
}

#[test]
fn netcat_openbsd_connecting_sends_after_eof_from_listen() {
    peer_sends_after_eof("nc.openbsd", "nc.openbsd -N 127.0.0.1 PORT");
}

#[test]
fn socat_listening_replies_after_eof_from_connect() {
    // Without -t socat closes the other direction half a second after the first EOF.
    let listener = "socat -t60 TCP4-LISTEN:PORT,bind=127.0.0.1,reuseaddr STDIO";
    peer_replies_after_eof("socat", listener);
}

#[test]
fn socat_connecting_sends_after_eof_from_listen() {
    peer_sends_after_eof("socat", "socat -t60 STDIO TCP4:127.0.0.1:PORT");
}

#[test]
fn a_filter_behind_socat_sees_eof_from_connect() {
    if !is_installed("socat") {
        return;
    }
    let port = ReservedPort::new();
    let listener = "socat -t60 TCP4-LISTEN:PORT,bind=127.0.0.1,reuseaddr EXEC:'wc -c'";
    let peer = with_port(listener, port.number()).start();
    wait_until_listening(port.number());
    let connect = format!("connect 127.0.0.1 {}", port.number());
    let ran = sockkit(&connect).stdin(payload(LEN)).run().code(0);
    assert_eq!(ran.out(), format!("{LEN}\n"));
    peer.wait().code(0);
}

#[test]
fn curl_downloads_a_page_that_listen_reads_from_standard_input() {
    if !is_installed("curl") {
        return;
    }
    let body = payload(LEN);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LEN}\r\nConnection: close\r\n\r\n");
    let mut listen = sockkit("listen 0 -4").serve();
    let curl = "curl --silent --show-error --fail --noproxy '*' http://127.0.0.1:PORT/page";
    let curl = with_port(curl, listen.addr.port()).start();
    // Some versions of curl refuse a response that arrives before they have sent the request.
    listen.running.stdout.wait_for_text("\r\n\r\n");
    listen.running.write(head.as_bytes());
    listen.running.write(&body);
    listen.running.close_stdin();
    assert!(curl.wait().code(0).stdout == body);
    let request = listen.running.wait().code(0).out();
    assert!(request.starts_with("GET /page HTTP/1.1\r\n"), "{request}");
}

/// The TLS versions to test, as options of openssl.
const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

#[test]
fn openssl_s_server_replies_to_connect() {
    if !is_installed("openssl") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let certificate = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
         -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem";
    shell(certificate).dir(directory.path()).run().code(0);
    for version in VERSIONS {
        let port = ReservedPort::new();
        // With -rev it sends every line back reversed.
        let server = format!(
            "openssl s_server -rev -naccept 1 {version} -accept 127.0.0.1:PORT \
             -cert cert.pem -key key.pem"
        );
        let server = with_port(&server, port.number()).dir(directory.path()).start();
        wait_until_listening(port.number());
        let connect = format!("connect --tls --insecure 127.0.0.1 {}", port.number());
        let ran = sockkit(&connect).stdin("hello\n").run().code(0);
        assert_eq!(ran.out(), "olleh\n", "{version}");
        server.wait().code(0);
    }
}

/// Runs `sockkit connect --tls FLAGS` against an openssl server with a new key and certificate.
fn connect_to_openssl(new_key: &str, flags: &str) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let certificate = format!(
        "openssl req -x509 -newkey {new_key} -nodes -days 2 -subj /CN=localhost \
         -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem"
    );
    shell(&certificate).dir(directory.path()).run().code(0);
    connect_to_server(&directory, flags)
}

/// Runs `sockkit connect --tls FLAGS` against an openssl server with the certificate in
/// `directory`.
fn connect_to_server(directory: &tempfile::TempDir, flags: &str) -> Outcome {
    let port = ReservedPort::new();
    let server = "openssl s_server -rev -accept 127.0.0.1:PORT -cert cert.pem -key key.pem \
                  -cipher DEFAULT:@SECLEVEL=0";
    let server = with_port(server, port.number()).dir(directory.path()).start();
    wait_until_listening(port.number());
    let connect = format!("connect --tls 127.0.0.1 {} {flags}", port.number());
    let ran = sockkit(&connect).dir(directory.path()).stdin("hello\n").run();
    drop(server);
    ran
}

#[test]
fn the_certificate_that_openssl_makes_is_trusted_with_ca() {
    if !is_installed("openssl") {
        return;
    }
    let key = "ec -pkeyopt ec_paramgen_curve:P-256";
    assert_eq!(connect_to_openssl(key, "--ca cert.pem").code(0).out(), "olleh\n");
    let ran = connect_to_openssl(key, "").code(6);
    assert!(ran.stderr.contains("self-signed"), "{}", ran.stderr);
}

#[test]
fn a_server_with_a_short_rsa_key_is_not_called_an_impostor() {
    if !is_installed("openssl") {
        return;
    }
    for trust in ["--insecure", "--ca cert.pem"] {
        let ran = connect_to_openssl("rsa:1024", trust).code(6);
        assert!(ran.stderr.contains("RSA key of 1024 bits is too short\n"), "{}", ran.stderr);
    }
}

#[test]
fn a_ca_whose_key_cannot_be_used_is_named() {
    if !is_installed("openssl") {
        return;
    }
    for (key, reason) in [
        ("rsa:1024", "RSA key of 1024 bits is too short"),
        ("ec -pkeyopt ec_paramgen_curve:P-521", "sockkit does not support the curve P-521"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let certificates = format!(
            "openssl req -x509 -newkey {key} -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem
            openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=server \
                -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
                -CA ca.pem -CAkey ca.key -keyout key.pem -out cert.pem"
        );
        shell(&certificates).dir(directory.path()).run().code(0);
        for flags in ["--ca ca.pem", "--ca cert.pem"] {
            let ran = connect_to_server(&directory, flags);
            if flags == "--ca cert.pem" {
                // The server's own certificate is trusted, whatever has signed it.
                assert_eq!(ran.code(0).out(), "olleh\n");
                continue;
            }
            let expected = format!(
                "cannot verify the peer's certificate: a CA of its chain cannot be used: {reason}\n"
            );
            assert!(ran.stderr.contains(&expected), "{}", ran.stderr);
            ran.code(6);
        }
    }
}

#[test]
fn a_server_whose_curve_is_not_supported_gets_a_hint_about_keys() {
    if !is_installed("openssl") {
        return;
    }
    let ran = connect_to_openssl("ec -pkeyopt ec_paramgen_curve:P-521", "--insecure").code(6);
    let message = "no cipher suite, key exchange or signature scheme in common\ntry: ";
    assert!(ran.stderr.contains(message), "{}", ran.stderr);
    assert!(ran.stderr.contains("ECDSA on P-256 or P-384"), "{}", ran.stderr);
}

#[test]
fn a_client_with_the_certificate_that_openssl_makes_is_trusted_with_client_ca() {
    if !is_installed("openssl") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let certificate = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=client \
                       -keyout key.pem -out cert.pem";
    shell(certificate).dir(directory.path()).run().code(0);
    let listen = sockkit("listen 0 -4 --tls --self-signed --client-ca cert.pem");
    let mut listen = listen.dir(directory.path()).serve();
    let client = "openssl s_client -quiet -cert cert.pem -key key.pem -connect 127.0.0.1:PORT";
    let mut client = with_port(client, listen.addr.port()).dir(directory.path()).start();
    client.write(b"hello\n");
    listen.running.stdout.wait_for_text("hello\n");
    listen.running.write(b"answer\n");
    listen.running.close_stdin();
    assert_eq!(client.wait().code(0).out(), "answer\n");
    listen.running.wait().code(0);
}

#[test]
fn a_short_key_of_a_listener_is_named() {
    if !is_installed("openssl") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let certificate = "openssl req -x509 -newkey rsa:1024 -nodes -days 2 -subj /CN=localhost \
                       -keyout key.pem -out cert.pem";
    shell(certificate).dir(directory.path()).run().code(0);
    let listen = sockkit("listen 0 --tls --cert cert.pem --key key.pem").dir(directory.path());
    let ran = listen.run().code(8);
    let expected = "error: cannot use key.pem: RSA key of 1024 bits is too short\n";
    assert_eq!(ran.stderr, expected);
}

#[test]
fn openssl_s_client_exchanges_lines_with_listen() {
    if !is_installed("openssl") {
        return;
    }
    for version in VERSIONS {
        let listen = sockkit("listen 0 -4 --tls --self-signed").serve();
        let client = format!("openssl s_client -quiet {version} -connect 127.0.0.1:PORT");
        let mut client = with_port(&client, listen.addr.port()).start();
        let mut run = listen.running;
        client.write(b"hello\n");
        run.stdout.wait_for_text("hello\n");
        // openssl exits at EOF, because it does not support a half-close.
        run.write(b"answer\n");
        run.close_stdin();
        assert_eq!(client.wait().code(0).out(), "answer\n", "{version}");
        assert_eq!(run.wait().code(0).out(), "hello\n", "{version}");
    }
}

#[test]
fn curl_downloads_a_page_over_tls_from_a_self_signed_listener() {
    if !is_installed("curl") {
        return;
    }
    let body = payload(LEN);
    // Without a length curl reads to close_notify; with one it may close before that has arrived,
    // which resets the connection.
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    let mut listen = sockkit("listen 0 -4 --tls --self-signed").serve();
    let curl = "curl --silent --show-error --fail --insecure --noproxy '*' https://127.0.0.1:PORT/";
    let curl = with_port(curl, listen.addr.port()).start();
    listen.running.stdout.wait_for_text("\r\n\r\n");
    listen.running.write(head.as_bytes());
    listen.running.write(&body);
    listen.running.close_stdin();
    assert!(curl.wait().code(0).stdout == body);
    listen.running.wait().code(0);
}
