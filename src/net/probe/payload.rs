//! The datagrams that a UDP probe sends.

use std::str::FromStr;

/// The content of the datagram of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbePayload(Vec<u8>);

/// The error for text that is not a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("give dns, ntp or hex: and an even number of hexadecimal digits, such as hex:0d0a")]
pub struct InvalidPayload;

/// The port of DNS.
const DNS: u16 = 53;

/// The port of NTP.
const NTP: u16 = 123;

/// The longest payload, in bytes: what fits into a packet on any path without fragments
/// (RFC 8085 section 3.2).
const MAX_PAYLOAD: usize = 1200;

impl ProbePayload {
    /// Returns the question that a server on `port` answers; an empty datagram for a port without a
    /// known protocol.
    pub fn for_port(port: u16) -> Self {
        match port {
            DNS => Self::dns(),
            NTP => Self::ntp(),
            _ => Self(Vec::new()),
        }
    }

    /// Returns a DNS query for the name servers of the root (RFC 1035 section 4.1).
    fn dns() -> Self {
        let header = [0x53, 0x4b, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
        let question = [0, 0, 2, 0, 1];
        Self([&header[..], &question].concat())
    }

    /// Returns the request of an NTP client, version 4 (RFC 5905 section 7.3).
    fn ntp() -> Self {
        let mut request = vec![0; 48];
        request[0] = 0x23;
        Self(request)
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for ProbePayload {
    type Err = InvalidPayload;

    fn from_str(text: &str) -> Result<Self, InvalidPayload> {
        match text {
            "dns" => return Ok(Self::dns()),
            "ntp" => return Ok(Self::ntp()),
            _ => {}
        }
        let digits = text.strip_prefix("hex:").ok_or(InvalidPayload)?;
        if digits.len() % 2 != 0 || digits.len() / 2 > MAX_PAYLOAD {
            return Err(InvalidPayload);
        }
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
        bytes.map(Self).ok_or(InvalidPayload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_the_question_of_a_protocol_or_bytes_in_hexadecimal() {
        let bytes = |text: &str| text.parse().map(|payload: ProbePayload| payload.0);
        assert_eq!(bytes("hex:0dFf"), Ok(vec![0x0d, 0xff]));
        assert_eq!(bytes("hex:"), Ok(Vec::new()));
        assert_eq!(bytes("dns"), Ok(ProbePayload::for_port(53).0));
        assert_eq!(bytes("ntp").map(|request| request.len()), Ok(48));
        assert_eq!(ProbePayload::for_port(9).bytes(), b"");
        for text in ["", "hex:0", "hex:0g", "hex:+1", "hex:é", "DNS", "0d0a"] {
            assert_eq!(bytes(text), Err(InvalidPayload), "{text}");
        }
        assert!(bytes(&format!("hex:{}", "00".repeat(1201))).is_err());
    }
}
