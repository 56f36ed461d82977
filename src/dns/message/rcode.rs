//! Response codes: the status of a reply as a whole.

use std::borrow::Cow;
use std::fmt;

/// A response code, including the upper bits that EDNS adds (RFC 6891 section 6.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rcode(pub u16);

impl Rcode {
    /// The question was answered, possibly with no records.
    pub const NOERROR: Self = Self(0);
    /// The server could not interpret the query.
    pub const FORMERR: Self = Self(1);
    /// The server could not complete the query.
    pub const SERVFAIL: Self = Self(2);
    /// The name does not exist.
    pub const NXDOMAIN: Self = Self(3);
    /// The server does not support this kind of query.
    pub const NOTIMP: Self = Self(4);
    /// The server is configured not to answer the query.
    pub const REFUSED: Self = Self(5);
    /// The server is not authoritative for the zone.
    pub const NOTAUTH: Self = Self(9);
    /// The query has no valid cookie.
    pub const BADCOOKIE: Self = Self(23);

    /// Returns whether the server could not or would not answer; NXDOMAIN is an answer.
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::NOERROR | Self::NXDOMAIN)
    }

    /// Returns the mnemonic, or the number of a code without one.
    pub fn mnemonic(self) -> Cow<'static, str> {
        match RCODE_MNEMONICS.iter().find(|known| known.0 == self.0) {
            Some(known) => known.1.into(),
            None => format!("RCODE{}", self.0).into(),
        }
    }

    /// Returns an explanation of the code for users, if it is a common failure.
    pub fn meaning(self) -> Option<&'static str> {
        match self.0 {
            1 => Some("the server could not interpret the query"),
            2 => Some("the server could not complete the query"),
            4 => Some("the server does not support this kind of query"),
            5 => Some("the server is configured not to answer this query"),
            9 => Some("the server does not serve this zone, or not to this client"),
            16 => Some("the server does not support this version of EDNS"),
            23 => Some("the query has no cookie that the server accepts"),
            _ => None,
        }
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mnemonic())
    }
}

/// IANA's registry "DNS RCODEs". BADSIG, which also has the number 16, occurs only in TSIG records.
const RCODE_MNEMONICS: [(u16, &str); 20] = [
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
    (11, "DSOTYPENI"),
    (16, "BADVERS"),
    (17, "BADKEY"),
    (18, "BADTIME"),
    (19, "BADMODE"),
    (20, "BADNAME"),
    (21, "BADALG"),
    (22, "BADTRUNC"),
    (23, "BADCOOKIE"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_shown_as_mnemonics_and_nxdomain_is_not_a_failure() {
        assert_eq!(Rcode(2).to_string(), "SERVFAIL");
        assert_eq!(Rcode(23).to_string(), "BADCOOKIE");
        assert_eq!(Rcode(4000).to_string(), "RCODE4000");
        assert!(!Rcode::NXDOMAIN.is_failure());
        assert!(Rcode(5).is_failure());
    }
}
