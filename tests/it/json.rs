//! The JSON objects that sockkit prints have exactly the fields that `docs/json.md` lists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use hickory_resolver::proto::op::ResponseCode;
use serde_json::Value;
use sockkit::output::{Event, NetText, Phase, Stats, TcpFigures};

use crate::json_doc;
use crate::support::peers::dns_server::DnsServer;
use crate::support::peers::tls::{Certificates, close_with_notify};
use crate::support::recording::{read_recording, recording_path};
use crate::support::{fifo, sockkit};

#[test]
fn reports_and_messages_have_the_documented_fields() {
    let line = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    json_doc::holds("Reports", &[line(&sockkit("info --json").run().code(0).out())]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sockets = sockkit(&format!("info --json --port {port}")).run().code(0).out();
    json_doc::holds("Reports", &[line(&sockets)]);
    let services = sockkit("info --json --services smtp").run().code(0).out();
    json_doc::holds("Reports", &[line(&services)]);
    let closed = crate::support::ClosedPort::new();
    let doctor = sockkit(&format!("doctor --json {}", closed.addr())).run().code(1).out();
    let mut lines: Vec<Value> = doctor.lines().map(line).collect();
    json_doc::holds("Reports", &[lines.pop().unwrap()]);
    json_doc::holds("Reports", &lines);
    let broken = DnsServer::start(|query| vec![query.reply_code(ResponseCode::ServFail)]);
    let empty = DnsServer::with_records(Vec::new());
    // If both servers fail, one is the cause in the error; if the second answers, the first is a
    // warning.
    let resolve = format!("resolve --json no.example a {0} {0}", broken.argument());
    json_doc::holds("Diagnostics", &[line(&sockkit(&resolve).run().code(4).stderr)]);
    let resolve = format!("resolve --json no.example a {} {}", broken.argument(), empty.argument());
    let messages = sockkit(&resolve).run().code(1).stderr;
    let messages: Vec<Value> = messages.lines().map(line).collect();
    assert_eq!((&messages[0]["type"], &messages[1]["type"]), (&"warning".into(), &"note".into()));
    for line in messages {
        json_doc::holds("Diagnostics", &[line]);
    }
    assert_eq!(json_doc::kinds("Diagnostics"), BTreeSet::from(["error", "note", "warning"]));
    assert_eq!(
        json_doc::kinds("Reports"),
        BTreeSet::from([
            "check",
            "conclusion",
            "hop",
            "info",
            "lookup",
            "probe",
            "probe_statistics",
            "services",
            "sockets",
            "validation",
        ])
    );
}

#[test]
fn events_have_the_documented_fields() {
    let json = |event: &Event| serde_json::to_value(event).unwrap();
    let utf8: Vec<Value> = one_of_each(b"caf\xc3\xa9").iter().map(json).collect();
    let latin: Vec<Value> = one_of_each(b"caf\xe9").iter().map(json).collect();
    let mut kinds = BTreeSet::new();
    for (utf8, latin) in utf8.into_iter().zip(latin) {
        kinds.insert(utf8["type"].as_str().unwrap().to_owned());
        json_doc::holds("Events", &[utf8, latin]);
    }
    let documented: BTreeSet<String> =
        json_doc::kinds("Events").into_iter().map(str::to_owned).collect();
    assert_eq!(kinds, documented);
}

#[test]
fn a_recording_has_the_documented_fields() {
    let (_directory, path) = recording_path();
    let certificates = Certificates::new();
    let peer = certificates.peer(|mut stream| {
        stream.read_to_end(&mut Vec::new()).unwrap();
        stream.write_all(b"caf\xe9").unwrap();
        close_with_notify(&mut stream);
    });
    let connect = certificates.connect(&peer.port(), "--record");
    connect.arg(&path).stdin("ol\u{e1}\u{1b}\n").run().code(0);
    peer.join();
    let lines = read_recording(&path);
    let mut of_kind: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in lines {
        of_kind.entry(line["type"].as_str().unwrap().to_owned()).or_default().push(line);
    }
    of_kind.insert("lost".to_owned(), vec![lost_line()]);
    let documented = json_doc::kinds("Recording");
    assert_eq!(documented, of_kind.keys().map(String::as_str).collect());
    for lines in of_kind.values() {
        json_doc::holds("Recording", lines);
    }
}

/// The first `lost` line of a recording whose FIFO is read too late.
fn lost_line() -> Value {
    let (_directory, path) = recording_path();
    fifo(&path);
    let echo = sockkit("echo-server 0 --record").arg(&path).serve();
    let mut client = echo.client();
    // More than the queue of the recording holds.
    for _ in 0..100 {
        let mut piece = vec![b'x'; 64 * 1024];
        client.send(&piece);
        client.stream.read_exact(&mut piece).unwrap();
    }
    let lines = BufReader::new(File::open(&path).unwrap()).lines();
    let mut values = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let lost = values.find(|line| line["type"] == "lost").unwrap();
    assert!(lost["lines"].as_u64().unwrap() > 0);
    let ran = echo.stop().code(8);
    assert!(ran.stderr.contains(" in time; missing lines: "), "{}", ran.stderr);
    lost
}

/// Makes a list of events. It does not compile unless every variant is in the list.
macro_rules! every_variant {
    ($($variant:ident { $($field:ident: $value:expr),* }),* $(,)?) => {{
        let _is_exhaustive = |event: &Event| match event {
            $(Event::$variant { .. } => (),)*
        };
        vec![$(Event::$variant { $($field: $value),* }),*]
    }};
}

/// One event of each variant, with `bytes` as the data from the network.
fn one_of_each(bytes: &[u8]) -> Vec<Event> {
    let text = || NetText(bytes.to_vec());
    let peer = || "192.0.2.1:40112".to_owned();
    let word = || "word".to_owned();
    every_variant![
        Listening { addr: peer(), port: Some(40112), reach: String::new() },
        Connected { peer: peer(), local: peer(), name: None },
        Secured {
            peer: peer(),
            version: "TLS 1.3",
            cipher_suite: word(),
            alpn: Some(word()),
            pin: None,
            verified: Some(true)
        },
        Certificate { pin: word() },
        PeerName { peer: peer(), name: word() },
        Refused { peer: peer(), reason: "server full" },
        Full { clients: 1 },
        Data { peer: peer(), data: text() },
        Closed { peer: peer(), bytes_in: 1, bytes_out: 2, duration_us: 3, reason: word() },
        Stats { stats: Box::new(stats(bytes)) },
        Login {
            peer: peer(),
            conn: 1,
            r#try: 1,
            user: text(),
            password: text(),
            result: "recorded",
            record: word()
        },
        Reply { result: "accepted", reply: text() },
        Incomplete { peer: peer(), bytes: 1 },
        Joined { peer: peer(), nick: word() },
        Renamed { peer: peer(), previous: word(), nick: word() },
        Left { peer: peer(), nick: word(), reason: word() },
        Said { seq: 1, nick: word(), line: word() },
        Warning { message: word() },
        Stopping { clients: 1 },
        NotShown { count: 1 },
    ]
}

/// Statistics with every optional field if `bytes` are UTF-8, and with none otherwise.
fn stats(bytes: &[u8]) -> Stats {
    if std::str::from_utf8(bytes).is_err() {
        return Stats::default();
    }
    let phases = vec![Phase { name: "connect", start_us: 0, duration_us: 1 }];
    let tcp = Some(TcpFigures::default());
    Stats { phases, duration_us: 2, tcp, ..Stats::default() }.with_rates()
}
