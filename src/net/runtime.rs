//! The runtime that every command and every worker uses.

use crate::net::error::Error;

/// Builds the single-threaded runtime each worker is.
///
/// # Errors
/// The kernel gave no descriptor for it.
pub fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(Error::system("start a worker"))
}
