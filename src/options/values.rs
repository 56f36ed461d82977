//! Parsers for the option values of several commands, and the options `-4`, `-6` and `--timeout`.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use jiff::SignedDuration;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::net::address::names::Family;
use crate::options::{CONNECTION, TIMEOUTS};

/// Returns the parser of a value that need not be UTF-8, because it may contain a path.
pub(crate) fn of_bytes<T>() -> impl TypedValueParser<Value = T>
where
    T: TryFrom<OsString, Error: Into<Box<dyn Error + Send + Sync>>> + Clone + Send + Sync + 'static,
{
    OsStringValueParser::new().try_map(T::try_from)
}

/// Parses a duration such as `500ms`, `5s` or `1m30s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let parsed: SignedDuration =
        text.parse().map_err(|_| "give a number with a unit: 500ms, 5s, 1m30s".to_owned())?;
    Duration::try_from(parsed).map_err(|_| "a duration cannot be negative".to_owned())
}

/// Parses a time limit: a duration, or `0` for no limit.
pub(crate) fn limit(text: &str) -> Result<Limit, String> {
    if text == "0" {
        return Ok(Limit(None));
    }
    duration(text).map(|limit| Limit((limit > Duration::ZERO).then_some(limit)))
}

/// Parses a number of days such as `30d`, or a duration.
pub(crate) fn days(text: &str) -> Result<Duration, String> {
    match text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()) {
        Some(days) => Ok(Duration::from_hours(u64::from(days) * 24)),
        None => duration(text).map_err(|_| "give days: 30d".to_owned()),
    }
}

/// A time limit; `None` for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(pub Option<Duration>);

/// Parses a number of clients: at least one.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("give a number of at least 1".to_owned()),
        Ok(count) => Ok(count),
    }
}

/// The options that choose an address family.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = CONNECTION)]
pub(crate) struct FamilyArgs {
    /// Use IPv4 only
    #[arg(short = '4', conflicts_with = "ipv6", hide_short_help = true)]
    ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', hide_short_help = true)]
    ipv6: bool,
}

impl FamilyArgs {
    /// Returns the address family that the options choose.
    pub(crate) fn family(self) -> Family {
        match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        }
    }
}

/// The time limit of the whole run.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = TIMEOUTS)]
#[expect(clippy::doc_markdown, reason = "clap prints the text unchanged, so it has no markup")]
pub(crate) struct TimeoutArgs {
    /// Limit the whole run [env: SOCKKIT_TIMEOUT]
    #[arg(long, value_name = "DURATION", value_parser = limit)]
    timeout: Option<Limit>,
}

/// Sets `--timeout` where the option is not given.
const TIMEOUT_VARIABLE: &str = "SOCKKIT_TIMEOUT";

impl TimeoutArgs {
    /// Returns the limit of the option, else that of the environment variable; `None` for no
    /// limit. An empty variable counts as unset.
    ///
    /// # Errors
    /// The environment variable is not a time limit.
    pub(crate) fn limit(self) -> Result<Option<Duration>, Failure> {
        Ok(self.given()?.and_then(|limit| limit.0))
    }

    /// Returns the same limit, or `default` if neither the option nor the variable is set.
    ///
    /// # Errors
    /// The environment variable is not a time limit.
    pub(crate) fn limit_or(self, default: Duration) -> Result<Option<Duration>, Failure> {
        Ok(self.given()?.map_or(Some(default), |limit| limit.0))
    }

    /// Returns whether the option or the environment variable sets a limit, or none.
    ///
    /// # Errors
    /// The environment variable is not a time limit.
    pub(crate) fn is_given(self) -> Result<bool, Failure> {
        Ok(self.given()?.is_some())
    }

    fn given(self) -> Result<Option<Limit>, Failure> {
        if self.timeout.is_some() {
            return Ok(self.timeout);
        }
        // clap could read the variable too, but would blame the option for its value.
        let Some(value) = env::var_os(TIMEOUT_VARIABLE).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let value = value.to_string_lossy();
        let failed = |why| {
            let message = format!("{TIMEOUT_VARIABLE} is {value:?} in the environment");
            Failure::new(Exit::Usage, message).hint(why)
        };
        limit(&value).map(Some).map_err(failed)
    }

    /// Returns the deadline of the whole run, counted from now.
    ///
    /// # Errors
    /// The environment variable is not a time limit.
    pub(crate) fn deadline(self) -> Result<Deadline, Failure> {
        self.limit().map(Deadline::maybe)
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
        assert!(limit("").is_err());
        assert_eq!(limit("0"), Ok(Limit(None)));
        assert_eq!(limit("0s"), Ok(Limit(None)));
        assert_eq!(limit("2s"), Ok(Limit(Some(Duration::from_secs(2)))));
    }

    #[test]
    fn days_are_a_number_with_a_d_or_a_duration() {
        assert_eq!(days("30d"), Ok(Duration::from_hours(30 * 24)));
        assert_eq!(days("36h"), Ok(Duration::from_hours(36)));
        assert!(days("30").is_err() && days("-1d").is_err() && days("").is_err());
    }
}
