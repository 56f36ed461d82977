//! DNS over QUIC and over HTTP/3.

use std::fs;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use hickory_resolver::proto::op::Message;
use quinn::{Connection, ConnectionError, RecvStream, SendStream};
use serde_json::json;

use super::encrypted::{answer, is_installed, lookup, start_named};
use super::{Run, resolve};
use crate::support::peers::dns_server::{a, wire};
use crate::support::peers::https::HttpsResponse;
use crate::support::peers::quic::{framed, read_query, serve_http3, serve_queries, serve_quic};
use crate::support::peers::tls::Certificates;
use crate::support::{KillOnDrop, TIMEOUT, eventually, on_own_machine, skip};

#[test]
fn a_query_over_quic_has_a_stream_of_its_own_and_id_0_and_is_padded() {
    let certificates = Certificates::new();
    let (sender, queries) = mpsc::channel();
    let (close_sender, closes) = mpsc::channel();
    let port = serve_queries(&certificates, move |connection, mut send, mut receive| {
        let (sender, close_sender) = (sender.clone(), close_sender.clone());
        async move {
            let query = read_query(&mut receive).await?;
            send.write_all(&framed(&answer(&query))).await.ok()?;
            send.finish().ok()?;
            sender.send(query).ok()?;
            close_sender.send(connection.closed().await).ok()
        }
    });
    let server = format!("@quic://127.0.0.1:{port}");
    let run = lookup(&[&server, "--ca", &certificates.path("ca")]);
    assert_eq!((run.code, run.data()), (0, vec!["192.0.2.1".to_owned()]), "{}", run.stderr);
    assert_eq!(run.json()[0]["server"], server[1..]);
    let query = queries.recv_timeout(TIMEOUT).unwrap();
    assert_eq!((&query[..2], query.len() % 128), (&[0, 0][..], 0), "RFC 9250 and RFC 8467");
    match closes.recv_timeout(TIMEOUT).unwrap() {
        ConnectionError::ApplicationClosed(close) => assert_eq!(close.error_code, 0_u32.into()),
        other => panic!("{other}"),
    }
}

#[test]
fn queries_over_quic_are_sent_one_after_the_other_from_one_port() {
    on_own_machine("the source port of QUIC", "nameserver 127.0.0.1\n", "", || {
        let certificates = Certificates::new();
        let (sender, clients) = mpsc::channel();
        let port = serve_queries(&certificates, move |connection, mut send, mut receive| {
            let sender = sender.clone();
            async move {
                let query = read_query(&mut receive).await?;
                sender.send(connection.remote_address().to_string()).ok()?;
                send.write_all(&framed(&answer(&query))).await.ok()?;
                send.finish().ok()
            }
        });
        let (server, ca) = (format!("@quic://127.0.0.1:{port}"), certificates.path("ca"));
        let from = "127.0.0.9:4444";
        let run = resolve(["a.test", "b.test", "a", &server, "--ca", &ca, "--from", from]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_eq!(clients.try_iter().collect::<Vec<_>>(), [from, from]);
    });
}

/// Answers a query as its first label says.
async fn misbehave(
    connection: Connection,
    mut send: SendStream,
    mut receive: RecvStream,
) -> Option<()> {
    let mut length = [0; 2];
    let mut name = [0; 18];
    receive.read_exact(&mut length).await.ok()?;
    // The window of the stream stays closed for the rest until it is read.
    receive.read_exact(&mut name[..14]).await.ok()?;
    let label = name[13];
    if label == b'p' {
        receive.stop(2_u32.into()).ok()?;
        // The connection stays open, so that only the frame ends the lookup.
        connection.closed().await;
        return None;
    }
    receive.read_to_end(65_537).await.ok()?;
    match label {
        b'c' => send.write_all(&[0, 40, 0, 0, 0x81]).await.ok()?,
        b'e' => {}
        b'r' => send.reset(1_u32.into()).ok()?,
        b'l' => connection.close(4_u32.into(), b"too\x1bmany"),
        b'n' => connection.close(0xbeef_u32.into(), b""),
        // Silent.
        _ => {
            connection.closed().await;
        }
    }
    send.finish().ok()
}

#[test]
fn r57_a_server_over_quic_that_ends_the_stream_or_the_connection_exits_4_with_the_code() {
    let certificates = Certificates::new();
    let port = serve_queries(&certificates, misbehave);
    let server = format!("@quic://127.0.0.1:{port}");
    let ca = certificates.path("ca");
    for (name, timeout, code, reason) in [
        ("c", "60s", 4, "the server ended the stream of the query before the reply was complete"),
        ("e", "60s", 4, "the server ended the stream of the query before the reply was complete"),
        ("r", "60s", 4, "the server reset the stream of the query: DOQ_INTERNAL_ERROR"),
        (
            "l",
            "60s",
            4,
            r#"the server closed the QUIC connection: DOQ_EXCESSIVE_LOAD ("too\u{1b}many")"#,
        ),
        ("n", "60s", 4, "the server closed the QUIC connection: error 0xbeef"),
        ("p", "60s", 4, "the server does not read the query (STOP_SENDING): DOQ_PROTOCOL_ERROR"),
        ("s", "4s", 5, "no reply from quic://127.0.0.1:"),
    ] {
        let run = resolve([name, "a", &server, "--ca", &ca, "--timeout", timeout]);
        assert_eq!(run.code, code, "{name}: {}", run.stderr);
        run.assert_stderr_contains(reason);
    }
}

#[test]
fn a_zone_is_transferred_over_quic_but_not_over_http3() {
    let certificates = Certificates::new();
    let port = serve_queries(&certificates, |_, mut send, mut receive| async move {
        let query = Message::from_vec(&read_query(&mut receive).await?).ok()?;
        for records in [
            vec![super::transfer::soa(), a("a.ita.br.", [192, 0, 2, 1])],
            vec![a("b.ita.br.", [192, 0, 2, 2]), super::transfer::soa()],
        ] {
            let mut reply = query.clone().into_response();
            reply.add_answers(records);
            send.write_all(&framed(&wire(&reply))).await.ok()?;
        }
        send.finish().ok()
    });
    let server = format!("@quic://127.0.0.1:{port}");
    let ca = certificates.path("ca");
    let run = resolve(["--json", "--axfr", "ita.br", &server, "--ca", &ca]);
    assert_eq!((run.code, run.data().len()), (0, 3), "{}", run.stderr);
    let run = resolve(["--axfr", "ita.br", "@h3://127.0.0.1:9", "--ca", &ca]);
    assert_eq!(run.code, 4);
    run.assert_stderr_contains("zone transfers are not possible over HTTP");
}

#[test]
fn r57_a_certificate_over_quic_is_verified_as_over_tls() {
    let certificates = Certificates::new();
    let quic = serve_queries(&certificates, |_, mut send, mut receive| async move {
        let query = read_query(&mut receive).await?;
        send.write_all(&framed(&answer(&query))).await.ok()?;
        send.finish().ok()
    });
    let respond = |_: &str, query: &[u8]| Some(HttpsResponse::message(answer(query)));
    let (http3, _codes) = serve_http3(&certificates, respond);
    for server in [format!("@quic://127.0.0.1:{quic}"), format!("@h3://127.0.0.1:{http3}")] {
        let run = lookup(&[&server]);
        assert_eq!((run.code, &run.json()[0]["status"]), (6, &json!("ERROR")), "{}", run.stderr);
        run.assert_stderr_contains(&format!("TLS with {}", &server[1..]));
        run.assert_stderr_contains(
            "cannot verify the peer's certificate: its issuer is not trusted",
        );
        run.assert_stderr_contains(&format!("--pin {}", certificates.pin()));
        let ca = certificates.path("ca");
        let run = lookup(&[&server, "--ca", &ca, "--servername", "other.example"]);
        assert_eq!(run.code, 6);
        run.assert_stderr_contains("it is not valid for other.example");
        for trust in [&["--insecure"][..], &["--pin", &certificates.pin()]] {
            let run = lookup(&[&[server.as_str()], trust].concat());
            assert_eq!(run.code, 0, "{}", run.stderr);
        }
        let name = server.replace("127.0.0.1", "localhost");
        assert_eq!(lookup(&[&name, "--ca", &ca, "--fastest"]).code, 0);
    }
    // The server speaks the other protocol.
    for server in [format!("@h3://127.0.0.1:{quic}"), format!("@quic://127.0.0.1:{http3}")] {
        let run = lookup(&[&server, "--insecure"]);
        assert_eq!(run.code, 6);
        run.assert_stderr_contains("no application protocol (ALPN) in common");
    }
}

#[test]
fn r57_without_a_quic_server_the_error_tells_a_closed_port_from_a_silent_one() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    for scheme in ["quic", "h3"] {
        let server = format!("@{scheme}://{}", silent.local_addr().unwrap());
        let run = lookup(&[&server, "--timeout", "1s"]);
        assert_eq!((run.code, &run.json()[0]["status"]), (5, &json!("TIMEOUT")), "{}", run.stderr);
        run.assert_stderr_contains("the QUIC handshake timed out");
        run.assert_stderr_contains("UDP is filtered");
    }
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let run = lookup(&[&format!("@quic://{closed}"), "--timeout", "60s"]);
    assert_eq!(run.code, 4);
    run.assert_stderr_contains("connection refused");
}

#[test]
fn r57_a_server_with_another_version_of_quic_or_with_garbage_does_not_answer() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = peer.local_addr().unwrap();
    thread::spawn(move || {
        let mut packet = [0; 2048];
        loop {
            let (length, client) = peer.recv_from(&mut packet).unwrap();
            // The ids follow the version, each after its length (RFC 8999 section 5.1).
            let destination = 6..6 + usize::from(packet[5]);
            let source = destination.end + 1..;
            let source = source.start..source.start + usize::from(packet[destination.end]);
            for garbage in [&[][..], &[0xff; 5], &packet[..length]] {
                peer.send_to(garbage, client).unwrap();
            }
            let mut negotiation = vec![0x80, 0, 0, 0, 0];
            for id in [source, destination] {
                negotiation.push(u8::try_from(id.len()).unwrap());
                negotiation.extend(&packet[id]);
            }
            negotiation.extend([0x1a, 0x2a, 0x3a, 0x4a]);
            peer.send_to(&negotiation, client).unwrap();
        }
    });
    let run = lookup(&[&format!("@quic://{addr}"), "--timeout", "60s"]);
    assert_eq!(run.code, 4);
    run.assert_stderr_contains("the server does not speak QUIC version 1");
}

#[test]
fn a_query_over_http3_is_a_post_request_with_id_0() {
    let certificates = Certificates::new();
    let (port, codes) = serve_http3(&certificates, |path, query| {
        let is_as_expected = path == "/dns-query" && query[..2] == [0, 0] && query.len() % 128 == 0;
        is_as_expected.then(|| HttpsResponse::message(answer(query)))
    });
    let server = format!("@h3://127.0.0.1:{port}");
    let run = lookup(&[&server, "--ca", &certificates.path("ca")]);
    assert_eq!((run.code, run.data()), (0, vec!["192.0.2.1".to_owned()]), "{}", run.stderr);
    assert_eq!(run.json()[0]["server"], format!("h3://127.0.0.1:{port}/dns-query"));
    assert_eq!(codes.recv_timeout(TIMEOUT).unwrap(), 0x100, "H3_NO_ERROR");
}

#[test]
fn r57_a_server_over_http3_whose_response_is_no_dns_message_exits_4_with_the_reason() {
    let certificates = Certificates::new();
    let (port, _codes) = serve_http3(&certificates, |path, _| {
        let response = |status, content_type, location, length| {
            Some(HttpsResponse { status, content_type, location, body: vec![b'x'; length] })
        };
        match path {
            "/404" => response(404, "text/html", None, 9),
            "/302" => response(302, "text/html", Some("https://other.example/"), 9),
            "/long" => response(200, "application/dns-message", None, 70_000),
            "/html" => response(200, "text/html", None, 9),
            _ => None,
        }
    });
    for (path, reason) in [
        ("404", "HTTP status 404 Not Found"),
        ("302", "HTTP status 302 Found, to https://other.example/: redirections are not followed"),
        ("long", "the response is longer than a DNS message"),
        ("html", "the response has type text/html, not application/dns-message"),
        ("reset", "the server cancelled the request: H3_REQUEST_REJECTED"),
    ] {
        let server = format!("@h3://127.0.0.1:{port}/{path}");
        let run = lookup(&[&server, "--ca", &certificates.path("ca")]);
        assert_eq!((run.code, &run.json()[0]["status"]), (4, &json!("ERROR")), "{path}");
        run.assert_stderr_contains(reason);
    }
}

#[test]
fn r57_a_server_that_breaks_http3_exits_4() {
    let certificates = Certificates::new();
    // A HEADERS frame (type 1) of 1 GiB, and one of DATA (type 0) before any header.
    for (bytes, reason) in [
        (
            &b"\x01\xc0\x00\x00\x00\x40\x00\x00\x00"[..],
            "the server sent far more than a DNS message",
        ),
        (b"\x00\x01x", "the server broke the HTTP/3 protocol: H3_FRAME_UNEXPECTED"),
    ] {
        let port = serve_quic(&certificates, "h3", move |connection| async move {
            let (mut send, _receive) = connection.accept_bi().await.ok()?;
            send.write_all(bytes).await.ok()?;
            while send.write_all(&[0; 65_536]).await.is_ok() {}
            Some(())
        });
        let server = format!("@h3://127.0.0.1:{port}");
        let run: Run = lookup(&[&server, "--insecure", "--timeout", "60s"]);
        assert_eq!(run.code, 4, "{}", run.stderr);
        run.assert_stderr_contains(reason);
    }
}

#[test]
fn bind_answers_over_http3_behind_caddy() {
    let test = "HTTP/3 of Caddy";
    for (program, argument) in [("named", "-v"), ("caddy", "version")] {
        if !is_installed(program, argument) {
            return skip(test, &format!("{program} is not installed"));
        }
    }
    on_own_machine(test, "nameserver 127.0.0.1\n", "", || {
        let certificates = Certificates::new();
        let folder = tempfile::tempdir().unwrap();
        let listen = "listen-on port 8080 tls none http default { 127.0.0.1; };";
        let _named = start_named(folder.path(), "", listen);
        let settings = format!(
            "{{\n auto_https off\n admin off\n}}\nhttps://127.0.0.1 {{\n bind 127.0.0.1\n\
             tls {} {}\n reverse_proxy h2c://127.0.0.1:8080\n}}\n",
            certificates.path("cert"),
            certificates.path("key")
        );
        let file = folder.path().join("Caddyfile");
        fs::write(&file, settings).unwrap();
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
        command.env("HOME", folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let _caddy = KillOnDrop(command.spawn().unwrap());
        let ca = certificates.path("ca");
        let answers = || {
            let run = resolve(["--json", "www.ita.br", "a", "@h3://127.0.0.1", "--ca", &ca]);
            (run.code == 0).then_some(run)
        };
        let run = eventually("both serve", answers);
        assert_eq!(
            (run.data(), &run.json()[0]["server"]),
            (vec!["161.24.23.180".to_owned()], &json!("h3://127.0.0.1:443/dns-query"))
        );
    });
}
