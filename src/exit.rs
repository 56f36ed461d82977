//! Exit codes: how a run ended, and the number that the shell gets for it.
//!
//! A leaf: it knows no error type. `failure` maps errors to exit codes.

use std::process::ExitCode;

/// How a run ended.
///
/// The variants are ordered by their codes, so that the worst of several outcomes is the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// The answer is yes, the work is done, or a server stopped cleanly.
    Success,
    /// The answer is no.
    Negative,
    /// The command line is wrong.
    Usage,
    /// A host name was not resolved, where resolving it was only a step.
    NameNotResolved,
    /// A connection was refused or reset, a host was unreachable, or a DNS server failed.
    Network,
    /// A deadline expired.
    TimedOut,
    /// A TLS handshake, its setup or a certificate failed.
    Tls,
    /// A server could not listen, or a socket could not be bound.
    CannotListen,
    /// A file, a log or standard output could not be opened or written.
    File,
    /// The peer violated the protocol or exceeded a limit.
    Protocol,
    /// A bug in sockkit.
    Internal,
    /// The exit code of a child process.
    Command(u8),
    /// Stopped by this signal.
    Signal(u8),
}

impl Exit {
    /// Returns the process exit code; for a signal, 128 plus its number.
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
    0  success, or a clean stop
    1  the answer is no (no such name or record, login refused, no match, ...)
    2  usage error
    3  the host name was not resolved (where resolving was only a step)
    4  refused, reset, unreachable; a DNS server failed
    5  timed out
    6  TLS or certificate failure
    7  cannot listen (in use, forbidden, not local)
    8  a file, log or standard output could not be opened or written
    9  the peer broke the protocol or a limit
   70  internal error
  129  stopped by SIGHUP   130  by SIGINT   131  by SIGQUIT   143  by SIGTERM
       (a server: by a second signal; `listen` is one only with --keep-open)";

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
