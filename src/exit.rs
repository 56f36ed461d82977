//! What an outcome means to the shell: the one table of exit codes.
//!
//! Meanings first, numbers in one place. Named by `lib` and the commands only.

use std::process::ExitCode;

/// How a run ended, as scripts see it.
///
/// The order is the order of the codes, so that the worst of several is their maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Yes, done, or a clean stop.
    Success,
    /// The answer is no.
    Negative,
    /// The command line made no sense.
    Usage,
    /// A name had to be resolved first, and was not.
    NameNotResolved,
    /// Refused, reset, unreachable; or a DNS server that failed.
    Network,
    /// A deadline passed.
    TimedOut,
    /// TLS or a certificate failed.
    Tls,
    /// A socket could not be made to listen.
    CannotListen,
    /// A file or log could not be opened or written.
    File,
    /// The peer broke the protocol or a limit.
    Protocol,
    /// A bug of ours.
    Internal,
    /// What a program said that was run beside us.
    Command(u8),
    /// Stopped by a signal that asks for no clean-up, or by a second one.
    Signal(u8),
}

impl Exit {
    /// Returns the number the shell gets.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Negative => 1,
            Self::Usage => 2,
            Self::NameNotResolved => 3,
            Self::Network => 4,
            Self::TimedOut => 5,
            Self::Tls => 6,
            Self::CannotListen => 7,
            Self::File => 8,
            Self::Protocol => 9,
            Self::Internal => 70,
            Self::Command(code) => code,
            Self::Signal(number) => 128_u8.saturating_add(number),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table as `--help`, the man pages and the README print it.
pub const EXIT_STATUS: &str = "\
Exit status:
    0  yes, done, or a clean stop
    1  the answer is no (no such name or record, login refused, ...)
    2  usage
    3  the host name was not resolved (where resolving was only a step)
    4  refused, reset, unreachable; a DNS server failed
    5  timed out
    6  TLS or certificate failure
    7  cannot listen (in use, forbidden, not local)
    8  a file or log could not be opened or written
    9  the peer broke the protocol or a limit
   70  internal error
  130  stopped by SIGINT    143  stopped by SIGTERM (on a server: by a second
       one; `listen` is one with --keep-open)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_outcomes_has_the_highest_code() {
        let all = [
            Exit::Success,
            Exit::Negative,
            Exit::Usage,
            Exit::NameNotResolved,
            Exit::Network,
            Exit::TimedOut,
            Exit::Tls,
            Exit::CannotListen,
            Exit::File,
            Exit::Protocol,
            Exit::Internal,
            Exit::Signal(2),
            Exit::Signal(15),
        ];
        assert!(all.is_sorted());
        assert!(all.iter().map(|exit| exit.code()).is_sorted());
        assert_eq!(Exit::Signal(2).code(), 130);
        assert_eq!(Exit::Signal(15).code(), 143);
    }
}
