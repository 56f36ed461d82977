//! The text of each type, and data that does not have the format of its type.

use std::collections::BTreeSet;

use domain::base::rdata::ComposeRecordData as _;
use domain::zonefile::inplace::{Entry, Zonefile};

use super::*;
use proptest::prelude::*;

/// Data and text of records of each type.
const SHOWN: &str = include_str!("../../../../tests/records.txt");

/// Returns the type, the data and the text of each line of [`SHOWN`].
fn shown() -> Vec<(u16, Vec<u8>, &'static str)> {
    let lines = SHOWN.lines().filter(|line| !line.starts_with('#'));
    let record = |line: &'static str| {
        let (record_type, rest) = line.split_once('\t').unwrap();
        let (data, text) = rest.split_once('\t').unwrap();
        (record_type.parse().unwrap(), octets(data), text)
    };
    lines.map(record).collect()
}

fn octets(hex: &str) -> Vec<u8> {
    let (pairs, _) = hex.as_bytes().as_chunks::<2>();
    let octet = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.iter().map(|pair| octet(pair)).collect()
}

fn show(record_type: u16, data: &[u8]) -> Option<String> {
    let mut decoder = BinDecoder::new(data);
    let shown = super::show(RecordType(record_type), RecordClass::IN, &mut decoder, data.len());
    shown.map(|shown| shown.text)
}

#[test]
fn every_type_is_shown_in_zone_file_format() {
    for (record_type, data, text) in shown() {
        assert_eq!(show(record_type, &data).as_deref(), Some(text), "{record_type}");
    }
}

#[test]
fn data_that_ends_too_early_or_too_late_is_invalid() {
    for (record_type, data) in [
        (1, &b"\x01\x02\x03"[..]),
        (1, b"\x01\x02\x03\x04\x05"),
        (1, b""),
        (28, b"\x01"),
        (15, b"\0\x0a"),
        (5, b"\x05ab"),
        (5, b"\xc0\x0b"),
        (16, b""),
        (16, b"\x05ab"),
        (257, b"\0\x09ab"),
        (29, b"\x01\x12\x16\x13\x80\0\0\0\x80\0\0\0\0\x98\x96\x80"),
        (29, b"\0\xa0\x16\x13\x80\0\0\0\x80\0\0\0\0\x98\x96\x80"),
        (42, b"\0\x03\x08\0"),
        (42, b"\0\x01\x20\x05\x01\x02\x03\x04\x05"),
        (45, b"\x0a\x04\x02"),
        (47, b"\0\0\0"),
        (47, b"\0\0\x21"),
        (47, b"\0\x01\x01\x40\0\x01\x40"),
        (50, b"\0\0\0\x01\0\0\0\x01\x16"),
        (55, b"\0\x02\0\x01k"),
        (55, b"\x01\x02\0\0t"),
        (257, b"\0\0value"),
        (65, b"\0\x01\0\0\x03\0\x01\x01"),
        (65, b"\0\x01\0\0\x03\0\x02\x01\xbb\0\x01\0\x03\x02h2"),
        (65, b"\0\x01\0\0\x01\0\0"),
        (65, b"\0\x01\0\0\x01\0\x01\0"),
        (65, b"\0\x01\0\0\0\0\x01\0"),
        (49, b""),
        (61, b""),
    ] {
        assert_eq!(show(record_type, data), None, "{record_type} {data:?}");
    }
}

#[test]
fn a_signature_of_a_message_covers_type_0_and_a_space_in_a_protocol_is_escaped() {
    let sig = [&[0; 18][..], &[0], &[1]].concat();
    assert!(show(24, &sig).unwrap().starts_with("0 0 0 0 "));
    assert!(show(46, &sig).unwrap().starts_with("TYPE0 0 0 0 "));
    let shown = show(65, b"\0\x01\0\0\x01\0\x04\x03h 2").unwrap();
    assert_eq!(shown, r#"1 . alpn="h\0322""#);
}

#[test]
fn an_address_of_another_class_has_no_known_format() {
    let shown = super::show(RecordType::A, RecordClass::CH, &mut BinDecoder::new(b"\0\x02\xff"), 3);
    assert_eq!(shown, Some(Shown::generic(b"\0\x02\xff")));
}

/// Returns what `domain` reads from the text of a record's data; `None` if it lacks the type or
/// part of its format.
fn read_by_domain(record_type: u16, text: &str) -> Option<Vec<u8>> {
    let line = format!("x.y. 300 IN {} {text}\n", RecordType(record_type));
    let mut zone = Zonefile::load(&mut line.as_bytes()).unwrap();
    let Ok(Some(Entry::Record(record))) = zone.next_entry() else { return None };
    let mut data = Vec::new();
    record.data().compose_rdata(&mut data).unwrap();
    Some(data)
}

#[test]
fn another_implementation_reads_the_same_data_from_the_text() {
    let mut types = BTreeSet::new();
    for (record_type, data, text) in shown() {
        if let Some(read) = read_by_domain(record_type, text) {
            assert_eq!(read, data, "{record_type} {text}");
            types.insert(record_type);
        }
    }
    assert!(types.len() >= 37, "{types:?}");
}

proptest! {
    #[test]
    fn any_data_is_shown_in_printable_ascii(
        record_type in prop::sample::select(shown()).prop_map(|shown| shown.0),
        data in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        if let Some(shown) = show(record_type, &data) {
            prop_assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{shown:?}");
        }
    }

    /// Valid data with one octet changed reaches more of the code than random data.
    #[test]
    fn changed_data_is_shown_in_printable_ascii_and_reads_back(
        (record_type, mut data, _) in prop::sample::select(shown()),
        at in any::<prop::sample::Index>(),
        octet in any::<u8>(),
        length in any::<prop::sample::Index>(),
    ) {
        if !data.is_empty() {
            let at = at.index(data.len());
            data[at] = octet;
        }
        data.truncate(length.index(data.len() + 1).max(data.len() / 2));
        if let Some(shown) = show(record_type, &data) {
            prop_assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{shown:?}");
            // The data itself can differ, because names can be compressed.
            if let Some(read) = read_by_domain(record_type, &shown) {
                prop_assert_eq!(show(record_type, &read), Some(shown));
            }
        }
    }
}
