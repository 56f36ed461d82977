//! The examples of RFC 4035 appendix B and RFC 5155 appendix B, and proofs that prove nothing.

use proptest::prelude::*;

use super::*;
use crate::dns::message::class::RecordClass;
use crate::dns::message::query::push_name;
use crate::dns::message::rdata::text::base32;
use crate::dns::validation::rrset::MessageSets;

fn name(text: &str) -> Name {
    name::parse(text).unwrap()
}

/// A type bit map.
fn types(mnemonics: &str) -> Vec<u8> {
    let mut bits = [0_u8; 32];
    for mnemonic in mnemonics.split_whitespace() {
        let number = mnemonic.parse::<RecordType>().unwrap().0;
        bits[usize::from(number / 8)] |= 0x80 >> (number % 8);
    }
    [&[0, 32], &bits[..]].concat()
}

fn set(owner: &str, record_type: RecordType, data: Vec<u8>) -> RecordSet {
    let (name, class) = (name(owner), RecordClass::IN);
    RecordSet { name, class, record_type, data: vec![data], signatures: Vec::new() }
}

fn nsec(owner: &str, next: &str, mnemonics: &str) -> RecordSet {
    let mut data = Vec::new();
    push_name(&mut data, &name(next));
    data.extend(types(mnemonics));
    set(owner, RecordType::NSEC, data)
}

/// The octets of a hash in base 32.
fn hash(digits: &str) -> Vec<u8> {
    let digit = |c: char| u16::try_from(c.to_digit(32).unwrap()).unwrap();
    let bits = digits.chars().flat_map(|c| (0..5).rev().map(move |at| digit(c) >> at & 1));
    let bits: Vec<u16> = bits.collect();
    let octet = |bits: &[u16]| bits.iter().fold(0, |sum, bit| sum * 2 + bit);
    bits.chunks(8).map(|bits| u8::try_from(octet(bits)).unwrap()).collect()
}

/// An NSEC3 record of `example.` with the parameters of RFC 5155 appendix A.
fn nsec3(flags: u8, owner: &str, next: &str, mnemonics: &str) -> RecordSet {
    let mut data = vec![1, flags, 0, 12, 4, 0xaa, 0xbb, 0xcc, 0xdd, 20];
    data.extend(hash(next));
    data.extend(types(mnemonics));
    set(&format!("{owner}.example"), RecordType::NSEC3, data)
}

/// What the sets of `example.` prove about `name` and type; `None` for nothing.
fn absence(sets: &[RecordSet], of: &str, wanted: RecordType) -> Option<Absence> {
    let zone = name("example");
    Denials::new(&zone, sets.iter(), None).absence(&name(of), wanted).ok()
}

/// Whether the sets prove that `of` is answered from the wildcard below its last labels.
fn uses_wildcard(sets: &[RecordSet], of: &str, closest: usize) -> Option<bool> {
    let zone = name("example");
    Denials::new(&zone, sets.iter(), None).uses_wildcard(&name(of), closest).ok()
}

#[test]
fn the_examples_of_rfc_4035_are_proofs() {
    let apex = nsec("example", "a.example", "NS SOA MX RRSIG NSEC DNSKEY");
    let b = nsec("b.example", "ns1.example", "NS RRSIG NSEC");
    let ns1 = nsec("ns1.example", "ns2.example", "A RRSIG NSEC");
    let x_y_w = nsec("x.y.w.example", "xx.example", "MX RRSIG NSEC");
    let wild = nsec("*.w.example", "x.w.example", "MX RRSIG NSEC");
    let error = [b.clone(), apex];
    assert_eq!(absence(&error, "ml.example", RecordType::A), Some(Absence::Name));
    assert_eq!(absence(&[ns1], "ns1.example", RecordType::MX), Some(Absence::Type));
    let delegation = Some(Absence::UnsignedDelegation);
    assert_eq!(absence(&[b], "b.example", RecordType::DS), delegation);
    assert_eq!(uses_wildcard(std::slice::from_ref(&x_y_w), "a.z.w.example", 2), Some(false));
    let no_data = [x_y_w, wild];
    assert_eq!(absence(&no_data, "a.z.w.example", RecordType::AAAA), Some(Absence::Type));
}

#[test]
fn nsec_records_prove_no_more_than_they_say() {
    let apex = nsec("example", "a.example", "NS SOA MX RRSIG NSEC DNSKEY");
    let b = nsec("b.example", "ns1.example", "NS DS RRSIG NSEC");
    let last = nsec("ns1.example", "example", "A RRSIG NSEC");
    // Without the wildcard's absence; the type is there; the name is there.
    assert_eq!(absence(std::slice::from_ref(&b), "ml.example", RecordType::A), None);
    assert_eq!(absence(std::slice::from_ref(&last), "ns1.example", RecordType::A), None);
    assert_eq!(absence(&[b.clone(), apex.clone()], "ns1.example", RecordType::MX), None);
    // A delegation says nothing about the zone below, and an apex nothing about the zone above.
    assert_eq!(absence(&[b.clone(), apex.clone()], "x.b.example", RecordType::A), None);
    assert_eq!(absence(std::slice::from_ref(&b), "b.example", RecordType::A), None);
    assert_eq!(absence(&[b], "b.example", RecordType::DS), None);
    assert_eq!(absence(std::slice::from_ref(&apex), "example", RecordType::DS), None);
    let cname = nsec("c.example", "d.example", "CNAME RRSIG NSEC");
    assert_eq!(absence(&[cname], "c.example", RecordType::A), None);
    // The last record leads to the apex; a name above names exists.
    let both = [last.clone(), apex];
    assert_eq!(absence(&both, "zz.example", RecordType::A), Some(Absence::Name));
    let deep = nsec("a.example", "x.y.example", "A RRSIG NSEC");
    assert_eq!(absence(&[deep], "y.example", RecordType::A), Some(Absence::Type));
    assert_eq!(uses_wildcard(&[last], "zz.example", 2), None);
}

/// The records of RFC 5155 appendix B.1, with these flags.
fn name_error(flags: u8) -> [RecordSet; 3] {
    let apex = "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom";
    let x_w = "b4um86eghhds6nea196smvmlo4ors995";
    let a = "35mthgpgcu1qg68fab165klnsnk3dpvl";
    [
        nsec3(flags, apex, "2t7b4g4vsa5smi47k61mv5bv1a22bojr", "MX DNSKEY NS SOA RRSIG"),
        nsec3(flags, x_w, "gjeqe526plbf1g8mklp59enfd789njgi", "MX RRSIG"),
        nsec3(flags, a, x_w, "NS DS RRSIG"),
    ]
}

#[test]
fn the_examples_of_rfc_5155_are_proofs() {
    let of = "a.c.x.w.example";
    assert_eq!(absence(&name_error(0), of, RecordType::A), Some(Absence::Name));
    assert_eq!(absence(&name_error(1), of, RecordType::A), Some(Absence::OptOut));
    let ns1 = "2t7b4g4vsa5smi47k61mv5bv1a22bojr";
    let ns1 = nsec3(1, ns1, "2vptu5timamqttgl4luu9kg21e0aor3s", "A RRSIG");
    assert_eq!(absence(&[ns1], "ns1.example", RecordType::MX), Some(Absence::Type));
    let y_w = "ji6neoaepv8b5o6k4ev33abha8ht9fgc";
    let y_w = nsec3(1, y_w, "k8udemvp1j2f7eg6jebps17vp3n8i58h", "");
    assert_eq!(absence(&[y_w], "y.w.example", RecordType::A), Some(Absence::Type));
    let delegation = [
        nsec3(1, "35mthgpgcu1qg68fab165klnsnk3dpvl", "b4um86eghhds6nea196smvmlo4ors995", "NS DS"),
        name_error(1)[0].clone(),
    ];
    assert_eq!(absence(&delegation, "c.example", RecordType::DS), Some(Absence::OptOut));
    let z_w = "q04jkcevqvmu85r014c7dkba38o0ji5r";
    let z_w = nsec3(1, z_w, "r53bq7cc2uvmubfu5ocmm6pers9tk9en", "A RRSIG");
    assert_eq!(uses_wildcard(&[z_w], "a.z.w.example", 2), Some(true));
}

#[test]
fn nsec3_records_prove_no_more_than_they_say() {
    let of = "a.c.x.w.example";
    let all = name_error(0);
    for missing in 0..3 {
        let mut rest = all.to_vec();
        rest.remove(missing);
        assert_eq!(absence(&rest, of, RecordType::A), None, "without {missing}");
    }
    // Unknown flags and another zone.
    assert_eq!(absence(&name_error(2), of, RecordType::A), None);
    let zone = name("w.example");
    let denials = Denials::new(&zone, all.iter(), None);
    assert!(denials.absence(&name(of), RecordType::A).is_err());
    assert_eq!(base32(&hash("0p9mhaveqvm6t7vbl5lop2u3t2rp3tom")).len(), 32);
}

proptest! {
    #[test]
    fn any_octets_are_read_without_a_panic(
        message in prop::collection::vec(any::<u8>(), 0..300),
        counts in prop::array::uniform3(0_u8..4),
        kind in prop::sample::select(vec![46_u8, 47, 50, 48, 43, 6, 35]),
    ) {
        let mut octets = vec![0, 0, 0, 0, 0, 0, 0, counts[0], 0, counts[1], 0, counts[2]];
        // An owner name and a type, so that the data is often that of a known type.
        octets.extend([0, 0, kind, 0, 1, 0, 0, 0, 0, 0, u8::try_from(message.len()).unwrap_or(255)]);
        octets.extend(&message);
        if let Some(sets) = MessageSets::read(&octets) {
            let root = Name::root();
            let all = sets.answers.iter().chain(&sets.authorities);
            let denials = Denials::new(&root, all.filter(|set| set.denies()), None);
            denials.absence(&name("a.example"), RecordType::A).ok();
        }
    }
}
