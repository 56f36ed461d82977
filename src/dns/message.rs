//! One DNS message: an encoded query, or a decoded reply.
//!
//! Records are decoded one by one instead of with hickory's message type, which would reject a
//! whole reply for one record that it finds invalid. This module does no I/O.

use hickory_resolver::proto::op::{self, Header, Message, MessageType, Query};
use hickory_resolver::proto::rr::{DNSClass, Name, RecordType as WireType};
use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinDecoder};

use crate::dns::rcode::Rcode;
use crate::dns::record::{Malformed, Record};
use crate::dns::record_type::RecordType;

/// A question: a name and a type, in the Internet class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name.
    pub name: Name,
    /// The type.
    pub record_type: RecordType,
}

/// Whether a query announces EDNS (RFC 6891).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edns {
    /// With EDNS: UDP replies may be longer than 512 octets.
    With,
    /// Without EDNS, for servers that support only RFC 1035.
    Without,
}

/// A server's reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The response code, including the upper bits from EDNS.
    pub rcode: Rcode,
    /// Whether the server is authoritative for the zone.
    pub authoritative: bool,
    /// Whether the reply was truncated; its records are then not decoded.
    pub truncated: bool,
    /// The records of the answer section.
    pub answers: Vec<Record>,
    /// The records of the authority section, which distinguish a negative answer from a referral.
    pub authorities: Vec<Record>,
}

impl Reply {
    /// Returns the server that this reply refers to, if it is a referral (RFC 2308 section 2.2).
    ///
    /// A reply without answers that is authoritative or has the zone's SOA record is a negative
    /// answer, not a referral.
    pub fn referral(&self) -> Option<&str> {
        let mut types = self.authorities.iter().map(|record| record.record_type);
        let is_negative =
            self.authoritative || types.any(|record_type| record_type == RecordType::SOA);
        if self.rcode != Rcode::NOERROR || !self.answers.is_empty() || is_negative {
            return None;
        }
        let mut records = self.authorities.iter();
        let server = records.find(|record| record.record_type == RecordType::NS);
        server.map(|record| record.data.as_str())
    }
}

/// Why a message is not the expected reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The message does not answer this question, so the reply may still arrive.
    Unrelated,
    /// The message answers this question, but cannot be decoded.
    Malformed(Malformed),
}

impl Question {
    /// Returns a new random id, and the encoded query with this id.
    pub fn encode(&self, edns: Edns) -> (u16, Vec<u8>) {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(self.to_query());
        if edns == Edns::With {
            let mut opt = op::Edns::new();
            opt.set_max_payload(MAX_UDP_REPLY);
            message.set_edns(opt);
        }
        // Encoding cannot fail: the name is within its limits, and the OPT record is fixed.
        (message.metadata.id, message.to_vec().unwrap_or_default())
    }

    /// Decodes the reply to the query for this question that has the id `id`.
    ///
    /// # Errors
    /// The message does not answer this question, or cannot be decoded.
    pub fn read_reply(&self, id: u16, bytes: &[u8]) -> Result<Reply, Rejected> {
        let mut decoder = BinDecoder::new(bytes);
        let header = Header::read(&mut decoder).map_err(|_| Rejected::Unrelated)?;
        if header.id != id || header.message_type != MessageType::Response {
            return Err(Rejected::Unrelated);
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
            // RFC 6891 section 6.1.3: the first octet of the TTL is the upper part of the code.
            let [upper, ..] = opt.ttl.to_be_bytes();
            reply.rcode = Rcode(u16::from(upper) << 4 | rcode);
        }
        Ok(reply)
    }

    /// Checks that the reply repeats the question.
    ///
    /// An error reply without any question is accepted, because a server that could not decode the
    /// query may be unable to repeat it.
    fn check_question(
        &self,
        decoder: &mut BinDecoder<'_>,
        header: &Header,
    ) -> Result<(), Rejected> {
        let code = Rcode(u16::from(header.response_code));
        if header.counts.queries == 0 && header.counts.answers == 0 && code.is_failure() {
            return Ok(());
        }
        let expected = self.to_query();
        for _ in 0..header.counts.queries {
            let question = Query::read(decoder);
            let question =
                question.map_err(|_| Rejected::Malformed(Malformed::Unreadable("the question")))?;
            // Names are compared without regard to case, which servers may change.
            if question != expected {
                return Err(Rejected::Unrelated);
            }
        }
        if header.counts.queries == 0 {
            return Err(Rejected::Unrelated);
        }
        Ok(())
    }

    fn to_query(&self) -> Query {
        let mut query = Query::query(self.name.clone(), WireType::from(self.record_type.0));
        query.set_query_class(DNSClass::IN);
        query
    }
}

/// The largest UDP reply to announce, in octets: replies of this size arrive unfragmented on
/// practically every path (DNS flag day 2020).
const MAX_UDP_REPLY: u16 = 1232;

/// Decodes `count` records. The count is not trusted: no memory is reserved for it, and decoding
/// fails at the end of the message.
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

    /// Returns a valid reply to `query`, without any records.
    fn reply_to(query: &[u8]) -> Message {
        Message::from_vec(query).unwrap().into_response()
    }

    #[test]
    fn a_query_requests_recursion_and_announces_the_udp_size() {
        let (id, bytes) = question().encode(Edns::With);
        let message = Message::from_vec(&bytes).unwrap();
        assert_eq!(message.metadata.id, id);
        assert!(message.metadata.recursion_desired);
        assert_eq!(message.max_payload(), MAX_UDP_REPLY);
        let (_, bytes) = question().encode(Edns::Without);
        assert!(Message::from_vec(&bytes).unwrap().edns.is_none());
    }

    #[test]
    fn only_a_reply_to_the_same_question_is_accepted() {
        let (id, query) = question().encode(Edns::With);
        let reply = reply_to(&query).to_vec().unwrap();
        assert!(question().read_reply(id, &reply).is_ok());
        let unrelated = Err(Rejected::Unrelated);
        assert_eq!(question().read_reply(id ^ 1, &reply), unrelated);
        assert_eq!(question().read_reply(id, &query), unrelated);
        assert_eq!(question().read_reply(id, &reply[..3]), unrelated);
        let mut other = question();
        other.record_type = RecordType::AAAA;
        assert_eq!(other.read_reply(id, &reply), unrelated);
        other = Question { name: name::parse("evil.example").unwrap(), ..question() };
        assert_eq!(other.read_reply(id, &reply), unrelated);
        other.name = name::parse("WWW.Ita.BR").unwrap();
        assert!(other.read_reply(id, &reply).is_ok());
    }

    #[test]
    fn an_error_reply_without_the_question_is_accepted() {
        let (id, query) = question().encode(Edns::With);
        let mut reply = reply_to(&query);
        reply.queries.clear();
        reply.metadata.response_code = ResponseCode::FormErr;
        let bytes = reply.to_vec().unwrap();
        assert_eq!(question().read_reply(id, &bytes).unwrap().rcode, Rcode(1));
        reply.metadata.response_code = ResponseCode::NoError;
        let bytes = reply.to_vec().unwrap();
        assert_eq!(question().read_reply(id, &bytes), Err(Rejected::Unrelated));
    }

    #[test]
    fn the_upper_bits_of_the_response_code_are_read_from_edns() {
        let (id, query) = question().encode(Edns::With);
        let mut reply = reply_to(&query);
        reply.metadata.response_code = ResponseCode::BADCOOKIE;
        let bytes = reply.to_vec().unwrap();
        assert_eq!(question().read_reply(id, &bytes).unwrap().rcode, Rcode(23));
    }

    #[test]
    fn a_record_count_beyond_the_message_is_malformed() {
        let (id, query) = question().encode(Edns::With);
        let mut bytes = reply_to(&query).to_vec().unwrap();
        bytes[6..8].copy_from_slice(&[0xff, 0xff]);
        let outcome = question().read_reply(id, &bytes);
        assert!(matches!(outcome, Err(Rejected::Malformed(_))), "{outcome:?}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(tail in prop::collection::vec(any::<u8>(), 0..400)) {
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
