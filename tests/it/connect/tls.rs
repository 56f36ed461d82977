//! `connect --tls`: verification, STARTTLS, and how a TLS stream ends.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::{fs, thread};

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::peers::tls::{
    Certificates, LONGER_THAN_A_REST, MUCH, end_in_order, end_plainly, noise, pin_of, provider,
};
use crate::support::{Client, Peer, sockkit};

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
