//! Zone transfers.

use std::io::{Read as _, Write as _};
use std::iter::once;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::SOA;
use hickory_resolver::proto::rr::{Name, RData, Record};
use serde_json::json;

use super::{Run, resolve};
use crate::support::peers::dns_server::{DnsServer, Query, Transport, a, cname, ns, record, wire};

pub(super) fn soa() -> Record {
    with_serial(1)
}

fn with_serial(serial: u32) -> Record {
    let of = |name: &str| Name::from_ascii(name).unwrap();
    record("ita.br.", RData::SOA(SOA::new(of("ns."), of("h."), serial, 2, 3, 4, 60)))
}

fn of_other_zone() -> Record {
    record("other.example.", soa().data)
}

/// Transfers `ita.br` from a server that sends messages with these records.
fn transfer(messages: Vec<Vec<Record>>) -> Run {
    transfer_changed(messages, |_, _| {})
}

/// Does the same with `change` for each message, by its number.
fn transfer_changed(messages: Vec<Vec<Record>>, change: fn(usize, &mut Message)) -> Run {
    let server = DnsServer::start(move |query: &Query| {
        assert_eq!(query.via, Transport::Tcp);
        let reply = |(at, records): (usize, &Vec<Record>)| {
            let mut reply: Message = query.reply();
            if at > 0 {
                reply.queries.clear();
            }
            reply.add_answers(records.iter().cloned());
            change(at, &mut reply);
            wire(&reply)
        };
        messages.iter().enumerate().map(reply).collect()
    });
    resolve(["--json", "--axfr", "ita.br", "--timeout=60s", &server.argument()])
}

fn hosts(range: std::ops::Range<u8>) -> Vec<Record> {
    range.map(|last| a(&format!("h{last}.ita.br."), [192, 0, 2, last])).collect()
}

#[test]
fn r59_a_transfer_of_many_messages_is_shown_without_the_soa_record_that_ends_it() {
    let begin = vec![soa(), ns("ita.br.", "ns.ita.br.")];
    let run = transfer(vec![begin, hosts(0..50), hosts(50..99), vec![soa()]]);
    assert_eq!((run.code, run.data().len()), (0, 101), "{}", run.stderr);
    assert!(
        run.json()[0]["answers"].as_array().unwrap().iter().all(|it| it.get("unasked").is_none())
    );
    assert!(run.json()[0]["server"].as_str().unwrap().starts_with("tcp://"));
    assert_eq!(transfer(vec![vec![soa(), soa()]]).data().len(), 1);
}

#[test]
fn r59_a_transfer_that_is_incomplete_exits_9_with_the_records_received() {
    for (messages, count, reason) in [
        (vec![vec![soa()], hosts(0..3)], 4, "the transfer is cut off"),
        (vec![hosts(0..3)], 3, "the transfer does not begin with the SOA record of the zone"),
        (
            vec![vec![of_other_zone(), of_other_zone()]],
            2,
            "the transfer does not begin with the SOA record of the zone",
        ),
        (
            vec![vec![soa(), ns("ita.br.", "x."), with_serial(2)]],
            3,
            "the transfer ends with another SOA record than its first",
        ),
        (
            vec![vec![soa()], vec![soa(), ns("ita.br.", "x.")]],
            3,
            "the transfer goes on after its end",
        ),
    ] {
        let run = transfer(messages);
        assert_eq!((run.code, run.data().len()), (9, count), "{reason}: {}", run.stderr);
        run.assert_stderr_contains(reason);
    }
}

#[test]
fn a_message_with_another_id_ends_a_transfer_with_an_error() {
    let messages = vec![vec![soa()], hosts(0..3), vec![soa()]];
    let run = transfer_changed(messages, |at, message| {
        if at == 1 {
            message.metadata.id ^= 1;
        }
    });
    assert_eq!((run.code, &run.json()[0]["discarded"]), (9, &json!(1)), "{}", run.stderr);
    run.assert_stderr_contains("the transfer has a message that does not belong to it");
}

#[test]
fn a_transfer_that_does_not_end_before_the_deadline_is_a_timeout_with_the_records_received() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let word = format!("@tcp://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut query = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut query).unwrap();
        let query = Message::from_vec(&query).unwrap();
        let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
        reply.add_queries(query.queries.iter().cloned());
        reply.add_answers([soa(), ns("ita.br.", "ns.ita.br.")]);
        let reply = wire(&reply);
        let length = u16::try_from(reply.len()).unwrap();
        stream.write_all(&[&length.to_be_bytes()[..], &reply].concat()).unwrap();
        // Until the client gives up.
        stream.read_to_end(&mut Vec::new()).ok();
    });
    let run = resolve(["--json", "--axfr", "ita.br", &word, "--timeout", "500ms"]);
    assert_eq!((run.code, &run.json()[0]["status"]), (5, &json!("TIMEOUT")), "{}", run.stderr);
    assert_eq!(run.data().len(), 2);
    run.assert_stderr_contains("the transfer did not end in time");
    server.join().unwrap();
}

#[test]
fn the_time_of_a_large_transfer_grows_with_its_records_and_not_with_their_pairs() {
    let of_message = |message: u32| {
        let host = |at: u32| match (format!("h{message}-{at}.ita.br."), at % 2) {
            (name, 0) => a(&name, [192, 0, 2, 1]),
            (name, _) => cname(&name, "www.ita.br."),
        };
        (0..1000).map(host).collect::<Vec<_>>()
    };
    let begin = Instant::now();
    let messages = once(vec![soa()]).chain((0..20).map(of_message)).chain(once(vec![soa()]));
    let run = transfer(messages.collect());
    assert_eq!((run.code, run.data().len()), (0, 20_001), "{}", run.stderr);
    // With a comparison of all pairs, a debug build took minutes.
    assert!(begin.elapsed() < Duration::from_secs(40), "{:?}", begin.elapsed());
}

#[test]
fn r59_a_transfer_that_is_refused_exits_4() {
    let server = DnsServer::start(|query| vec![query.reply_code(ResponseCode::Refused)]);
    let run = resolve(["--json", "ita.br", "axfr", &server.argument()]);
    assert_eq!((run.code, &run.json()[0]["status"]), (4, &json!("REFUSED")));
}
