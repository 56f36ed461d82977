//! The text of operating system errors in messages.
//!
//! Every layer formats an [`io::Error`] with [`of`], so that the same failure has the same text
//! everywhere. This module is a leaf: it uses no other module of sockkit.

use std::error::Error;
use std::io::{self, ErrorKind};

/// Returns why an operation failed: lower case, no full stop, no error number.
pub fn of(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(EMFILE) => return "too many open files; `ulimit -n` shows the limit".to_owned(),
        Some(EBADF) => return "it is closed, or not open in this direction".to_owned(),
        _ => {}
    }
    let known = match error.kind() {
        ErrorKind::AddrInUse => "address already in use",
        ErrorKind::AddrNotAvailable => "not an address of this machine",
        ErrorKind::BrokenPipe => "the other end is closed (broken pipe)",
        ErrorKind::ConnectionAborted => "connection aborted",
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset => "connection reset by peer",
        ErrorKind::HostUnreachable => "host unreachable",
        ErrorKind::NetworkUnreachable => "network unreachable",
        ErrorKind::NotFound => "no such file or directory",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::StorageFull => "no space left on device",
        ErrorKind::TimedOut => "timed out",
        _ => return without_number(error),
    };
    known.to_owned()
}

/// EMFILE, which has no [`ErrorKind`]; the value is the same on all Unix systems.
const EMFILE: i32 = 24;

/// EBADF, of a descriptor that is closed or not open for reading or writing; also the same.
const EBADF: i32 = 9;

/// A thread cannot be started, because the user has too many processes and threads.
#[derive(Debug, thiserror::Error)]
#[error("too many processes or threads; `ulimit -u` shows the limit")]
struct TooManyThreads;

/// Returns whether `error` says that a limit of this process or user is reached.
pub fn is_limit(error: &io::Error) -> bool {
    let is_of_threads =
        error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<TooManyThreads>);
    is_of_threads || error.raw_os_error() == Some(EMFILE)
}

/// Returns `error` of starting a thread, with the limit that causes EAGAIN (`pthread_create(3)`),
/// which is no I/O that can be repeated.
pub fn of_thread(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock => io::Error::other(TooManyThreads),
        _ => error,
    }
}

/// Returns the system's message without the error number, starting in lower case.
fn without_number(error: &io::Error) -> String {
    let mut text = error.to_string();
    if let Some(at) = text.rfind(" (os error ") {
        text.truncate(at);
    }
    // Lower case unless the first word is an abbreviation ("RDMA …").
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_error_is_a_lower_case_text_without_a_number() {
        for (number, text) in [
            (98, "address already in use"),
            (111, "connection refused"),
            (24, "too many open files; `ulimit -n` shows the limit"),
            (28, "no space left on device"),
        ] {
            assert_eq!(of(&io::Error::from_raw_os_error(number)), text);
        }
    }
}
