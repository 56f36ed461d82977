//! Any message as the reply to a query: it is read without a panic, and what it contains is
//! printable.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockkit::dns::message::class::RecordClass;
use sockkit::dns::message::query::{QuerySettings, Question};
use sockkit::dns::message::record_type::RecordType;
use sockkit::dns::name;
use sockkit::dns::name::international;

/// Length of a header and the flag that makes a query a reply.
const HEADER: usize = 12;

fuzz_target!(|bytes: &[u8]| {
    let question = Question {
        name: name::parse("www.example").unwrap(),
        record_type: RecordType::ANY,
        class: RecordClass::IN,
    };
    let (id, mut reply) = question.encode(&QuerySettings::default().without_edns());
    // The flags and the counts are those of the input; the rest follows the question.
    let Some((head, records)) = bytes.split_at_checked(HEADER - 4) else { return };
    reply[2..4].copy_from_slice(&head[..2]);
    reply[2] = 0x80 | reply[2] & 0x07;
    reply[6..12].copy_from_slice(&head[2..8]);
    reply.extend(records);
    let Ok(reply) = question.read_reply(id, &reply) else { return };
    let sections = [&reply.answers, &reply.authorities, &reply.additionals];
    for record in sections.into_iter().flatten() {
        let shown = name::show(&record.name);
        assert!(is_printable(&shown) && is_printable(&record.data));
        international::of_name(&record.name);
        international::of_data(&record.data);
    }
    if let Some(edns) = &reply.edns {
        for error in edns.errors() {
            assert!(!error.to_string().is_empty());
        }
        edns.client_subnet();
    }
    reply.referral();
});

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
