//! TLS, with peers of rustls and with the program itself at the other end.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use tempfile::TempDir;

use crate::support::{Client, Peer, Server, Sockkit, sockkit};

/// What crosses both ways in one test: more than every buffer on the way, and quick in a debug
/// build.
const MUCH: usize = 8 * 1024 * 1024;

/// Longer than an input may rest before its end is no longer waited for (250 ms).
const LONGER_THAN_A_REST: Duration = Duration::from_millis(600);

/// A CA, and a certificate it has signed for 127.0.0.1, in files and in rustls's hands.
struct Certificates {
    directory: TempDir,
    ca: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Certificates {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "sockkit's tests");
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let ca = CertifiedIssuer::self_signed(params, ca_key).unwrap();
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &ca).unwrap();
        for (name, pem) in
            [("ca", ca.pem()), ("cert", certificate.pem()), ("key", key.serialize_pem())]
        {
            fs::write(directory.path().join(name).with_extension("pem"), pem).unwrap();
        }
        let (ca, certificate) = (ca.der().clone(), certificate.der().clone());
        Self { directory, ca, certificate, key: key.serialize_der() }
    }

    /// The path of `ca`, `cert` or `key`.
    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.directory.path().join(name).with_extension("pem");
        path.to_str().unwrap().to_owned()
    }

    /// What `openssl x509 -fingerprint -sha256` prints, as a pin.
    fn pin(&self) -> String {
        pin_of(&self.certificate)
    }

    fn server_config(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::Pkcs8(self.key.clone().into());
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key);
        Arc::new(config.unwrap())
    }

    /// A foreign server that shakes hands and then does `serve`.
    fn peer<T: Send + 'static>(
        &self,
        serve: impl FnOnce(StreamOwned<ServerConnection, TcpStream>) -> T + Send + 'static,
    ) -> Peer<T> {
        let config = self.server_config();
        Peer::start(move |client| {
            let session = ServerConnection::new(config).unwrap();
            serve(StreamOwned::new(session, client.stream))
        })
    }

    /// A foreign client of a server that shows our certificate.
    fn client(&self, server: &Server) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        StreamOwned::new(session, server.client().stream)
    }

    fn listen(&self, flags: &str) -> Server {
        let (cert, key) = (self.path("cert"), self.path("key"));
        sockkit(&format!("listen 127.0.0.1:0 --tls --cert {cert} --key {key} {flags}")).serve()
    }

    fn connect(&self, port: &str, flags: &str) -> Sockkit {
        sockkit(&format!("connect 127.0.0.1 {port} --tls --ca {} {flags}", self.path("ca")))
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn pin_of(certificate: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    let digits: Vec<_> = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", digits.concat())
}

/// The pin that `text` names.
fn pin_in(text: &str) -> Option<String> {
    let at = text.find("sha256:")?;
    text.get(at..at + "sha256:".len() + 64).map(str::to_owned)
}

/// Bytes that no shift or repetition turns into themselves.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..len).map(step).collect()
}

/// Ends our side of the TCP connection under TLS, and waits for the other end's.
fn end_plainly(stream: &mut TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
    // A reset would be an end of another kind.
    stream.read_to_end(&mut Vec::new()).ok();
}

/// Says `close_notify`, and waits for the other end's.
fn end_in_order(stream: &mut StreamOwned<ServerConnection, TcpStream>) {
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn t01_a_close_without_close_notify_is_a_truncation_after_the_data() {
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        stream.write_all(b"half of it").unwrap();
        end_plainly(&mut stream.sock);
    });
    let ran = certificates.connect(&peer.port(), "").run().code(6);
    assert_eq!(ran.stdout, b"half of it");
    let words = ["close_notify", "truncated"];
    assert!(words.iter().all(|word| ran.stderr.contains(word)), "{}", ran.stderr);
    peer.join();
}

#[test]
fn t01_a_close_with_close_notify_is_an_end_in_order() {
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        stream.write_all(b"all of it").unwrap();
        end_in_order(&mut stream);
    });
    let ran = certificates.connect(&peer.port(), "").run().code(0);
    assert_eq!((ran.stdout.as_slice(), &*ran.stderr), (&b"all of it"[..], ""));
    peer.join();
}

#[test]
fn t02_a_certificate_nobody_vouches_for_is_refused_with_the_pin_that_accepts_it() {
    let certificates = Certificates::new();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = || PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let serve = || {
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key())
            .unwrap();
        Peer::start(move |client| {
            let session = ServerConnection::new(Arc::new(config)).unwrap();
            let mut stream = StreamOwned::new(session, client.stream);
            if stream.write_all(b"hello").is_ok() {
                end_in_order(&mut stream);
            }
        })
    };
    // What this machine trusts, whatever machine it is.
    let connect = |peer: &Peer<()>, flags: &str| {
        sockkit(&format!("connect tls://127.0.0.1:{} {flags}", peer.port()))
            .env("SSL_CERT_FILE", &certificates.path("ca"))
    };
    let peer = serve();
    let ran = connect(&peer, "").run().code(6);
    peer.join();
    assert_eq!(ran.stdout, b"");
    let pin = pin_of(made.cert.der());
    for part in ["self-signed", &format!("--pin {pin}"), "--insecure", "--ca"] {
        assert!(ran.stderr.contains(part), "{part:?} is not in {}", ran.stderr);
    }
    for flags in ["--insecure".to_owned(), format!("--pin {pin}")] {
        let peer = serve();
        assert_eq!(connect(&peer, &flags).run().code(0).stdout, b"hello");
        peer.join();
    }
    // Another certificate than the pinned one.
    let peer = serve();
    let other = certificates.pin();
    let ran = connect(&peer, &format!("--pin {other}")).run().code(6);
    assert!(
        ran.stderr.contains("not the pinned one") && ran.stderr.contains(&pin),
        "{}",
        ran.stderr
    );
    peer.join();
}

#[test]
fn t02_a_wrong_name_is_refused_and_the_right_ones_are_said() {
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        stream.write_all(b"x").unwrap_err();
    });
    let ran = certificates.connect(&peer.port(), "--servername other.example").run().code(6);
    for part in ["not for other.example", "127.0.0.1, localhost", "--servername"] {
        assert!(ran.stderr.contains(part), "{part:?} is not in {}", ran.stderr);
    }
    peer.join();
}

#[test]
fn t03_a_peer_that_does_not_speak_tls_is_quoted() {
    for (said, quoted, tried) in [
        ("220 smtp.example ESMTP\r\n", r#""220 smtp.example ESMTP\r\n""#, "--starttls smtp"),
        ("SSH-2.0-OpenSSH_9.2\r\n", r#""SSH-2.0-OpenSSH_9.2\r\n" (SSH)"#, "without --tls"),
        ("\u{1b}[2Jhi", r#""\u{1b}[2Jhi""#, "without --tls"),
    ] {
        let peer = Peer::start(move |mut client: Client| {
            client.send(said);
            client.read_to_end();
        });
        let ran = sockkit(&format!("connect 127.0.0.1 {} --tls", peer.port())).run().code(6);
        let message = format!("the peer does not speak TLS: it said {quoted}");
        assert!(ran.stderr.contains(&message) && ran.stderr.contains(tried), "{}", ran.stderr);
        assert_eq!(ran.stdout, b"");
        peer.join();
    }
}

#[test]
fn t04_plain_text_to_a_tls_server_is_answered_with_a_hint() {
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        stream.read_exact(&mut [0]).unwrap_err();
        end_plainly(&mut stream.sock);
    });
    let command = sockkit(&format!("connect 127.0.0.1 {}", peer.port()));
    let ran = command.stdin("hello, is this plain?\n").run();
    assert!(
        ran.stderr.contains("looks like TLS") && ran.stderr.contains("--tls"),
        "{}",
        ran.stderr
    );
    peer.join();
}

#[test]
fn t04_a_tls_client_at_a_plain_listener_is_told_with_a_hint() {
    let certificates = Certificates::new();
    let server = sockkit("listen 127.0.0.1:0 --keep-open").serve();
    let mut client = certificates.client(&server);
    // Nobody answers it.
    client.conn.write_tls(&mut client.sock).unwrap();
    client.sock.shutdown(Shutdown::Write).unwrap();
    let text = server.running.stderr.wait_for_text("looks like TLS");
    assert!(text.contains("--tls"), "{text}");
    server.stop().code(0);
}

#[test]
fn t05_e12b_a_peer_that_has_ended_its_side_still_gets_what_comes_late() {
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        stream.write_all(b"HI").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        let mut late = Vec::new();
        // To the close_notify of the other side: an end without one is an error here.
        stream.read_to_end(&mut late).unwrap();
        late
    });
    let mut running = certificates.connect(&peer.port(), "--half-open").start();
    running.stdout.wait_for_text("HI");
    thread::sleep(LONGER_THAN_A_REST);
    running.write(b"LATE");
    running.close_stdin();
    assert_eq!(running.wait().code(0).stdout, b"HI");
    assert_eq!(peer.join(), b"LATE");
}

#[test]
fn t05_e12b_a_client_that_has_ended_its_side_still_gets_what_comes_late() {
    let certificates = Certificates::new();
    let mut server = certificates.listen("--half-open");
    let mut client = certificates.client(&server);
    client.write_all(b"HI").unwrap();
    client.conn.send_close_notify();
    client.flush().unwrap();
    server.running.stdout.wait_for_text("HI");
    thread::sleep(LONGER_THAN_A_REST);
    server.running.write(b"LATE");
    server.running.close_stdin();
    let mut late = Vec::new();
    client.read_to_end(&mut late).unwrap();
    assert_eq!(late, b"LATE");
    drop(client);
    assert_eq!(server.running.wait().code(0).stdout, b"HI");
}

#[test]
fn e33_everything_crosses_before_the_end_from_a_client_to_a_listener() {
    let certificates = Certificates::new();
    let mut server = certificates.listen("");
    server.running.close_stdin();
    let much = noise(MUCH);
    let ran = certificates.connect(&server.port(), "").stdin(&much).run().code(0);
    assert_eq!(ran.stdout, b"");
    let ran = server.running.wait().code(0);
    assert!(ran.stdout == much, "{} bytes of {MUCH} came", ran.stdout.len());
}

#[test]
fn e33_everything_crosses_before_the_end_from_a_listener_to_a_client() {
    let certificates = Certificates::new();
    let mut server = certificates.listen("");
    let much = noise(MUCH);
    let client = certificates.connect(&server.port(), "").start();
    server.running.write(&much);
    server.running.close_stdin();
    let ran = client.wait().code(0);
    assert!(ran.stdout == much, "{} bytes of {MUCH} came", ran.stdout.len());
    server.running.wait().code(0);
}

#[test]
fn e35_a_silent_client_and_a_plain_one_do_not_keep_a_tls_listener_from_others() {
    let certificates = Certificates::new();
    let server = certificates.listen("--keep-open");
    let silent = server.client();
    let mut plain = server.client();
    plain.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = plain.read_to_end();
    // A fatal alert, and the end.
    assert!(answer.starts_with(&[0x15, 3]), "{answer:?}");
    let quoted = r#"the client does not speak TLS: it said "GET / HTTP/1.1\r\n"#;
    server.running.stderr.wait_for_text(quoted);
    let mut client = certificates.client(&server);
    client.write_all(b"at last\n").unwrap();
    server.running.stdout.wait_for_text("at last");
    client.conn.send_close_notify();
    client.flush().unwrap();
    drop((silent, client));
    server.stop().code(0);
}

#[test]
fn the_pin_that_a_listener_says_is_the_one_a_client_takes() {
    let mut server = sockkit("listen 127.0.0.1:0 --tls --self-signed").serve();
    let pin = server.running.stderr.wait_for(pin_in);
    server.running.close_stdin();
    let command = sockkit(&format!("connect 127.0.0.1 {} --tls --pin {pin}", server.port()));
    command.stdin("for you alone").run().code(0);
    assert_eq!(server.running.wait().code(0).stdout, b"for you alone");
}

#[test]
fn a_listener_that_demands_certificates_tells_who_has_none_what_to_give() {
    let certificates = Certificates::new();
    let server =
        certificates.listen(&format!("--keep-open --client-ca {}", certificates.path("ca")));
    let ran = certificates.connect(&server.port(), "").run().code(6);
    for part in ["the peer demands a client certificate", "--cert FILE --key FILE"] {
        assert!(ran.stderr.contains(part), "{part:?} is not in {}", ran.stderr);
    }
    server.running.stderr.wait_for_text("the client showed no certificate");
    let (cert, key) = (certificates.path("cert"), certificates.path("key"));
    let with = certificates.connect(&server.port(), &format!("--cert {cert} --key {key}"));
    with.stdin("it is me\n").run().code(0);
    server.running.stdout.wait_for_text("it is me");
    server.stop().code(0);
}

#[test]
fn a_mail_server_changes_over_to_tls_and_whoever_meddles_is_found_out() {
    let certificates = Certificates::new();
    for injected in ["", "250 injected\r\n"] {
        let config = certificates.server_config();
        let peer = Peer::start(move |mut client: Client| {
            client.send("220 smtp.example ESMTP\r\n");
            assert!(client.line().starts_with("EHLO "));
            client.send("250-smtp.example\r\n250 STARTTLS\r\n");
            assert_eq!(client.line(), "STARTTLS");
            client.send(format!("220 go ahead\r\n{injected}"));
            let session = ServerConnection::new(config).unwrap();
            let mut stream = StreamOwned::new(session, client.stream);
            if stream.write_all(b"220 private now\r\n").is_ok() {
                end_in_order(&mut stream);
            }
        });
        let flags = format!("--starttls smtp --ca {}", certificates.path("ca"));
        let ran = sockkit(&format!("connect 127.0.0.1 {} {flags}", peer.port())).run();
        if injected.is_empty() {
            assert_eq!(ran.code(0).stdout, b"220 private now\r\n");
        } else {
            let ran = ran.code(9);
            assert_eq!(ran.stdout, b"");
            assert!(ran.stderr.contains("bytes that nobody asked for"), "{}", ran.stderr);
        }
        peer.join();
    }
}

#[test]
fn the_secrets_go_to_the_file_that_the_environment_names() {
    let certificates = Certificates::new();
    let log = certificates.path("keys");
    let peer = certificates.peer(|mut stream| {
        stream.write_all(b"secret").unwrap();
        end_in_order(&mut stream);
    });
    certificates.connect(&peer.port(), "").env("SSLKEYLOGFILE", &log).run().code(0);
    assert!(fs::read_to_string(log).unwrap().contains("CLIENT_TRAFFIC_SECRET_0 "));
    peer.join();
}

#[test]
fn files_that_cannot_be_used_are_named_before_anybody_is_called() {
    let certificates = Certificates::new();
    let (cert, key) = (certificates.path("cert"), certificates.path("key"));
    let absent = certificates.path("absent");
    for (flags, code, words) in [
        (format!("--ca {absent}"), 8, "absent.pem: no such file or directory"),
        (format!("--ca {key}"), 8, "key.pem holds no certificate"),
        (format!("--cert {cert}"), 8, "cert.pem holds no private key"),
        (format!("--insecure --key {key}"), 2, "--cert"),
        (format!("--insecure --ca {cert}"), 2, "cannot be used with"),
    ] {
        // Nobody listens there: it does not come to that.
        let ran = sockkit(&format!("connect 127.0.0.1 9 --tls {flags}")).run().code(code);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    let ran = sockkit("listen 127.0.0.1:0 --tls").run().code(2);
    assert!(ran.stderr.contains("--self-signed"), "{}", ran.stderr);
    let ran = sockkit("connect 127.0.0.1 9 --insecure").run().code(2);
    assert!(ran.stderr.contains("--tls"), "{}", ran.stderr);
}

#[test]
fn a_peer_that_says_nothing_does_not_hold_a_client_for_ever() {
    let peer = Peer::start(|mut client: Client| client.read_to_end());
    let flags = "--tls --connect-timeout 2s";
    let ran = sockkit(&format!("connect 127.0.0.1 {} {flags}", peer.port())).run().code(5);
    assert!(ran.stderr.contains("the peer said nothing"), "{}", ran.stderr);
    // A greeting of TLS was all that it heard.
    assert!(peer.join().starts_with(&[0x16, 3]));
}
