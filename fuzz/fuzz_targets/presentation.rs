//! Any data of a record of any type: its text is printable ASCII, and another implementation reads
//! from the text data that has the same text.
#![no_main]

use domain::base::rdata::ComposeRecordData as _;
use domain::zonefile::inplace::{Entry, Zonefile};
use libfuzzer_sys::fuzz_target;
use sockkit::dns::message::class::RecordClass;
use sockkit::dns::message::query::{QuerySettings, Question};
use sockkit::dns::message::record::Record;
use sockkit::dns::message::record_type::RecordType;
use sockkit::dns::name;

fuzz_target!(|input: ([u8; 2], &[u8])| {
    let (number, data) = input;
    // Most types with a format have small numbers.
    let number = match number {
        [high, low] if high < 0xf0 => u16::from_be_bytes([high % 2, low]),
        [_, low] => u16::from(low) << 8,
    };
    let record_type = RecordType(number);
    let Some(record) = read(record_type, data) else { return };
    assert!(record.data.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{:?}", record.data);
    if let Some(again) = read_by_domain(record_type, &record.data) {
        let again = read(record_type, &again).expect("data that fits into a message");
        assert_eq!(again.data, record.data, "{record_type}");
    }
});

/// Returns the record with this data, as a reply has it.
fn read(record_type: RecordType, data: &[u8]) -> Option<Record> {
    let question = Question { name: name::parse("x.y").ok()?, record_type, class: RecordClass::IN };
    let (id, mut reply) = question.encode(&QuerySettings::default().without_edns());
    (reply[2], reply[7]) = (0x84, 1);
    // The owner name is that of the question.
    reply.extend(b"\xc0\x0c");
    reply.extend(record_type.0.to_be_bytes());
    reply.extend(b"\0\x01\0\0\x01\x2c");
    reply.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
    reply.extend(data);
    let reply = question.read_reply(id, &reply).ok()?;
    reply.answers.into_iter().next().filter(|record| !record.is_invalid)
}

/// Returns the data that `domain` reads from a text; `None` if it lacks the type or part of its
/// format.
fn read_by_domain(record_type: RecordType, text: &str) -> Option<Vec<u8>> {
    let line = format!("x.y. 300 IN {record_type} {text}\n");
    let mut zone = Zonefile::load(&mut line.as_bytes()).ok()?;
    let Ok(Some(Entry::Record(record))) = zone.next_entry() else { return None };
    let mut data = Vec::new();
    record.data().compose_rdata(&mut data).ok()?;
    Some(data)
}
