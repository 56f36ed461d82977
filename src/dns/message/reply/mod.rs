//! Replies: whether a message answers a question, and what it contains.
//!
//! Records are decoded one by one instead of with hickory's message type, which would reject a
//! whole reply for one record that it finds invalid. This module does no I/O.

use std::collections::BTreeMap;
use std::fmt;

use hickory_resolver::proto::rr::Name;
use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinDecoder};

use crate::dns::message::edns::EdnsReply;
use crate::dns::message::query::Question;
use crate::dns::message::rcode::Rcode;
use crate::dns::message::record::{Malformed, Record};
use crate::dns::message::record_type::RecordType;

/// A server's reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The response code, including the upper bits from EDNS.
    pub rcode: Rcode,
    /// The flags.
    pub flags: ReplyFlags,
    /// The records of the answer section.
    pub answers: Vec<Record>,
    /// The records of the authority section, which distinguish a negative answer from a referral.
    pub authorities: Vec<Record>,
    /// The records of the additional section, except the OPT record.
    pub additionals: Vec<Record>,
    /// The OPT record.
    pub edns: Option<EdnsReply>,
    /// What is wrong with the message; the sections have the records that could be decoded.
    pub defect: Option<Malformed>,
    /// Number of octets after the last record.
    pub extra_octets: usize,
    /// The message as received.
    pub octets: Vec<u8>,
}

/// The flags of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplyFlags {
    /// The server is authoritative for the zone (AA).
    pub authoritative: bool,
    /// Records are missing because the message would have been too long (TC).
    pub truncated: bool,
    /// The query asked for recursion (RD).
    pub recursion_desired: bool,
    /// The server queries other servers on request (RA).
    pub recursion_available: bool,
    /// The server has validated the records with DNSSEC (AD).
    pub authentic: bool,
    /// The query asked the server not to validate (CD).
    pub checking_disabled: bool,
}

impl ReplyFlags {
    /// Returns the mnemonics of the flags that are set.
    pub fn mnemonics(&self) -> Vec<&'static str> {
        let flags = [
            ("aa", self.authoritative),
            ("tc", self.truncated),
            ("rd", self.recursion_desired),
            ("ra", self.recursion_available),
            ("ad", self.authentic),
            ("cd", self.checking_disabled),
        ];
        flags.iter().filter(|flag| flag.1).map(|flag| flag.0).collect()
    }
}

impl fmt::Display for ReplyFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mnemonics().join(" "))
    }
}

/// Why a message is not a reply to the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mismatch {
    /// It is shorter than a header.
    Short,
    /// It is a query.
    Query,
    /// It has another id.
    Id,
    /// It has another opcode.
    Opcode,
    /// It has another question, none, or several.
    Question,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "too short",
            Self::Query => "not a reply",
            Self::Id => "with another id",
            Self::Opcode => "with another opcode",
            Self::Question => "with another question",
        })
    }
}

/// The messages that were discarded because they do not match the query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discarded(BTreeMap<Mismatch, u32>);

impl Discarded {
    /// Counts a message.
    pub fn add(&mut self, mismatch: Mismatch) {
        *self.0.entry(mismatch).or_default() += 1;
    }

    /// Adds the counts of `other`.
    pub fn extend(&mut self, other: &Self) {
        for (mismatch, count) in &other.0 {
            *self.0.entry(*mismatch).or_default() += count;
        }
    }

    /// Returns the number of messages.
    pub fn count(&self) -> u32 {
        self.0.values().sum()
    }
}

impl fmt::Display for Discarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = self.0.iter().map(|(mismatch, count)| format!("{count} {mismatch}"));
        f.write_str(&each.collect::<Vec<String>>().join(", "))
    }
}

/// The first octets of a message (RFC 1035 section 4.1.1).
struct Header {
    id: u16,
    flags: u16,
    counts: [u16; 4],
}

/// Length of the header, in octets.
const HEADER: u16 = 12;

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (words, []) = bytes.get(..usize::from(HEADER))?.as_chunks::<2>() else {
            return None;
        };
        let mut words = words.iter().map(|word| u16::from_be_bytes(*word));
        let mut next = || words.next();
        Some(Self { id: next()?, flags: next()?, counts: [next()?, next()?, next()?, next()?] })
    }

    fn has(&self, bit: u16) -> bool {
        self.flags & bit != 0
    }

    fn opcode(&self) -> u16 {
        self.flags >> 11 & 0xf
    }

    fn rcode(&self) -> Rcode {
        Rcode(self.flags & 0xf)
    }

    fn reply_flags(&self) -> ReplyFlags {
        ReplyFlags {
            authoritative: self.has(0x0400),
            truncated: self.has(0x0200),
            recursion_desired: self.has(0x0100),
            recursion_available: self.has(0x0080),
            authentic: self.has(0x0020),
            checking_disabled: self.has(0x0010),
        }
    }
}

impl Question {
    /// Decodes the reply to the query for this question that has the id `id`.
    ///
    /// # Errors
    /// The message is not a reply to this query, so the reply may still arrive.
    pub fn read_reply(&self, id: u16, bytes: &[u8]) -> Result<Reply, Mismatch> {
        let header = Header::read(bytes).ok_or(Mismatch::Short)?;
        if !header.has(0x8000) {
            return Err(Mismatch::Query);
        }
        if header.id != id {
            return Err(Mismatch::Id);
        }
        let mut decoder = BinDecoder::new(bytes).clone(HEADER);
        let checked = self.check_question(&mut decoder, &header);
        // A message without a question that can be read is malformed, also if its opcode differs.
        if header.opcode() != 0 && !matches!(checked, Ok(Err(_))) {
            return Err(Mismatch::Opcode);
        }
        let mut reply = Reply {
            rcode: header.rcode(),
            flags: header.reply_flags(),
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
            edns: None,
            defect: None,
            extra_octets: 0,
            octets: bytes.to_vec(),
        };
        match checked? {
            Ok(()) => reply.read_sections(&mut decoder, header.counts),
            Err(defect) => {
                reply.defect = Some(defect);
                // The bit of such a message does not mean that TCP has a longer reply.
                reply.flags.truncated = false;
            }
        }
        if reply.defect.is_none() {
            reply.extra_octets = decoder.len();
        }
        Ok(reply)
    }

    /// Checks that the reply repeats the question.
    ///
    /// A reply with an error code and without any question is accepted: a server that could not
    /// decode the query may be unable to repeat it.
    fn check_question(
        &self,
        decoder: &mut BinDecoder<'_>,
        header: &Header,
    ) -> Result<Result<(), Malformed>, Mismatch> {
        let [questions, answers, ..] = header.counts;
        match questions {
            0 if answers == 0 && header.rcode() != Rcode::NOERROR => return Ok(Ok(())),
            // RFC 5936 section 2.2: the later messages of a zone transfer may have no question.
            0 if self.record_type.is_transfer() => return Ok(Ok(())),
            _ => {}
        }
        let read = |decoder: &mut BinDecoder<'_>| {
            let name = Name::read(decoder).ok()?;
            let record_type = decoder.read_u16().ok()?.unverified();
            let class = decoder.read_u16().ok()?.unverified();
            Some((name, record_type, class))
        };
        // Names are compared without regard to case, which servers may change.
        let expected = (self.name.clone(), self.record_type.0, self.class.0);
        let mut is_same = questions == 1;
        for _ in 0..questions {
            match read(decoder) {
                Some(question) => is_same &= question == expected,
                None => return Ok(Err(Malformed::Unreadable("the question"))),
            }
        }
        if is_same { Ok(Ok(())) } else { Err(Mismatch::Question) }
    }
}

impl Reply {
    /// Returns the name of the server that this reply refers to, if it is a referral (RFC 2308
    /// section 2.2).
    ///
    /// A reply without answers that is authoritative or has the zone's SOA record is a negative
    /// answer, not a referral.
    pub fn referral(&self) -> Option<&str> {
        let has_soa = self.authorities.iter().any(|record| record.record_type == RecordType::SOA);
        let is_negative = self.flags.authoritative || has_soa;
        if self.rcode != Rcode::NOERROR || !self.answers.is_empty() || is_negative {
            return None;
        }
        let mut records = self.authorities.iter();
        let server = records.find(|record| record.record_type == RecordType::NS);
        server.map(|record| record.data.as_str())
    }

    /// Returns whether records are missing that the server could send over TCP.
    pub(in crate::dns) fn is_cut(&self) -> bool {
        self.flags.truncated && self.defect != Some(Malformed::Truncated)
    }

    /// Decodes the records up to the first that cannot be read.
    ///
    /// The counts are not trusted: no memory is reserved for them, and decoding ends at the end of
    /// the message.
    fn read_sections(&mut self, decoder: &mut BinDecoder<'_>, counts: [u16; 4]) {
        let [_, answers, authorities, additionals] = counts;
        let sections = [
            (answers, &mut self.answers),
            (authorities, &mut self.authorities),
            (additionals, &mut self.additionals),
        ];
        for (count, records) in sections {
            for _ in 0..count {
                match Record::read(decoder) {
                    Ok(record) => {
                        if record.is_invalid {
                            let defect = Malformed::Data(record.record_type);
                            self.defect.get_or_insert(defect);
                        }
                        records.push(record);
                    }
                    Err(error) => {
                        self.defect.get_or_insert(error);
                        break;
                    }
                }
            }
            // Records are missing, so the position of the next section is unknown.
            if usize::from(count) != records.len() {
                break;
            }
        }
        if let Err(defect) = self.take_edns() {
            self.defect.get_or_insert(defect);
        }
    }

    /// Moves the OPT record from the additional section to `edns`. An OPT record that breaks the
    /// rules of RFC 6891 section 6.1 is not believed.
    fn take_edns(&mut self) -> Result<(), Malformed> {
        let is_opt = |record: &mut Record| record.record_type == RecordType::OPT;
        let misplaced = self.answers.extract_if(.., is_opt).count()
            + self.authorities.extract_if(.., is_opt).count();
        let opts: Vec<Record> = self.additionals.extract_if(.., is_opt).collect();
        if misplaced > 0 {
            return Err(Malformed::Opt("outside the additional section"));
        }
        let [opt] = &opts[..] else {
            return if opts.is_empty() { Ok(()) } else { Err(Malformed::Opt("more than once")) };
        };
        if !opt.name.is_root() {
            return Err(Malformed::Opt("with an owner name"));
        }
        let overrun = Malformed::Opt("with an option of an invalid length");
        let edns = EdnsReply::decode(opt.ttl, &opt.octets).ok_or(overrun)?;
        self.rcode = Rcode(u16::from(edns.upper_rcode) << 4 | self.rcode.0);
        self.edns = Some(edns);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
