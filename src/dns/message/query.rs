//! Questions, and the queries that ask them.

use hickory_resolver::proto::op::Message;

use crate::dns::Name;
use crate::dns::message::class::RecordClass;
use crate::dns::message::edns::{ENCRYPTED_BLOCK, EdnsOption, EdnsRequest};
use crate::dns::message::record_type::RecordType;

/// A question: a name, a type and a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name.
    pub name: Name,
    /// The type.
    pub record_type: RecordType,
    /// The class.
    pub class: RecordClass,
}

/// What a query asks of the server besides its question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuerySettings {
    /// Whether to ask the server to query other servers (RD).
    pub recursion: bool,
    /// Whether to ask if the server has validated the answer (AD, RFC 6840 section 5.7).
    pub authentic: bool,
    /// Whether to ask for data that fails validation too (CD).
    pub checking_disabled: bool,
    /// The OPT record; `None` for a query without EDNS.
    pub edns: Option<EdnsRequest>,
}

impl Default for QuerySettings {
    fn default() -> Self {
        let edns = Some(EdnsRequest::default());
        Self { recursion: true, authentic: false, checking_disabled: false, edns }
    }
}

impl QuerySettings {
    /// Returns the same settings without EDNS, for servers that support only RFC 1035.
    #[must_use]
    pub fn without_edns(&self) -> Self {
        Self { edns: None, ..self.clone() }
    }

    /// Returns the same settings with the padding for encrypted transports, unless another is set.
    #[must_use]
    pub fn padded(&self) -> Self {
        let mut padded = self.clone();
        if let Some(edns) = &mut padded.edns {
            edns.padding.get_or_insert(ENCRYPTED_BLOCK);
        }
        padded
    }

    /// Returns whether queries have a cookie.
    pub fn has_cookie(&self) -> bool {
        self.edns.as_ref().is_some_and(|edns| edns.options.iter().any(EdnsOption::is_cookie))
    }

    /// Returns the same settings with the cookie that the server gave; `None` if none was sent.
    pub fn with_server_cookie(&self, cookie: &[u8]) -> Option<Self> {
        let mut renewed = self.clone();
        let options = &mut renewed.edns.as_mut()?.options;
        *options.iter_mut().find(|option| option.is_cookie())? = EdnsOption::cookie(cookie);
        Some(renewed)
    }
}

impl Question {
    /// Returns a new random id, and the encoded query with this id.
    pub fn encode(&self, settings: &QuerySettings) -> (u16, Vec<u8>) {
        let id = Message::query().metadata.id;
        let flags = flag(settings.recursion, 0x0100)
            | flag(settings.authentic, 0x0020)
            | flag(settings.checking_disabled, 0x0010);
        let additionals = u16::from(settings.edns.is_some());
        let mut message = Vec::with_capacity(64);
        for field in [id, flags, 1, 0, 0, additionals] {
            message.extend(field.to_be_bytes());
        }
        push_name(&mut message, &self.name);
        message.extend(self.record_type.0.to_be_bytes());
        message.extend(self.class.0.to_be_bytes());
        if let Some(edns) = &settings.edns {
            edns.encode(&mut message);
        }
        (id, message)
    }
}

fn flag(set: bool, bit: u16) -> u16 {
    if set { bit } else { 0 }
}

/// Appends a name in wire format, without compression.
pub(in crate::dns) fn push_name(message: &mut Vec<u8>, name: &Name) {
    for label in name {
        // A label has at most 63 octets, which `Name` guarantees.
        message.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        message.extend(label);
    }
    message.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::name;

    #[test]
    fn a_query_requests_recursion_and_announces_the_udp_size() {
        let question = Question {
            name: name::parse(r"a\.b.ita.br").unwrap(),
            record_type: RecordType::A,
            class: RecordClass::IN,
        };
        let settings = QuerySettings::default();
        let (id, bytes) = question.encode(&settings);
        let message = Message::from_vec(&bytes).unwrap();
        assert_eq!(message.metadata.id, id);
        assert!(message.metadata.recursion_desired && !message.metadata.checking_disabled);
        assert_eq!(message.max_payload(), 1232);
        assert_eq!(message.queries[0].name(), &question.name);
        let (_, bytes) = question.encode(&settings.without_edns());
        assert!(Message::from_vec(&bytes).unwrap().edns.is_none());
        let flags = QuerySettings {
            recursion: false,
            authentic: true,
            checking_disabled: true,
            ..settings
        };
        let metadata = Message::from_vec(&question.encode(&flags).1).unwrap().metadata;
        assert!(!metadata.recursion_desired);
        assert!(metadata.authentic_data && metadata.checking_disabled);
    }
}
