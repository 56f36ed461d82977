//! Values that several commands take on their command line.

use std::time::Duration;

use jiff::SignedDuration;

use crate::net::address::names::Family;

/// Parses `500ms`, `5s`, `1m30s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let parsed: SignedDuration =
        text.parse().map_err(|_| "give a number with a unit: 500ms, 5s, 1m30s".to_owned())?;
    Duration::try_from(parsed).map_err(|_| "a duration cannot be negative".to_owned())
}

/// Parses a limit in time: a duration, or `0` for none. A variable of the environment that is
/// empty says none, too.
pub(crate) fn limit(text: &str) -> Result<Limit, String> {
    if matches!(text, "0" | "") {
        return Ok(Limit(None));
    }
    duration(text).map(|limit| Limit((limit > Duration::ZERO).then_some(limit)))
}

/// A limit in time that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(pub Option<Duration>);

/// Parses how many there may be of something: at least one.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("give a number from 1 on".to_owned()),
        Ok(count) => Ok(count),
    }
}

/// The flags that choose an address family.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct FamilyArgs {
    /// Use IPv4 only
    #[arg(short = '4', conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6')]
    ipv6: bool,
}

impl FamilyArgs {
    /// Returns the family they choose.
    pub(crate) fn family(self) -> Family {
        match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_cannot_be_negative() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert!(duration("5").is_err());
        assert!(duration("-5s").is_err());
        assert!(duration("").is_err());
        assert_eq!(limit("0"), Ok(Limit(None)));
        assert_eq!(limit("0s"), Ok(Limit(None)));
        assert_eq!(limit("2s"), Ok(Limit(Some(Duration::from_secs(2)))));
    }
}
