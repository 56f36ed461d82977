//! Why data is not proven to be authentic.

use std::fmt;

/// Whether data is authentic (RFC 4035 section 4.3), from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Security {
    /// A chain of signatures leads from a trust anchor to the data.
    Secure,
    /// A zone above proves that the data is in a part of the tree that it does not sign.
    Insecure,
    /// The data could not be checked.
    Indeterminate,
    /// The data should be signed, and is not, or not correctly.
    Bogus,
}

/// The kinds of reasons why data is not secure, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A zone is delegated without DS records.
    UnsignedDelegation,
    /// A proof of absence has the flag Opt-Out, so that unsigned delegations may exist.
    OptOut,
    /// The zone's keys or digests have algorithms that sockkit does not support.
    UnsupportedAlgorithm,
    /// NSEC3 records demand too many hash iterations.
    Iterations,
    /// A query of the chain was not answered.
    NoAnswer,
    /// No trust anchor is at or above the name.
    NoTrustAnchor,
    /// The check would need too many queries.
    TooManyQueries,
    /// A signature has expired.
    SignatureExpired,
    /// A signature is not valid yet.
    SignatureNotYetValid,
    /// A signature does not verify, or does not have the form that it must have.
    SignatureInvalid,
    /// Data has no signature although its zone is signed.
    SignatureMissing,
    /// A zone has no key that matches its DS records or a signature.
    KeyMissing,
    /// A name or type is said not to exist, without proof.
    DenialMissing,
    /// The zone has more keys or signatures than sockkit tries.
    Limit,
}

/// Why data is not secure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weakness {
    /// The kind of reason.
    pub cause: Cause,
    /// The reason in words.
    pub text: String,
}

impl Weakness {
    pub(super) fn new(cause: Cause, text: impl Into<String>) -> Self {
        Self { cause, text: text.into() }
    }

    /// Returns what the weakness makes of the data; never [`Security::Secure`].
    pub fn security(&self) -> Security {
        match self.cause {
            Cause::UnsignedDelegation
            | Cause::OptOut
            | Cause::UnsupportedAlgorithm
            | Cause::Iterations => Security::Insecure,
            Cause::NoAnswer | Cause::NoTrustAnchor | Cause::TooManyQueries => {
                Security::Indeterminate
            }
            _ => Security::Bogus,
        }
    }
}

impl Security {
    /// Returns what a weakness makes of data; secure without one.
    pub(super) fn of(weakness: Option<&Weakness>) -> Self {
        weakness.map_or(Self::Secure, Weakness::security)
    }
}

impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secure => "secure",
            Self::Insecure => "insecure",
            Self::Indeterminate => "indeterminate",
            Self::Bogus => "bogus",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnsignedDelegation => "unsigned_delegation",
            Self::OptOut => "opt_out",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::Iterations => "iterations",
            Self::NoAnswer => "no_answer",
            Self::NoTrustAnchor => "no_trust_anchor",
            Self::TooManyQueries => "too_many_queries",
            Self::SignatureExpired => "signature_expired",
            Self::SignatureNotYetValid => "signature_not_yet_valid",
            Self::SignatureInvalid => "signature_invalid",
            Self::SignatureMissing => "signature_missing",
            Self::KeyMissing => "key_missing",
            Self::DenialMissing => "denial_missing",
            Self::Limit => "limit",
        })
    }
}
