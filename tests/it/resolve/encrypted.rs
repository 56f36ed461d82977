//! DNS over TLS and HTTPS.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use hickory_resolver::proto::op::Message;
use serde_json::json;

use super::{Run, resolve, www_records};
use crate::support::peers::dns_server::{DnsServer, a, wire};
use crate::support::peers::https::{HttpsResponse, serve_https};
use crate::support::peers::tls::{Certificates, LATE, self_signed};
use crate::support::{KillOnDrop, Sockkit, eventually, on_own_machine, skip};

/// The reply to a query, with an address.
pub(super) fn answer(query: &[u8]) -> Vec<u8> {
    let query = Message::from_vec(query).unwrap();
    let name = query.queries[0].name().to_ascii();
    let mut reply = query.into_response();
    reply.add_answer(a(&name, [192, 0, 2, 1]));
    wire(&reply)
}

/// Runs a lookup of `t.example A`.
pub(super) fn lookup(words: &[&str]) -> Run {
    let ran = Sockkit::new(["resolve", "--json", "t.example", "a"].iter().chain(words)).run();
    Run { code: ran.code, stdout: ran.out(), stderr: ran.stderr }
}

#[test]
fn a_query_over_tls_is_verified_padded_and_answered() {
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query).unwrap();
        let reply = answer(&query);
        let length = u16::try_from(reply.len()).unwrap().to_be_bytes();
        stream.write_all(&[&length[..], &reply].concat()).unwrap();
        query.len()
    });
    let server = format!("@tls://127.0.0.1:{}", peer.port());
    let run = lookup(&[&server, "--ca", &certificates.path("ca")]);
    assert_eq!((run.code, run.data()), (0, vec!["192.0.2.1".to_owned()]), "{}", run.stderr);
    assert_eq!(run.json()[0]["server"], server[1..]);
    assert_eq!(peer.join() % 128, 0, "RFC 8467");
}

#[test]
fn a_query_over_https_is_a_post_request_with_id_0() {
    let certificates = Certificates::new();
    let port = serve_https(&certificates, |path, query| {
        assert_eq!((path, &query[..2]), ("/dns-query", &[0, 0][..]));
        HttpsResponse::message(answer(query))
    });
    let server = format!("@https://localhost:{port}");
    let run = lookup(&[&server, "--ca", &certificates.path("ca")]);
    assert_eq!((run.code, run.data()), (0, vec!["192.0.2.1".to_owned()]), "{}", run.stderr);
    assert_eq!(run.json()[0]["server"], format!("https://127.0.0.1:{port}/dns-query"));
}

#[test]
fn a_url_with_the_variable_of_a_template_is_queried_with_get() {
    let certificates = Certificates::new();
    let port = serve_https(&certificates, |path, query| {
        assert_eq!((path, &query[..2]), ("GET /other", &[0, 0][..]));
        HttpsResponse::message(answer(query))
    });
    let server = format!("@https://127.0.0.1:{port}/other{{?dns}}");
    let run = lookup(&[&server, "--pin", &certificates.pin()]);
    assert_eq!((run.code, run.data()), (0, vec!["192.0.2.1".to_owned()]), "{}", run.stderr);
    assert_eq!(run.json()[0]["server"], server[1..]);
}

#[test]
fn r57_a_certificate_that_does_not_verify_exits_6_with_the_reason() {
    let certificates = Certificates::new();
    let port = serve_https(&certificates, |_, query| HttpsResponse::message(answer(query)));
    let server = format!("@https://127.0.0.1:{port}");
    let run = lookup(&[&server]);
    assert_eq!((run.code, &run.json()[0]["status"]), (6, &json!("ERROR")));
    run.assert_stderr_contains(&format!("TLS with https://127.0.0.1:{port}/dns-query failed: "));
    run.assert_stderr_contains(&format!("--pin {}", certificates.pin()));
    let ca = certificates.path("ca");
    let run = lookup(&[&server, "--ca", &ca, "--servername", "other.example"]);
    assert_eq!(run.code, 6);
    run.assert_stderr_contains("other.example");
    run.assert_stderr_contains("--servername 127.0.0.1, --pin sha256:");
    let run = lookup(&[&server, "--insecure"]);
    assert_eq!(run.code, 0);
    run.assert_stderr_contains("the server's certificate is not verified (--insecure)");
}

#[test]
fn r57_an_expired_certificate_and_a_self_signed_one_are_told_apart_over_tls_and_https() {
    for scheme in ["tls", "https"] {
        for (last_day, reason) in
            [((2021, 1, 1), "it expired at 2021-01-01"), (LATE, "self-signed")]
        {
            let (peer, pin) = self_signed(&["127.0.0.1"], last_day);
            let run = lookup(&[&format!("@{scheme}://127.0.0.1:{}", peer.port())]);
            peer.join();
            assert_eq!((run.code, &run.json()[0]["status"]), (6, &json!("ERROR")), "{reason}");
            run.assert_stderr_contains(reason);
            run.assert_stderr_contains(&pin);
        }
    }
}

#[test]
fn r57_a_server_without_tls_exits_6_and_one_without_dns_over_http_4() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let plain = format!("@tls://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.write_all(b"220 smtp.example ESMTP\r\n").unwrap();
        }
    });
    let run = lookup(&[&plain]);
    assert_eq!(run.code, 6);
    run.assert_stderr_contains("does not speak TLS");
    let certificates = Certificates::new();
    let response = |status, content_type, location| HttpsResponse {
        status,
        content_type,
        location,
        body: b"<html>".to_vec(),
    };
    let port = serve_https(&certificates, move |path, _| match path {
        "/404" => response(404, "text/html", None),
        "/500" => response(500, "text/html", None),
        "/302" => response(302, "text/html", Some("https://other.example/")),
        _ => response(200, "text/html", None),
    });
    for (path, reason) in [
        ("404", "HTTP status 404 Not Found"),
        ("500", "HTTP status 500 Internal Server Error"),
        ("302", "HTTP status 302 Found, to https://other.example/: redirections are not followed"),
        ("html", "the response has type text/html, not application/dns-message"),
    ] {
        let server = format!("@https://127.0.0.1:{port}/{path}");
        let run = lookup(&[&server, "--ca", &certificates.path("ca")]);
        assert_eq!((run.code, &run.json()[0]["status"]), (4, &json!("ERROR")), "{path}");
        run.assert_stderr_contains(reason);
    }
}

#[test]
fn r58_the_name_of_a_server_is_resolved_first_and_is_that_of_its_certificate() {
    let hosts = "127.0.0.1 localhost\n127.0.0.1 dns.test\n";
    on_own_machine("names of servers", "nameserver 127.0.0.1\n", hosts, || {
        let certificates = Certificates::new();
        let port = serve_https(&certificates, |_, query| HttpsResponse::message(answer(query)));
        let ca = certificates.path("ca");
        let run = lookup(&[&format!("@https://localhost:{port}"), "--ca", &ca]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let run = lookup(&[&format!("@https://dns.test:{port}"), "--ca", &ca]);
        assert_eq!(run.code, 6, "the certificate is for localhost");
        run.assert_stderr_contains("dns.test");
        let record = a("boot.test.", [127, 0, 0, 1]);
        let _server = DnsServer::with_records_at("127.0.0.2:53".parse().unwrap(), vec![record]);
        let server = format!("@https://boot.test:{port}");
        let words =
            [&server, "--ca", &*ca, "--servername", "localhost", "--bootstrap", "127.0.0.2"];
        let run = lookup(&words);
        assert_eq!(run.code, 0, "{}", run.stderr);
    });
}

#[test]
fn a_server_whose_name_has_no_address_does_not_fail_the_run() {
    let good = DnsServer::with_records(vec![a("t.example.", [192, 0, 2, 1])]);
    let run = lookup(&["@fe80::1%nowhere0", &good.argument()]);
    assert_eq!((run.code, run.data()), (0, vec!["192.0.2.1".to_owned()]));
    run.assert_stderr_contains("is not an interface of this machine");
}

#[test]
fn tls_options_without_a_tls_server_and_missing_transports_are_usage_errors() {
    let run = lookup(&["@127.0.0.1:9", "--insecure"]);
    assert_eq!(run.code, 2);
    run.assert_stderr_contains("--insecure applies only to TLS");
    for (server, reason) in [
        #[cfg(not(feature = "doq"))]
        ("@quic://127.0.0.1", "built without DNS over QUIC (cargo feature doq); use tls or https"),
        #[cfg(not(feature = "doh3"))]
        ("@h3://127.0.0.1", "built without DNS over HTTP/3 (cargo feature doh3); use tls or https"),
        ("@ftp://127.0.0.1", "is not a transport of the DNS"),
        ("@tls://127.0.0.1/x", "only https:// and h3:// servers have a path"),
    ] {
        let run = lookup(&[server]);
        assert_eq!(run.code, 2, "{server}");
        run.assert_stderr_contains(reason);
    }
}

/// Starts BIND with the zone `ita.br` and these `listen-on` settings, in `folder`.
pub(super) fn start_named(folder: &Path, before: &str, listen: &str) -> KillOnDrop {
    let zone = "$TTL 300\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\nwww A 161.24.23.180\n";
    fs::write(folder.join("zone"), zone).unwrap();
    let settings = format!(
        "{before}options {{ directory \"{}\"; pid-file none; session-keyfile none; recursion no;\n\
         {listen} listen-on-v6 {{ none; }}; }};\n\
         controls {{ }};\nzone \"ita.br\" {{ type primary; file \"zone\"; allow-transfer {{ any; }}; }};\n",
        folder.display()
    );
    let file = folder.join("named.conf");
    fs::write(&file, settings).unwrap();
    let mut command = Command::new("named");
    command.args(["-g", "-c"]).arg(file).stdout(Stdio::null()).stderr(Stdio::null());
    KillOnDrop(command.spawn().unwrap())
}

/// Returns whether a program is installed; `argument` makes it print its version.
pub(super) fn is_installed(program: &str, argument: &str) -> bool {
    let mut version = Command::new(program);
    version.arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

#[test]
fn bind_answers_over_udp_tcp_tls_and_https() {
    let test = "transports of BIND";
    if !is_installed("named", "-v") {
        return skip(test, "named is not installed");
    }
    on_own_machine(test, "nameserver 127.0.0.1\n", "", || {
        let certificates = Certificates::new();
        let folder = tempfile::tempdir().unwrap();
        let tls = format!(
            "tls own {{ cert-file \"{}\"; key-file \"{}\"; }};\n",
            certificates.path("cert"),
            certificates.path("key")
        );
        let _named = start_named(
            folder.path(),
            &tls,
            "listen-on port 53 { 127.0.0.1; }; listen-on port 853 tls own { 127.0.0.1; };\n\
             listen-on port 443 tls own http default { 127.0.0.1; };",
        );
        for port in [53, 853, 443] {
            let listens = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok();
            eventually("named listens", listens);
        }
        let has_zone = || {
            let run = resolve(["www.ita.br", "a", "@127.0.0.1"]);
            (run.code == 0).then_some(())
        };
        eventually("named has the zone", has_zone);
        let ca = certificates.path("ca");
        for (scheme, url) in [
            ("udp", "udp://127.0.0.1:53"),
            ("tcp", "tcp://127.0.0.1:53"),
            ("tls", "tls://127.0.0.1:853"),
            ("https", "https://127.0.0.1:443/dns-query"),
        ] {
            let server = format!("@{scheme}://127.0.0.1");
            let mut words = vec!["resolve", "--json", "www.ita.br", "a", &server];
            if ["tls", "https"].contains(&scheme) {
                words.extend(["--ca", &ca]);
            }
            let ran = Sockkit::new(words).run().code(0);
            let run = Run { code: ran.code, stdout: ran.out(), stderr: ran.stderr };
            assert_eq!(
                (run.data(), &run.json()[0]["server"]),
                (vec!["161.24.23.180".to_owned()], &json!(url))
            );
        }
        // BIND transfers a zone over TLS only to a client that offers the protocol `dot`.
        let transfer = ["resolve", "--plain", "ita.br", "--axfr", "@tls://127.0.0.1", "--ca", &ca];
        let ran = Sockkit::new(transfer).run().code(0);
        assert!(ran.out().contains("www.ita.br.\tA\t300\t161.24.23.180"), "{}", ran.out());
    });
}

#[test]
fn a_server_over_tcp_is_named_by_its_scheme() {
    let server = DnsServer::with_records(www_records());
    let word = format!("@tcp://{}", server.addr);
    let run = resolve(["--json", "www.ita.br", "a", &word]);
    assert_eq!((run.code, &run.json()[0]["server"]), (0, &json!(word[1..])));
}
