//! Zone transfers.

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::SOA;
use hickory_resolver::proto::rr::{Name, RData, Record};
use serde_json::json;

use super::{Run, resolve};
use crate::support::peers::dns_server::{DnsServer, Query, Transport, a, ns, record, wire};

pub(super) fn soa() -> Record {
    let of = |name: &str| Name::from_ascii(name).unwrap();
    record("ita.br.", RData::SOA(SOA::new(of("ns."), of("h."), 1, 2, 3, 4, 60)))
}

/// Transfers `ita.br` from a server that sends messages with these records.
fn transfer(messages: Vec<Vec<Record>>) -> Run {
    let server = DnsServer::start(move |query: &Query| {
        assert_eq!(query.via, Transport::Tcp);
        let reply = |(at, records): (usize, &Vec<Record>)| {
            let mut reply: Message = query.reply();
            if at > 0 {
                reply.queries.clear();
            }
            reply.add_answers(records.iter().cloned());
            wire(&reply)
        };
        messages.iter().enumerate().map(reply).collect()
    });
    resolve(["--json", "--axfr", "ita.br", &server.argument()])
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
        (vec![hosts(0..3)], 3, "the transfer does not begin with an SOA record"),
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
fn r59_a_transfer_that_is_refused_exits_4() {
    let server = DnsServer::start(|query| vec![query.reply_code(ResponseCode::Refused)]);
    let run = resolve(["--json", "ita.br", "axfr", &server.argument()]);
    assert_eq!((run.code, &run.json()[0]["status"]), (4, &json!("REFUSED")));
}
