//! The operating system's errors in a user's words.
//!
//! A leaf like `text`: every layer shows an [`io::Error`] through [`of`] and nothing else, so that
//! one failure reads the same everywhere.

use std::io::{self, ErrorKind};

/// Returns why an operation failed: lower case, no full stop, no error number.
pub fn of(error: &io::Error) -> String {
    let known = match error.kind() {
        ErrorKind::AddrInUse => "address already in use",
        ErrorKind::AddrNotAvailable => "not an address of this machine",
        ErrorKind::BrokenPipe => "the other end is gone (broken pipe)",
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

/// The system's own sentence, in our spelling.
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
    fn system_errors_read_as_words_without_numbers() {
        for (number, words) in [
            (98, "address already in use"),
            (111, "connection refused"),
            (24, "too many open files"),
            (28, "no space left on device"),
        ] {
            assert_eq!(of(&io::Error::from_raw_os_error(number)), words);
        }
    }
}
