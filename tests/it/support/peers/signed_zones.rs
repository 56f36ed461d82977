//! A tree of signed zones, and a server that answers from it as a recursive resolver would.
//!
//! The signatures are made with hickory, whose canonical form of records is not sockkit's.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use hickory_proto::dnssec::crypto::Ed25519SigningKey;
use hickory_proto::dnssec::rdata::sig::SigInput;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS, NSEC, NSEC3, RRSIG};
use hickory_proto::dnssec::{
    Algorithm, DigestType, Nsec3HashAlgorithm, PublicKeyBuf, SigningKey as _, TBS,
};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{CNAME, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType, SerialNumber};

use super::dns_server::{DnsServer, Query, cname, ns, record, wire};

const DAY: i64 = 86_400;

/// How a zone proves that names do not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    Nsec,
    Nsec3 { iterations: u16, opt_out: bool },
}

/// A zone; unsigned without a key.
pub(crate) struct Zone {
    pub(crate) origin: Name,
    pub(crate) key: Option<ZoneKey>,
    pub(crate) records: Vec<Record>,
    pub(crate) denial: Denial,
    /// The validity of the signatures: seconds from now.
    pub(crate) validity: (i64, i64),
}

/// A key that signs a whole zone.
pub(crate) struct ZoneKey {
    signing: Ed25519SigningKey,
    dnskey: DNSKEY,
}

impl ZoneKey {
    pub(crate) fn new() -> Self {
        Self::with_algorithm(Algorithm::ED25519)
    }

    /// A key that claims to have this algorithm.
    pub(crate) fn with_algorithm(algorithm: Algorithm) -> Self {
        let pkcs8 = Ed25519SigningKey::generate_pkcs8().unwrap();
        let signing = Ed25519SigningKey::from_pkcs8(&pkcs8).unwrap();
        let public = signing.to_public_key().unwrap().into_inner();
        let dnskey = DNSKEY::with_flags(0x101, PublicKeyBuf::new(public, algorithm));
        Self { signing, dnskey }
    }

    pub(crate) fn tag(&self) -> u16 {
        self.dnskey.calculate_key_tag().unwrap()
    }

    fn algorithm(&self) -> Algorithm {
        use hickory_proto::dnssec::PublicKey as _;
        self.dnskey.public_key().algorithm()
    }

    fn digest(&self, zone: &Name) -> Vec<u8> {
        self.dnskey.to_digest(zone, DigestType::SHA256).unwrap().as_ref().to_vec()
    }

    /// The DS record of a zone with this key.
    pub(crate) fn ds(&self, zone: &str) -> Record {
        let digest = self.digest(&name(zone));
        let ds = DS::new(self.tag(), self.algorithm(), DigestType::SHA256, digest);
        record(zone, RData::DNSSEC(DNSSECRData::DS(ds)))
    }

    /// A trust anchor in zone file format.
    pub(crate) fn anchor(&self, zone: &str) -> String {
        let digest: Vec<String> =
            self.digest(&name(zone)).iter().map(|octet| format!("{octet:02x}")).collect();
        let digest = digest.concat();
        format!("{zone} IN DS {} {} 2 {digest}\n", self.tag(), u8::from(self.algorithm()))
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// Lets a test change a reply before it is sent.
type Tamper = Box<dyn Fn(&Query, &mut Message) + Send + Sync>;

/// The zones of a server.
pub(crate) struct Zones(pub(crate) Vec<Zone>);

impl Zone {
    /// A zone with an SOA and an NS record.
    pub(crate) fn new(origin: &str, key: Option<ZoneKey>, denial: Denial) -> Self {
        let server = name("ns.test.");
        let soa = SOA::new(server.clone(), server, 1, 60, 60, 60, 60);
        let records = vec![record(origin, RData::SOA(soa)), ns(origin, "ns.test.")];
        Self { origin: name(origin), key, records, denial, validity: (-DAY, 7 * DAY) }
    }

    pub(crate) fn with(mut self, records: impl IntoIterator<Item = Record>) -> Self {
        self.records.extend(records);
        self
    }

    fn rrset(&self, owner: &Name, wanted: RecordType) -> Vec<Record> {
        if wanted == RecordType::DNSKEY && *owner == self.origin {
            let key = self.key.iter().map(|key| DNSSECRData::DNSKEY(key.dnskey.clone()));
            let more = self.records.iter().filter(|it| it.record_type() == wanted).cloned();
            return key
                .map(|key| Record::from_rdata(owner.clone(), 300, RData::DNSSEC(key)))
                .chain(more)
                .collect();
        }
        let fits = |it: &&Record| it.name == *owner && it.record_type() == wanted;
        self.records.iter().filter(fits).cloned().collect()
    }

    /// The set with its signature, as records of `shown_as`.
    fn signed(&self, set: Vec<Record>, shown_as: &Name) -> Vec<Record> {
        let mut records = set;
        let Some(first) = records.first() else { return records };
        let is_delegation = first.record_type() == RecordType::NS && first.name != self.origin;
        if let Some(key) = self.key.as_ref().filter(|_| !is_delegation) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
            let at = |seconds: i64| {
                SerialNumber::new(u32::try_from(i64::try_from(now).unwrap() + seconds).unwrap())
            };
            let input = SigInput {
                type_covered: first.record_type(),
                algorithm: key.algorithm(),
                num_labels: first.name.num_labels(),
                original_ttl: first.ttl,
                sig_expiration: at(self.validity.1),
                sig_inception: at(self.validity.0),
                key_tag: key.tag(),
                signer_name: self.origin.clone(),
            };
            let tbs = TBS::from_input(&first.name, DNSClass::IN, &input, records.iter()).unwrap();
            let signature = RRSIG::from_sig(input, key.signing.sign(&tbs).unwrap());
            let data = RData::DNSSEC(DNSSECRData::RRSIG(signature));
            records.push(Record::from_rdata(first.name.clone(), 300, data));
        }
        for record in &mut records {
            record.name = shown_as.clone();
        }
        records
    }

    /// The names of the zone in canonical order, with those that only have names below them.
    fn names(&self, with_empty: bool) -> Vec<Name> {
        let mut names = BTreeSet::new();
        for record in &self.records {
            let mut owner = record.name.clone();
            names.insert(owner.clone());
            while with_empty && owner.iter().count() > self.origin.iter().count() {
                names.insert(owner.clone());
                owner = owner.base_name();
            }
        }
        names.into_iter().collect()
    }

    fn exists(&self, owner: &Name) -> bool {
        self.origin.zone_of(owner) && self.records.iter().any(|it| owner.zone_of(&it.name))
    }

    fn types(&self, owner: &Name) -> Vec<RecordType> {
        let of_name = self.records.iter().filter(|it| it.name == *owner);
        let mut types: Vec<RecordType> = of_name.map(Record::record_type).collect();
        if *owner == self.origin {
            types.push(RecordType::DNSKEY);
        }
        let is_only_delegation = types == [RecordType::NS];
        if !types.is_empty() && !is_only_delegation {
            types.push(RecordType::RRSIG);
        }
        types
    }

    /// Whether the name is an unsigned delegation that Opt-Out leaves without an NSEC3 record.
    fn is_left_out(&self, owner: &Name) -> bool {
        matches!(self.denial, Denial::Nsec3 { opt_out: true, .. })
            && self.types(owner) == [RecordType::NS]
    }

    /// The closest name above that exists, and the name below it on the way.
    fn closest_encloser(&self, owner: &Name) -> (Name, Name) {
        let mut next_closer = owner.clone();
        while !self.exists(&next_closer.base_name()) {
            next_closer = next_closer.base_name();
        }
        (next_closer.base_name(), next_closer)
    }

    /// The proofs that `owner` does not exist, or that it exists without the type that was asked.
    fn denials(&self, owner: &Name, with_wildcard: bool) -> Vec<Record> {
        let mut owners = vec![owner.clone()];
        if !self.exists(owner) || self.is_left_out(owner) {
            let (closest, next_closer) = self.closest_encloser(owner);
            if matches!(self.denial, Denial::Nsec3 { .. }) {
                owners = vec![closest.clone(), next_closer];
            }
            if with_wildcard && !self.exists(owner) {
                owners.push(closest.prepend_label("*").unwrap());
            }
        }
        let mut proofs: Vec<Record> = Vec::new();
        for owner in owners {
            let proof = match self.denial {
                Denial::Nsec => self.nsec(&owner),
                Denial::Nsec3 { iterations, opt_out } => self.nsec3(&owner, iterations, opt_out),
            };
            if !proofs.contains(&proof) {
                proofs.push(proof);
            }
        }
        let soa = self.rrset(&self.origin, RecordType::SOA);
        let mut records = self.signed(soa, &self.origin);
        if self.key.is_some() {
            records.extend(proofs.into_iter().flat_map(|proof| {
                let owner = proof.name.clone();
                self.signed(vec![proof], &owner)
            }));
        }
        records
    }

    /// The NSEC record of a name, or that before it.
    fn nsec(&self, owner: &Name) -> Record {
        let names = self.names(false);
        let at = names.iter().rposition(|it| it <= owner).unwrap();
        let next = names.get(at + 1).unwrap_or(&self.origin);
        let mut types = self.types(&names[at]);
        types.extend([RecordType::NSEC, RecordType::RRSIG]);
        let nsec = NSEC::new(next.clone(), types);
        Record::from_rdata(names[at].clone(), 300, RData::DNSSEC(DNSSECRData::NSEC(nsec)))
    }

    /// The NSEC3 record of a name, or that before its hash.
    fn nsec3(&self, owner: &Name, iterations: u16, opt_out: bool) -> Record {
        let salt = vec![0xab, 0xcd];
        let hash = |name: &Name| {
            let hash = Nsec3HashAlgorithm::SHA1.hash(&salt, name, iterations).unwrap();
            hash.as_ref().to_vec()
        };
        let names = self.names(true).into_iter().filter(|name| !self.is_left_out(name));
        let mut hashes: Vec<(Vec<u8>, Name)> = names.map(|name| (hash(&name), name)).collect();
        hashes.sort();
        let wanted = hash(owner);
        let last = hashes.len() - 1;
        let at = hashes.iter().rposition(|it| it.0 <= wanted).unwrap_or(last);
        let next = hashes[(at + 1) % hashes.len()].0.clone();
        let types = self.types(&hashes[at].1);
        let algorithm = Nsec3HashAlgorithm::SHA1;
        let nsec3 = NSEC3::new(algorithm, opt_out, iterations, salt.clone(), next, types);
        let label = base32(&hashes[at].0);
        let owner = name(&label).append_domain(&self.origin).unwrap();
        Record::from_rdata(owner, 300, RData::DNSSEC(DNSSECRData::NSEC3(nsec3)))
    }
}

/// Base 32 with the extended hexadecimal alphabet, of 20 octets.
fn base32(octets: &[u8]) -> String {
    let bits: Vec<u8> =
        octets.iter().flat_map(|octet| (0..8).rev().map(move |at| octet >> at & 1)).collect();
    let digit = |bits: &[u8]| bits.iter().fold(0, |sum, bit| sum * 2 + usize::from(*bit));
    let alphabet = b"0123456789abcdefghijklmnopqrstuv";
    bits.chunks(5).map(|bits| char::from(alphabet[digit(bits)])).collect()
}

impl Zones {
    /// The zone with this origin.
    pub(crate) fn zone(&mut self, origin: &str) -> &mut Zone {
        let origin = name(origin);
        self.0.iter_mut().find(|zone| zone.origin == origin).unwrap()
    }

    /// The trust anchor of a zone.
    pub(crate) fn anchor(&mut self, origin: &str) -> String {
        self.zone(origin).key.as_ref().unwrap().anchor(origin)
    }

    /// Starts a server that answers from the zones.
    pub(crate) fn serve(self) -> DnsServer {
        self.serve_with(Box::new(|_, _| {}))
    }

    /// Starts a server whose replies `tamper` changes.
    pub(crate) fn serve_with(self, tamper: Tamper) -> DnsServer {
        DnsServer::start(move |query| {
            let mut reply = self.reply(query);
            tamper(query, &mut reply);
            vec![wire(&reply)]
        })
    }

    /// The reply to a query.
    pub(crate) fn reply(&self, query: &Query) -> Message {
        let mut reply = query.reply();
        self.answer(&name(&query.name.to_ascii_lowercase()), query.record_type, &mut reply);
        reply
    }

    fn zone_of(&self, owner: &Name, wanted: RecordType) -> &Zone {
        let is_above = |zone: &&Zone| {
            let fits = wanted != RecordType::DS || zone.origin != *owner || owner.is_root();
            zone.origin.zone_of(owner) && fits
        };
        let zones = self.0.iter().filter(is_above);
        zones.max_by_key(|zone| zone.origin.iter().count()).unwrap()
    }

    fn answer(&self, owner: &Name, wanted: RecordType, reply: &mut Message) {
        let zone = self.zone_of(owner, wanted);
        if wanted == RecordType::ANY {
            let types: BTreeSet<RecordType> =
                zone.types(owner).into_iter().filter(|it| *it != RecordType::RRSIG).collect();
            for kind in types {
                reply.add_answers(zone.signed(zone.rrset(owner, kind), owner));
            }
            return;
        }
        for (kind, is_alias) in [(wanted, false), (RecordType::CNAME, true)] {
            let set = zone.rrset(owner, kind);
            if let Some(first) = set.first().cloned() {
                reply.add_answers(zone.signed(set, owner));
                if let (true, RData::CNAME(CNAME(target))) = (is_alias, &first.data) {
                    self.answer(target, wanted, reply);
                }
                return;
            }
        }
        let is_dname = |it: &&Record| {
            it.record_type() == RecordType::DNAME && it.name.zone_of(owner) && it.name != *owner
        };
        if let Some(dname) = zone.records.iter().find(is_dname).cloned() {
            let RData::Unknown { rdata, .. } = &dname.data else { panic!("use raw() for a DNAME") };
            let target = Name::from_labels(labels(&rdata.anything)).unwrap();
            let kept = owner.iter().count() - dname.name.iter().count();
            let moved = Name::from_labels(owner.iter().take(kept).chain(target.iter())).unwrap();
            let at = dname.name.clone();
            reply.add_answers(zone.signed(vec![dname], &at));
            reply.add_answer(cname(&owner.to_ascii(), &moved.to_ascii()));
            return self.answer(&moved, wanted, reply);
        }
        if zone.exists(owner) {
            reply.add_authorities(zone.denials(owner, false));
            return;
        }
        let (closest, _) = zone.closest_encloser(owner);
        let wildcard = closest.prepend_label("*").unwrap();
        let set = zone.rrset(&wildcard, wanted);
        if !set.is_empty() {
            reply.add_answers(zone.signed(set, owner));
            reply.add_authorities(zone.denials(owner, false));
            return;
        }
        if !zone.exists(&wildcard) {
            reply.metadata.response_code = ResponseCode::NXDomain;
        }
        reply.add_authorities(zone.denials(owner, true));
    }
}

/// The labels of a name in wire format.
fn labels(mut octets: &[u8]) -> Vec<&[u8]> {
    let mut labels = Vec::new();
    while let [length, rest @ ..] = octets {
        if *length == 0 {
            break;
        }
        let (label, rest) = rest.split_at(usize::from(*length));
        labels.push(label);
        octets = rest;
    }
    labels
}
