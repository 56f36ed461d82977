//! Standard output, and the error of writing it.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};

use crate::threads::ThreadLost;
use crate::{blocking, reason};

/// Standard output cannot be written. A reader that has closed it is no failure of a report.
#[derive(Debug, thiserror::Error)]
#[error("cannot write standard output: {}", reason::of(.0))]
pub struct StdoutError(#[source] io::Error);

impl StdoutError {
    /// Returns whether the reader of standard output has closed it.
    pub fn is_closed_by_reader(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }

    /// Returns whether the thread that writes standard output is lost.
    pub fn is_internal(&self) -> bool {
        ThreadLost::is(&self.0)
    }

    /// Returns the reason in words.
    pub fn reason(&self) -> String {
        reason::of(&self.0)
    }

    /// Returns the reason.
    pub fn into_io(self) -> io::Error {
        self.0
    }
}

impl From<io::Error> for StdoutError {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

/// The descriptor of standard output. std's own handle reports success when the descriptor is
/// closed or not open for writing.
struct StdoutDescriptor;

impl Write for StdoutDescriptor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(self, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for StdoutDescriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        rustix::stdio::stdout()
    }
}

/// Writes all of `bytes`, without other output of sockkit between them.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn write_stdout(bytes: &[u8]) -> Result<(), StdoutError> {
    let _exclusive = io::stdout().lock();
    Ok(blocking::write_all(&mut StdoutDescriptor, bytes)?)
}
