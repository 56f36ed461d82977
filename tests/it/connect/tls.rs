//! `connect --tls`: verification, STARTTLS, and how a TLS stream ends.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::{fs, thread};

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::peers::tls::{
    BULK, Certificates, LONGER_THAN_IDLE_INPUT, close_with_notify, close_without_notify, pin_of,
    provider, pseudorandom,
};
use crate::support::{Client, Peer, sockkit};

#[test]
fn t01_a_close_without_close_notify_prints_the_data_and_exits_6() {
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        stream.write_all(b"half of it").unwrap();
        close_without_notify(&mut stream.sock);
    });
    let ran = certificates.connect(&peer.port(), "").run().code(6);
    assert_eq!(ran.stdout, b"half of it");
    let words = ["close_notify", "truncated"];
    assert!(words.iter().all(|word| ran.stderr.contains(word)), "{}", ran.stderr);
    peer.join();
}

#[test]
fn t01_a_missing_close_notify_is_accepted_on_request() {
    let certificates = Certificates::new();
    for (flags, input) in [("", ""), ("", "request"), ("--expect it$", ""), ("--exec cat", "")] {
        let peer = certificates.peer(move |mut stream| {
            stream.read_exact(&mut vec![0; input.len()]).unwrap();
            stream.write_all(b"all of it").unwrap();
            close_without_notify(&mut stream.sock);
        });
        let flags = format!("--ignore-missing-close-notify {flags}");
        let ran = certificates.connect(&peer.port(), &flags).stdin(input).run().code(0);
        assert_eq!(ran.stderr, "", "{flags}");
        if !flags.contains("--exec") {
            assert_eq!(ran.stdout, b"all of it", "{flags}");
        }
        peer.join();
    }
    sockkit("connect 127.0.0.1 9 --ignore-missing-close-notify").run().code(2);
}

#[test]
fn t01_a_close_with_close_notify_exits_0() {
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        stream.write_all(b"all of it").unwrap();
        close_with_notify(&mut stream);
    });
    let ran = certificates.connect(&peer.port(), "").run().code(0);
    assert_eq!((ran.stdout.as_slice(), &*ran.stderr), (&b"all of it"[..], ""));
    peer.join();
}

#[test]
fn t02_a_self_signed_certificate_is_refused_with_the_pin_that_would_accept_it() {
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
                close_with_notify(&mut stream);
            }
        })
    };
    // The test's CA replaces the trust store of the machine.
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
    // The certificate differs from the pinned one.
    let peer = serve();
    let other = certificates.pin();
    let ran = connect(&peer, &format!("--pin {other}")).run().code(6);
    assert!(
        ran.stderr.contains("not a pinned certificate") && ran.stderr.contains(&pin),
        "{}",
        ran.stderr
    );
    peer.join();
}

#[test]
fn t02_a_certificate_for_another_name_is_refused_with_the_names_it_covers() {
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        stream.write_all(b"x").unwrap_err();
    });
    let ran = certificates.connect(&peer.port(), "--servername other.example").run().code(6);
    for part in ["not valid for other.example", "127.0.0.1, localhost", "--servername"] {
        assert!(ran.stderr.contains(part), "{part:?} is not in {}", ran.stderr);
    }
    peer.join();
}

#[test]
fn t03_a_peer_that_does_not_speak_tls_is_reported_with_its_first_bytes() {
    for (said, quoted, tried) in [
        ("220 smtp.example ESMTP\r\n", r#""220 smtp.example ESMTP\r\n""#, "--starttls smtp"),
        ("SSH-2.0-OpenSSH_9.2\r\n", r#""SSH-2.0-OpenSSH_9.2\r\n" (SSH)"#, "omit --tls"),
        ("\u{1b}[2Jhi", r#""\u{1b}[2Jhi""#, "omit --tls"),
    ] {
        let peer = Peer::start(move |mut client: Client| {
            client.send(said);
            client.read_to_end();
        });
        let ran = sockkit(&format!("connect 127.0.0.1 {} --tls", peer.port())).run().code(6);
        let message = format!("the peer does not speak TLS: it sent {quoted}");
        assert!(ran.stderr.contains(&message) && ran.stderr.contains(tried), "{}", ran.stderr);
        assert_eq!(ran.stdout, b"");
        peer.join();
    }
}

#[test]
fn t04_plain_text_to_a_tls_server_prints_a_hint_to_use_tls() {
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        stream.read_exact(&mut [0]).unwrap_err();
        close_without_notify(&mut stream.sock);
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
fn t04_a_reset_in_place_of_an_answer_prints_a_hint_to_use_tls() {
    let hint = "\ntry: --tls, if the server expects TLS\n";
    let peer = Peer::start(|mut client| {
        client.read_until("hello");
        client.reset();
    });
    let ran = sockkit(&format!("connect {}", peer.addr)).stdin("hello").run().code(4);
    assert!(ran.stderr.ends_with(hint), "{}", ran.stderr);
    peer.join();
    // A server that has answered speaks plain text.
    let peer = Peer::start(|mut client| {
        client.send(b"hi");
        client.read_until("hello");
        client.reset();
    });
    let connect = sockkit(&format!("connect {}", peer.addr)).start();
    connect.stdout.wait_for_text("hi");
    let mut connect = connect;
    connect.write(b"hello");
    let ran = connect.wait().code(4);
    assert!(!ran.stderr.contains("--tls"), "{}", ran.stderr);
    peer.join();
}

#[test]
fn t05_e12b_half_open_delivers_late_input_after_close_notify_from_the_server() {
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        stream.write_all(b"HI").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        let mut late = Vec::new();
        // rustls reports EOF without close_notify as an error.
        stream.read_to_end(&mut late).unwrap();
        late
    });
    let mut running = certificates.connect(&peer.port(), "--half-open").start();
    running.stdout.wait_for_text("HI");
    thread::sleep(LONGER_THAN_IDLE_INPUT);
    running.write(b"LATE");
    running.close_stdin();
    assert_eq!(running.wait().code(0).stdout, b"HI");
    assert_eq!(peer.join(), b"LATE");
}

#[test]
fn e33_a_tls_client_delivers_every_byte_before_the_close() {
    let certificates = Certificates::new();
    let mut server = certificates.listen("");
    server.running.close_stdin();
    let much = pseudorandom(BULK);
    let ran = certificates.connect(&server.port(), "").stdin(&much).run().code(0);
    assert_eq!(ran.stdout, b"");
    let ran = server.running.wait().code(0);
    assert!(ran.stdout == much, "received {} of {BULK} bytes", ran.stdout.len());
}

#[test]
fn bytes_before_a_broken_record_are_delivered() {
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        stream.conn.complete_io(&mut stream.sock).unwrap();
        let mut records = Vec::new();
        for text in ["first\n", "second\n"] {
            stream.conn.writer().write_all(text.as_bytes()).unwrap();
            stream.conn.write_tls(&mut records).unwrap();
        }
        // A record of application data that no key has made.
        records.extend([23, 3, 3, 0, 20]);
        records.extend([0; 20]);
        stream.sock.write_all(&records).unwrap();
        stream.sock.read_to_end(&mut Vec::new()).ok();
    });
    let ran = certificates.connect(&peer.port(), "").run().code(6);
    assert_eq!(ran.stdout, b"first\nsecond\n", "{}", ran.stderr);
    assert!(ran.stderr.contains("cannot decrypt"), "{}", ran.stderr);
    peer.join();
}

#[test]
fn starttls_upgrades_the_connection_and_rejects_injected_replies() {
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
                close_with_notify(&mut stream);
            }
        });
        let flags = format!("--starttls smtp --ca {}", certificates.path("ca"));
        let ran = sockkit(&format!("connect 127.0.0.1 {} {flags}", peer.port())).run();
        if injected.is_empty() {
            assert_eq!(ran.code(0).stdout, b"220 private now\r\n");
        } else {
            let ran = ran.code(9);
            assert_eq!(ran.stdout, b"");
            assert!(ran.stderr.contains("unsolicited data"), "{}", ran.stderr);
        }
        peer.join();
    }
}

#[test]
fn tls_secrets_are_written_to_sslkeylogfile() {
    let certificates = Certificates::new();
    let log = certificates.path("keys");
    let peer = certificates.peer(|mut stream| {
        stream.write_all(b"secret").unwrap();
        close_with_notify(&mut stream);
    });
    certificates.connect(&peer.port(), "").env("SSLKEYLOGFILE", &log).run().code(0);
    assert!(fs::read_to_string(log).unwrap().contains("CLIENT_TRAFFIC_SECRET_0 "));
    peer.join();
}

#[test]
fn unusable_certificate_files_are_reported_before_connecting() {
    let certificates = Certificates::new();
    let (cert, key) = (certificates.path("cert"), certificates.path("key"));
    let absent = certificates.path("absent");
    for (flags, code, words) in [
        (format!("--ca {absent}"), 8, "absent.pem: no such file or directory"),
        (format!("--ca {key}"), 8, "key.pem contains no PEM certificate"),
        (format!("--cert {cert}"), 8, "cert.pem contains no PEM private key"),
        (format!("--insecure --key {key}"), 2, "--cert"),
        (format!("--insecure --ca {cert}"), 2, "cannot be used with"),
    ] {
        // No server listens there; sockkit fails before it connects.
        let ran = sockkit(&format!("connect 127.0.0.1 9 --tls {flags}")).run().code(code);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    let ran = sockkit("listen 127.0.0.1:0 --tls").run().code(2);
    assert!(ran.stderr.contains("--self-signed"), "{}", ran.stderr);
    let ran = sockkit("connect 127.0.0.1 9 --insecure").run().code(2);
    assert!(ran.stderr.contains("--tls"), "{}", ran.stderr);
}

#[test]
fn a_server_that_never_answers_the_handshake_exits_5() {
    let peer = Peer::start(|mut client: Client| client.read_to_end());
    let flags = "--tls --connect-timeout 2s";
    let ran = sockkit(&format!("connect 127.0.0.1 {} {flags}", peer.port())).run().code(5);
    assert!(ran.stderr.contains("the peer sent nothing"), "{}", ran.stderr);
    // The peer received only a TLS handshake record.
    assert!(peer.join().starts_with(&[0x16, 3]));
}
