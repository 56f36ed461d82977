//! The tokio runtime that every command and every worker thread uses.

use std::io;
use std::os::unix::net::UnixStream;

use crate::net::error::Error;

/// Pairs of descriptors that tokio needs for the first runtime of a process.
const RUNTIME_PAIRS: usize = 3;

/// Checks that the kernel provides the descriptors of a runtime: tokio panics without them.
fn require_descriptors() -> io::Result<()> {
    let pairs: io::Result<Vec<_>> = (0..RUNTIME_PAIRS).map(|_| UnixStream::pair()).collect();
    pairs.map(drop)
}

/// Builds a single-threaded tokio runtime.
///
/// # Errors
/// The kernel provides no descriptor for it (EMFILE, ENFILE).
pub fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    require_descriptors().map_err(Error::system("create an event loop"))?;
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(Error::system("create an event loop"))
}
