//! Response codes: what a server says about a question as a whole.

use std::fmt;

/// A response code, with the upper bits EDNS adds (RFC 6891 section 6.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rcode(pub u16);

impl Rcode {
    /// The question was answered, possibly with no records.
    pub const NOERROR: Self = Self(0);
    /// The server did not understand the question.
    pub const FORMERR: Self = Self(1);
    /// The name does not exist.
    pub const NXDOMAIN: Self = Self(3);
    /// The server does not do this kind of question.
    pub const NOTIMP: Self = Self(4);

    /// Returns whether the server could not or would not answer. "No such name" is an answer.
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::NOERROR | Self::NXDOMAIN)
    }

    /// Returns what the code means, in a user's words, where it is a common one.
    pub fn meaning(self) -> Option<&'static str> {
        match self.0 {
            1 => Some("it did not understand the question"),
            2 => Some("it could not find out"),
            4 => Some("it does not do this kind of question"),
            5 => Some("it does not answer this question for us"),
            _ => None,
        }
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match RCODE_MNEMONICS.iter().find(|known| known.0 == self.0) {
            Some(known) => f.write_str(known.1),
            None => write!(f, "RCODE{}", self.0),
        }
    }
}

/// IANA's "DNS RCODEs". 16 is BADVERS here: BADSIG shares the number, in TSIG alone.
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
    fn codes_have_their_mnemonics_and_no_such_name_is_no_failure() {
        assert_eq!(Rcode(2).to_string(), "SERVFAIL");
        assert_eq!(Rcode(23).to_string(), "BADCOOKIE");
        assert_eq!(Rcode(4000).to_string(), "RCODE4000");
        assert!(!Rcode::NXDOMAIN.is_failure());
        assert!(Rcode(5).is_failure());
    }
}
