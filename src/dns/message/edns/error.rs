//! Extended DNS errors (RFC 8914): why a server gave no answer, or a doubtful one.

use std::fmt;

/// An extended error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedError {
    /// The code.
    pub code: u16,
    /// The server's explanation; it may be empty. It can contain any character.
    pub text: String,
}

impl ExtendedError {
    /// Decodes the data of the option; `None` if it is too short.
    pub(super) fn decode(data: &[u8]) -> Option<Self> {
        let (code, text) = data.split_first_chunk::<2>()?;
        let text = String::from_utf8_lossy(text);
        // RFC 8914 section 2: the text may end in NUL.
        let text = text.strip_suffix('\0').unwrap_or(&text).to_owned();
        Some(Self { code: u16::from_be_bytes(*code), text })
    }

    /// Returns the registered meaning of the code.
    pub fn meaning(&self) -> Option<&'static str> {
        MEANINGS.get(usize::from(self.code)).copied()
    }
}

impl fmt::Display for ExtendedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EDE {}", self.code)?;
        if let Some(meaning) = self.meaning() {
            write!(f, " ({meaning})")?;
        }
        if self.text.is_empty() { Ok(()) } else { write!(f, ": {:?}", self.text) }
    }
}

/// IANA's registry "Extended DNS Error Codes", from 0.
const MEANINGS: [&str; 31] = [
    "Other Error",
    "Unsupported DNSKEY Algorithm",
    "Unsupported DS Digest Type",
    "Stale Answer",
    "Forged Answer",
    "DNSSEC Indeterminate",
    "DNSSEC Bogus",
    "Signature Expired",
    "Signature Not Yet Valid",
    "DNSKEY Missing",
    "RRSIGs Missing",
    "No Zone Key Bit Set",
    "NSEC Missing",
    "Cached Error",
    "Not Ready",
    "Blocked",
    "Censored",
    "Filtered",
    "Prohibited",
    "Stale NXDOMAIN Answer",
    "Not Authoritative",
    "Not Supported",
    "No Reachable Authority",
    "Network Error",
    "Invalid Data",
    "Signature Expired before Valid",
    "Too Early",
    "Unsupported NSEC3 Iterations Value",
    "Unable to conform to policy",
    "Synthesized",
    "Invalid Query Type",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extended_error_is_spelled_out_with_its_text() {
        let shown = |data| ExtendedError::decode(data).unwrap().to_string();
        assert_eq!(shown(b"\0\x06no \"key\"\x1b\0"), r#"EDE 6 (DNSSEC Bogus): "no \"key\"\u{1b}""#);
        assert_eq!(shown(b"\0\x16"), "EDE 22 (No Reachable Authority)");
        assert_eq!(shown(b"\xff\xff"), "EDE 65535");
        assert!(ExtendedError::decode(b"\0").is_none());
    }
}
