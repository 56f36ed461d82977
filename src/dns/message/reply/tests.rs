//! Which messages are replies, and what is read from them.

use super::*;
use crate::dns::message::class::RecordClass;
use crate::dns::message::query::QuerySettings;
use crate::dns::name;
use hickory_resolver::proto::op::{Message, ResponseCode};
use proptest::prelude::*;

fn question() -> Question {
    let name = name::parse("www.ita.br").unwrap();
    Question { name, record_type: RecordType::A, class: RecordClass::IN }
}

/// Returns a query for the question.
fn query() -> (u16, Vec<u8>) {
    question().encode(&QuerySettings::default())
}

/// Returns a valid reply to `query`, without any records.
fn reply_to(query: &[u8]) -> Message {
    Message::from_vec(query).unwrap().into_response()
}

#[test]
fn only_a_reply_to_the_same_question_is_accepted() {
    let (id, query) = query();
    let reply = reply_to(&query).to_vec().unwrap();
    assert!(question().read_reply(id, &reply).is_ok());
    let outcome = |bytes: &[u8]| question().read_reply(id, bytes).map(|_| ());
    assert_eq!(question().read_reply(id ^ 1, &reply), Err(Mismatch::Id));
    assert_eq!(outcome(&query), Err(Mismatch::Query));
    assert_eq!(outcome(&reply[..3]), Err(Mismatch::Short));
    assert_eq!(outcome(&[]), Err(Mismatch::Short));
    let mut notify = reply.clone();
    notify[2] |= 4 << 3;
    assert_eq!(outcome(&notify), Err(Mismatch::Opcode));
    let mut twice = reply_to(&query);
    twice.queries.push(twice.queries[0].clone());
    assert_eq!(outcome(&twice.to_vec().unwrap()), Err(Mismatch::Question));
    let mut other = question();
    other.record_type = RecordType::AAAA;
    assert_eq!(other.read_reply(id, &reply), Err(Mismatch::Question));
    other = Question { class: RecordClass::CH, ..question() };
    assert_eq!(other.read_reply(id, &reply), Err(Mismatch::Question));
    other = Question { name: name::parse("evil.example").unwrap(), ..question() };
    assert_eq!(other.read_reply(id, &reply), Err(Mismatch::Question));
    other.name = name::parse("WWW.Ita.BR").unwrap();
    assert!(other.read_reply(id, &reply).is_ok());
}

#[test]
fn an_error_reply_without_the_question_is_accepted() {
    let (id, query) = query();
    let mut reply = reply_to(&query);
    reply.queries.clear();
    reply.metadata.response_code = ResponseCode::FormErr;
    let bytes = reply.to_vec().unwrap();
    assert_eq!(question().read_reply(id, &bytes).unwrap().rcode, Rcode(1));
    reply.metadata.response_code = ResponseCode::NXDomain;
    let bytes = reply.to_vec().unwrap();
    assert_eq!(question().read_reply(id, &bytes).unwrap().rcode, Rcode::NXDOMAIN);
    reply.metadata.response_code = ResponseCode::NoError;
    let bytes = reply.to_vec().unwrap();
    assert_eq!(question().read_reply(id, &bytes), Err(Mismatch::Question));
}

#[test]
fn the_upper_bits_of_the_response_code_are_read_from_edns() {
    let (id, query) = query();
    let mut reply = reply_to(&query);
    reply.metadata.response_code = ResponseCode::BADCOOKIE;
    let bytes = reply.to_vec().unwrap();
    assert_eq!(question().read_reply(id, &bytes).unwrap().rcode, Rcode(23));
}

#[test]
fn a_record_count_beyond_the_message_is_malformed() {
    let (id, query) = query();
    let mut bytes = reply_to(&query).to_vec().unwrap();
    bytes[6..8].copy_from_slice(&[0xff, 0xff]);
    let reply = question().read_reply(id, &bytes).unwrap();
    assert_eq!(reply.defect, Some(Malformed::Unreadable("a record")));
}

/// Returns a reply with an answer and then `tail`, of which `counts` says how many records of
/// each section it has.
fn with_tail(counts: [u8; 3], tail: &[u8]) -> Reply {
    let (id, query) = query();
    let mut reply = reply_to(&query);
    reply.edns = None;
    let mut bytes = reply.to_vec().unwrap();
    let [answers, authorities, additionals] = counts;
    (bytes[7], bytes[9], bytes[11]) = (1 + answers, authorities, additionals);
    bytes.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x07\0\x04\xc0\0\x02\x01");
    bytes.extend(tail);
    let reply = question().read_reply(id, &bytes).unwrap();
    assert_eq!(reply.answers[0].data, "192.0.2.1");
    reply
}

/// An OPT record that adds 16 to the response code.
const OPT: &[u8] = b"\0\0\x29\x04\xd0\x01\0\0\0\0\0";

#[test]
fn an_opt_record_that_breaks_the_rules_is_not_believed() {
    let good = with_tail([0, 0, 1], OPT);
    assert_eq!((good.rcode, good.defect), (Rcode(16), None));
    let overrun = b"\0\0\x29\x04\xd0\x01\0\0\0\0\x05\0\x0f\0\x02\0";
    for (counts, tail, what) in [
        ([1, 0, 0], OPT, "outside the additional section"),
        ([0, 1, 0], OPT, "outside the additional section"),
        ([0, 0, 2], &[OPT, OPT].concat(), "more than once"),
        ([0, 0, 1], &[b"\x01a", OPT].concat(), "with an owner name"),
        ([0, 0, 1], overrun, "with an option of an invalid length"),
    ] {
        let reply = with_tail(counts, tail);
        assert_eq!(reply.defect, Some(Malformed::Opt(what)));
        assert_eq!((reply.rcode, reply.edns), (Rcode::NOERROR, None), "{what}");
        assert_eq!(reply.answers.len(), 1, "{what}");
    }
}

#[test]
fn octets_after_the_last_record_are_counted() {
    assert_eq!(with_tail([0, 0, 1], &[OPT, b"abc"].concat()).extra_octets, 3);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_without_a_panic_and_shown_in_printable_ascii(
        tail in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let (id, query) = query();
        let mut bytes = id.to_be_bytes().to_vec();
        bytes.extend(&tail);
        question().read_reply(id, &bytes).ok();
        let mut bytes = reply_to(&query).to_vec().unwrap();
        bytes[7] = 3;
        bytes.truncate(28);
        bytes.extend(tail);
        let reply = question().read_reply(id, &bytes);
        for record in reply.iter().flat_map(|reply| &reply.answers) {
            let shown = format!("{} {}", name::show(&record.name), record.data);
            prop_assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{shown:?}");
        }
    }
}
