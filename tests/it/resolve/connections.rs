//! The connections of runs with many queries: each carries one query after the other.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::encrypted::answer;
use super::json_lines;
use crate::support::Sockkit;
#[cfg(feature = "doh3")]
use crate::support::TIMEOUT;
use crate::support::peers::https::{HttpsResponse, serve_https_counted};
use crate::support::peers::tls::Certificates;

/// What a server does with a query.
#[derive(Clone, Copy)]
enum Does {
    Answer,
    /// Reads on.
    Nothing,
    /// Closes the connection without a reply.
    Close,
    /// Closes the connection after the reply.
    AnswerAndClose,
    /// Sends the reply twice.
    AnswerTwice,
    /// Sends the length and the message one after the other.
    AnswerInParts,
}

/// Starts a server over TLS that does what `does` says for each query; it gets the number of the
/// connection and of the query on it, both from 0. Returns the port and a message per query.
fn serve_tls(
    config: Arc<ServerConfig>,
    does: fn(usize, usize) -> Does,
) -> (u16, Receiver<(usize, usize)>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, queries) = mpsc::channel();
    thread::spawn(move || {
        for (connection, socket) in listener.incoming().enumerate() {
            let session = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(session, socket.unwrap());
            let sender = sender.clone();
            thread::spawn(move || {
                for number in 0.. {
                    let mut length = [0; 2];
                    stream.read_exact(&mut length).ok()?;
                    let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
                    stream.read_exact(&mut query).ok()?;
                    sender.send((connection, number)).ok()?;
                    let reply = answer(&query);
                    let length = u16::try_from(reply.len()).unwrap().to_be_bytes();
                    let reply = [&length[..], &reply].concat();
                    let does = does(connection, number);
                    let parts = match does {
                        Does::Close | Does::Nothing => vec![],
                        Does::Answer | Does::AnswerAndClose => vec![&reply[..]],
                        Does::AnswerTwice => vec![&reply[..], &reply],
                        Does::AnswerInParts => vec![&reply[..2], &reply[2..]],
                    };
                    for part in parts {
                        stream.write_all(part).ok()?;
                    }
                    if matches!(does, Does::Close | Does::AnswerAndClose) {
                        stream.conn.send_close_notify();
                        stream.flush().ok()?;
                        return None;
                    }
                }
                Some(())
            });
        }
    });
    (port, queries)
}

/// Looks up this many names, one after the other, and returns the lines of JSON.
fn look_up(count: usize, server: &str, certificates: &Certificates) -> Vec<Value> {
    let names: Vec<String> = (0..count).map(|at| format!("n{at}.example")).collect();
    let ca = certificates.path("ca");
    let words = ["resolve", "--json", "-", server, "--concurrency=1", "--ca", &ca];
    let ran = Sockkit::new(words).stdin(names.join("\n")).run().code(0);
    let lines = json_lines(&ran.out());
    assert_eq!(lines.len(), count);
    for (line, name) in lines.iter().zip(&names) {
        assert_eq!((&line["name"], &line["status"]), (&name.as_str().into(), &"NOERROR".into()));
    }
    lines
}

#[test]
fn the_queries_of_many_names_over_tls_share_a_connection() {
    let certificates = Certificates::new();
    let (port, queries) = serve_tls(certificates.server_config(), |_, _| Does::Answer);
    let lines = look_up(20, &format!("@tls://127.0.0.1:{port}"), &certificates);
    assert!(lines.iter().all(|line| line["tries"] == 1));
    let served: Vec<(usize, usize)> = queries.try_iter().collect();
    assert_eq!(served, (0..20).map(|number| (0, number)).collect::<Vec<_>>());
}

#[test]
fn a_query_whose_connection_the_server_closes_is_sent_once_more_over_a_new_one() {
    let certificates = Certificates::new();
    let (port, queries) = serve_tls(certificates.server_config(), |_, number| match number {
        0 | 1 => Does::Answer,
        _ => Does::Close,
    });
    let lines = look_up(7, &format!("@tls://127.0.0.1:{port}"), &certificates);
    let tries: Vec<&Value> = lines.iter().map(|line| &line["tries"]).collect();
    assert_eq!(tries, [1, 1, 2, 1, 2, 1, 2]);
    assert_eq!(queries.try_iter().last(), Some((3, 0)));
}

#[test]
fn a_new_connection_that_the_server_closes_without_a_reply_fails_the_lookup() {
    let certificates = Certificates::new();
    let (port, queries) =
        serve_tls(certificates.server_config(), |connection, _| match connection {
            0 => Does::Answer,
            _ => Does::Close,
        });
    let server = format!("@tls://127.0.0.1:{port}");
    let ca = certificates.path("ca");
    let words = ["resolve", "--json", "t.example", "a", &server, "--ca", &ca];
    Sockkit::new(words).run().code(0);
    let ran = Sockkit::new(words).run().code(4);
    assert!(ran.stderr.contains("connection closed before the reply"), "{}", ran.stderr);
    assert_eq!(queries.try_iter().count(), 2);
}

#[test]
fn a_connection_that_has_ended_or_has_an_unexpected_message_is_not_used_again() {
    let certificates = Certificates::new();
    for does in
        [(|_, _| Does::AnswerAndClose) as fn(usize, usize) -> Does, |_, _| Does::AnswerTwice]
    {
        let (port, queries) = serve_tls(certificates.server_config(), does);
        look_up(5, &format!("@tls://127.0.0.1:{port}"), &certificates);
        // The end or the message may arrive only after the next query was sent.
        let connections = queries.try_iter().map(|query| query.0).max().unwrap() + 1;
        assert!((2..=5).contains(&connections), "{connections}");
    }
}

#[test]
fn a_server_over_tls_that_knows_only_other_protocols_is_asked_without_one() {
    let certificates = Certificates::new();
    let mut config = (*certificates.server_config()).clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let (port, queries) = serve_tls(config.into(), |_, _| Does::Answer);
    look_up(3, &format!("@tls://127.0.0.1:{port}"), &certificates);
    // The first connection ends in its handshake.
    assert_eq!(queries.try_iter().collect::<Vec<_>>(), [(1, 0), (1, 1), (1, 2)]);
}

#[test]
fn a_timeout_says_if_the_server_does_not_confirm_the_protocol_and_suggests_no_tcp() {
    let certificates = Certificates::new();
    let mut other = (*certificates.server_config()).clone();
    other.alpn_protocols = vec![b"http/1.1".to_vec()];
    let ca = certificates.path("ca");
    for (config, scheme, protocol) in
        [(Arc::new(other), "tls", "dot"), (certificates.server_config(), "https", "h2")]
    {
        // Over HTTP/2, the server takes the beginning of the connection for a long message.
        let (port, _queries) = serve_tls(config, |_, _| Does::Nothing);
        let server = format!("@{scheme}://127.0.0.1:{port}");
        let words = ["resolve", "t.example", "a", &server, "--timeout=1s", "--ca", &ca];
        let ran = Sockkit::new(words).run().code(5);
        let cause = format!("cause: the server does not confirm the protocol {protocol} (ALPN): ");
        assert!(ran.stderr.contains(&cause), "{}", ran.stderr);
        assert!(!ran.stderr.contains("--tcp"), "{}", ran.stderr);
    }
}

#[test]
fn a_reply_that_the_server_sends_in_two_parts_does_not_wait_for_a_delayed_acknowledgement() {
    let certificates = Certificates::new();
    let (port, _queries) = serve_tls(certificates.server_config(), |_, _| Does::AnswerInParts);
    let lines = look_up(50, &format!("@tls://127.0.0.1:{port}"), &certificates);
    let time: u64 = lines.iter().map(|line| line["time_us"].as_u64().unwrap()).sum();
    // Linux delays an acknowledgement by at least 40 ms: 50 of them take 2 s.
    assert!(time < 1_500_000, "{time} µs");
}

#[test]
fn the_queries_of_many_names_over_https_share_a_connection() {
    let certificates = Certificates::new();
    let respond = |_: &str, query: &[u8]| HttpsResponse::message(answer(query));
    let (port, connections) = serve_https_counted(&certificates, respond);
    look_up(20, &format!("@https://127.0.0.1:{port}"), &certificates);
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[cfg(feature = "doh3")]
#[test]
fn the_queries_of_many_names_over_quic_and_http3_share_a_connection_that_is_closed_at_the_end() {
    use crate::support::peers::quic::{framed, read_query, serve_http3, serve_queries};
    let certificates = Certificates::new();
    let (sender, connections) = mpsc::channel();
    let quic = serve_queries(&certificates, move |connection, mut send, mut receive| {
        let sender = sender.clone();
        async move {
            let query = read_query(&mut receive).await?;
            send.write_all(&framed(&answer(&query))).await.ok()?;
            send.finish().ok()?;
            let id = connection.stable_id();
            let quinn::ConnectionError::ApplicationClosed(close) = connection.closed().await else {
                return None;
            };
            sender.send((id, close.error_code.into_inner())).ok()
        }
    });
    look_up(20, &format!("@quic://127.0.0.1:{quic}"), &certificates);
    let closes: Vec<(usize, u64)> =
        (0..20).map(|_| connections.recv_timeout(TIMEOUT).unwrap()).collect();
    assert!(closes.iter().all(|close| *close == (closes[0].0, 0)), "{closes:?}");
    // Together, the responses are longer than one may be.
    let (http3, codes) = serve_http3(&certificates, |_, query| {
        Some(HttpsResponse::message([answer(query), vec![0; 60_000]].concat()))
    });
    look_up(20, &format!("@h3://127.0.0.1:{http3}"), &certificates);
    assert_eq!(codes.recv_timeout(TIMEOUT).unwrap(), 0x100, "H3_NO_ERROR");
    assert_eq!(codes.try_iter().count(), 0, "there was one connection");
}
