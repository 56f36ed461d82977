//! What an error means to a user: the exit code, the cause, and what to try.
//!
//! The one place that turns the layers' errors into the shape every command prints.

use std::io::{self, ErrorKind};

use crate::exit::Exit;
use crate::net;
use crate::net::names::NameError;
use crate::output::Complaint;
use crate::reason;
use crate::recorder;

/// An error a command finds itself, with everything a user should know of it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    exit: Exit,
    message: String,
    cause: Option<String>,
    hint: Option<String>,
}

impl Failure {
    /// Returns a failure that ends the program with `exit`.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), cause: None, hint: None }
    }

    /// Adds what is known beyond the message.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds what to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Returns the exit code `error` stands for, and what to print of it: nothing, where standard
/// output's reader has simply left.
pub fn explain(error: &anyhow::Error) -> (Exit, Option<Complaint>) {
    if let Some(output) = error.downcast_ref::<io::Error>() {
        // A bare io::Error comes from standard output alone; all others have a type of their own.
        if output.kind() == ErrorKind::BrokenPipe {
            return (Exit::Success, None);
        }
        let message = format!("cannot write standard output: {}", reason::of(output));
        return finish(Exit::File, message, None, None);
    }
    for source in error.chain() {
        if let Some(failure) = source.downcast_ref::<Failure>() {
            let Failure { exit, message, cause, hint } = failure;
            if let Exit::Signal(_) = exit {
                // Whoever interrupts knows it.
                return (*exit, None);
            }
            return finish(*exit, message.clone(), cause.clone(), hint.clone());
        }
        if let Some(failure) = source.downcast_ref::<net::Error>() {
            let hint = network_hint(failure).map(str::to_owned);
            return finish(network_exit(failure), failure.to_string(), None, hint);
        }
        if let Some(failure) = source.downcast_ref::<recorder::Error>() {
            let hint = failure.hint().map(str::to_owned);
            return finish(Exit::File, failure.to_string(), None, hint);
        }
    }
    finish(Exit::Internal, format!("{error:#}"), None, Some("please report this".to_owned()))
}

fn finish(
    exit: Exit,
    message: String,
    cause: Option<String>,
    hint: Option<String>,
) -> (Exit, Option<Complaint>) {
    (exit, Some(Complaint { code: exit.code(), message, cause, hint }))
}

fn network_exit(error: &net::Error) -> Exit {
    match error {
        net::Error::Listen { .. } | net::Error::Bind { .. } => Exit::CannotListen,
        net::Error::Name { .. } => Exit::NameNotResolved,
        net::Error::Connect { timed_out: true, .. } => Exit::TimedOut,
        net::Error::Connect { attempts, .. }
            if attempts.iter().all(|attempt| attempt.error.kind() == ErrorKind::TimedOut) =>
        {
            Exit::TimedOut
        }
        net::Error::Stream { source, .. } if source.kind() == ErrorKind::TimedOut => Exit::TimedOut,
        net::Error::Connect { .. } | net::Error::Stream { .. } => Exit::Network,
        net::Error::System { .. } => Exit::Internal,
    }
}

fn network_hint(error: &net::Error) -> Option<&'static str> {
    match error {
        net::Error::Listen { source, .. } => match source.kind() {
            ErrorKind::AddrInUse => Some("port 0 for any free port"),
            ErrorKind::AlreadyExists => Some("another path: files are never replaced"),
            ErrorKind::PermissionDenied => Some("a port above 1023, which needs no privilege"),
            ErrorKind::AddrNotAvailable => {
                Some("an address of this machine: `sockkit info` lists them")
            }
            _ => None,
        },
        net::Error::Bind { source, .. } => match source.kind() {
            ErrorKind::AddrInUse => Some("--from with the address alone, for any free port"),
            ErrorKind::AddrNotAvailable => {
                Some("an address of this machine: `sockkit info` lists them")
            }
            _ => None,
        },
        net::Error::Name { source: NameError::NotFound, .. } => {
            Some("the spelling, or `sockkit resolve` to see what the DNS says")
        }
        net::Error::Name { source: NameError::NoneOfFamily, .. } => {
            Some("without -4 and -6, to take any address")
        }
        net::Error::Name { .. } => Some("`sockkit info` to see which DNS servers are asked"),
        net::Error::Connect { timed_out: true, .. } => {
            Some("a longer limit; or look for a firewall that drops packets in silence")
        }
        net::Error::Connect { attempts, .. } => {
            let refused = |kind| attempts.iter().any(|attempt| attempt.error.kind() == kind);
            if refused(ErrorKind::ConnectionRefused) {
                Some("another port, or start the server: nothing listens there")
            } else if refused(ErrorKind::NetworkUnreachable) {
                Some("`sockkit info` to see this machine's addresses and gateways")
            } else {
                None
            }
        }
        net::Error::Stream { .. } | net::Error::System { .. } => None,
    }
}
