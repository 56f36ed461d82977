//! One DNS message: a question as it is sent, a reply as it is read.
//!
//! Records are read one by one and not by hickory's message type, so that no type's strictness
//! decides whether a reply can be shown. Knows no socket.

use hickory_resolver::proto::op::{self, Header, Message, MessageType, Query};
use hickory_resolver::proto::rr::{DNSClass, Name, RecordType as WireType};
use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinDecoder};

use crate::dns::rcode::Rcode;
use crate::dns::record::{Malformed, Record};
use crate::dns::record_type::RecordType;

/// What is asked: a name and a type, in the Internet's class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name.
    pub name: Name,
    /// The type.
    pub record_type: RecordType,
}

/// Whether a query announces what we understand beyond RFC 1035 (RFC 6891).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edns {
    /// It does: replies may be longer than 512 octets.
    With,
    /// It is one that the oldest server understands.
    Without,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What it says about the question as a whole.
    pub rcode: Rcode,
    /// Whether the server speaks for the zone.
    pub authoritative: bool,
    /// Whether it did not fit: there is more over TCP, and the records are left unread.
    pub truncated: bool,
    /// The records that answer.
    pub answers: Vec<Record>,
    /// The zone's records, which say how final a "no" is.
    pub authorities: Vec<Record>,
}

impl Reply {
    /// Returns the server this reply sends us to, where it does nothing else: it says neither yes
    /// nor no (RFC 2308 section 2.2). With authority or the zone's SOA record it would say no.
    pub fn referral(&self) -> Option<&str> {
        let mut kinds = self.authorities.iter().map(|record| record.record_type);
        let says_no = self.authoritative || kinds.any(|kind| kind == RecordType::SOA);
        if self.rcode != Rcode::NOERROR || !self.answers.is_empty() || says_no {
            return None;
        }
        let mut records = self.authorities.iter();
        let server = records.find(|record| record.record_type == RecordType::NS);
        server.map(|record| record.data.as_str())
    }
}

/// Why bytes are not the reply that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// They answer another question, or nothing: whoever sent them, the wait goes on.
    Foreign,
    /// They are the answer to this question, and cannot be read.
    Malformed(Malformed),
}

impl Question {
    /// Returns the query with a fresh random id, and the id.
    pub fn encode(&self, edns: Edns) -> (u16, Vec<u8>) {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(self.wire());
        if edns == Edns::With {
            let mut opt = op::Edns::new();
            opt.set_max_payload(MAX_UDP_REPLY);
            message.set_edns(opt);
        }
        // A name within its limits and a fixed OPT record: there is nothing that can fail.
        (message.metadata.id, message.to_vec().unwrap_or_default())
    }

    /// Reads the reply to this question with the id `id`.
    ///
    /// # Errors
    /// It is a reply to something else, or cannot be read.
    pub fn read_reply(&self, id: u16, bytes: &[u8]) -> Result<Reply, Rejected> {
        let mut decoder = BinDecoder::new(bytes);
        let header = Header::read(&mut decoder).map_err(|_| Rejected::Foreign)?;
        if header.id != id || header.message_type != MessageType::Response {
            return Err(Rejected::Foreign);
        }
        let rcode = u16::from(header.response_code);
        self.check_question(&mut decoder, &header)?;
        let mut reply = Reply {
            rcode: Rcode(rcode),
            authoritative: header.authoritative,
            truncated: header.truncation,
            answers: Vec::new(),
            authorities: Vec::new(),
        };
        if reply.truncated {
            return Ok(reply);
        }
        let counts = header.counts;
        reply.answers = read_records(&mut decoder, counts.answers)?;
        reply.authorities = read_records(&mut decoder, counts.authorities)?;
        let additionals = read_records(&mut decoder, counts.additionals)?;
        let is_opt = |record: &&Record| record.record_type == RecordType::OPT;
        if let Some(opt) = additionals.iter().find(is_opt) {
            // RFC 6891 section 6.1.3: the upper eight bits of the code stand in the TTL's place.
            let [upper, ..] = opt.ttl.to_be_bytes();
            reply.rcode = Rcode(u16::from(upper) << 4 | rcode);
        }
        Ok(reply)
    }

    /// Checks that the reply repeats the question. One that says no without it is let pass: a
    /// server that did not understand the question may be unable to repeat it.
    fn check_question(
        &self,
        decoder: &mut BinDecoder<'_>,
        header: &Header,
    ) -> Result<(), Rejected> {
        let code = Rcode(u16::from(header.response_code));
        if header.counts.queries == 0 && header.counts.answers == 0 && code.is_failure() {
            return Ok(());
        }
        let ours = self.wire();
        for _ in 0..header.counts.queries {
            let asked = Query::read(decoder);
            let asked =
                asked.map_err(|_| Rejected::Malformed(Malformed::Unreadable("the question")))?;
            // Names are equal whatever their case: servers may change it.
            if asked != ours {
                return Err(Rejected::Foreign);
            }
        }
        if header.counts.queries == 0 {
            return Err(Rejected::Foreign);
        }
        Ok(())
    }

    fn wire(&self) -> Query {
        let mut query = Query::query(self.name.clone(), WireType::from(self.record_type.0));
        query.set_query_class(DNSClass::IN);
        query
    }
}

/// Replies over UDP that arrive unfragmented on practically every path (DNS flag day 2020).
const MAX_UDP_REPLY: u16 = 1232;

/// The counts are a stranger's claim: reading ends where the bytes do, and nothing is reserved.
fn read_records(decoder: &mut BinDecoder<'_>, count: u16) -> Result<Vec<Record>, Rejected> {
    let read = |_| Record::read(decoder).map_err(Rejected::Malformed);
    (0..count).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::name;
    use hickory_resolver::proto::op::ResponseCode;
    use proptest::prelude::*;

    fn question() -> Question {
        Question { name: name::parse("www.ita.br").unwrap(), record_type: RecordType::A }
    }

    /// The reply an honest server without any records gives.
    fn reply_to(query: &[u8]) -> Message {
        Message::from_vec(query).unwrap().into_response()
    }

    #[test]
    fn a_query_asks_for_recursion_and_announces_its_size() {
        let (id, bytes) = question().encode(Edns::With);
        let message = Message::from_vec(&bytes).unwrap();
        assert_eq!(message.metadata.id, id);
        assert!(message.metadata.recursion_desired);
        assert_eq!(message.max_payload(), MAX_UDP_REPLY);
        let (_, bytes) = question().encode(Edns::Without);
        assert!(Message::from_vec(&bytes).unwrap().edns.is_none());
    }

    #[test]
    fn only_the_reply_to_this_very_question_counts() {
        let (id, query) = question().encode(Edns::With);
        let reply = reply_to(&query).to_vec().unwrap();
        assert!(question().read_reply(id, &reply).is_ok());
        let foreign = Err(Rejected::Foreign);
        assert_eq!(question().read_reply(id ^ 1, &reply), foreign);
        assert_eq!(question().read_reply(id, &query), foreign);
        assert_eq!(question().read_reply(id, &reply[..3]), foreign);
        let mut other = question();
        other.record_type = RecordType::AAAA;
        assert_eq!(other.read_reply(id, &reply), foreign);
        other = Question { name: name::parse("evil.example").unwrap(), ..question() };
        assert_eq!(other.read_reply(id, &reply), foreign);
        other.name = name::parse("WWW.Ita.BR").unwrap();
        assert!(other.read_reply(id, &reply).is_ok());
    }

    #[test]
    fn a_server_may_refuse_without_repeating_the_question() {
        let (id, query) = question().encode(Edns::With);
        let mut reply = reply_to(&query);
        reply.queries.clear();
        reply.metadata.response_code = ResponseCode::FormErr;
        let bytes = reply.to_vec().unwrap();
        assert_eq!(question().read_reply(id, &bytes).unwrap().rcode, Rcode(1));
        reply.metadata.response_code = ResponseCode::NoError;
        let bytes = reply.to_vec().unwrap();
        assert_eq!(question().read_reply(id, &bytes), Err(Rejected::Foreign));
    }

    #[test]
    fn the_upper_bits_of_the_code_come_with_edns() {
        let (id, query) = question().encode(Edns::With);
        let mut reply = reply_to(&query);
        reply.metadata.response_code = ResponseCode::BADCOOKIE;
        let bytes = reply.to_vec().unwrap();
        assert_eq!(question().read_reply(id, &bytes).unwrap().rcode, Rcode(23));
    }

    #[test]
    fn counts_that_claim_too_much_are_malformed() {
        let (id, query) = question().encode(Edns::With);
        let mut bytes = reply_to(&query).to_vec().unwrap();
        bytes[6..8].copy_from_slice(&[0xff, 0xff]);
        let outcome = question().read_reply(id, &bytes);
        assert!(matches!(outcome, Err(Rejected::Malformed(_))), "{outcome:?}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(tail in prop::collection::vec(any::<u8>(), 0..400)) {
            let (id, query) = question().encode(Edns::With);
            let mut bytes = id.to_be_bytes().to_vec();
            bytes.extend(&tail);
            question().read_reply(id, &bytes).ok();
            let mut bytes = reply_to(&query).to_vec().unwrap();
            bytes[7] = 3;
            bytes.truncate(28);
            bytes.extend(tail);
            question().read_reply(id, &bytes).ok();
        }
    }
}
