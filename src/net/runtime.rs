//! The tokio runtime that every command and every worker thread uses.

use crate::net::error::Error;

/// Builds a single-threaded tokio runtime.
///
/// # Errors
/// The kernel provides no descriptor for it (EMFILE, ENFILE).
pub fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(Error::system("create an event loop"))
}
