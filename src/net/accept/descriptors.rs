//! The limit of open files, and the number of clients that it allows.

use std::sync::OnceLock;

use nix::libc::RLIM_INFINITY;
use nix::sys::resource::{self, getrlimit};
use rustix::process::{Resource, Rlimit, setrlimit};

/// The limit that sockkit inherited from its parent process, once it has raised its own.
static INHERITED_LIMIT: OnceLock<Option<Rlimit>> = OnceLock::new();

/// How many connections the limit of open files allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Clients that are served.
    pub clients: usize,
    /// Connections that wait for their peer to close.
    pub closing: usize,
}

/// The most connections that wait at once for their peer to close. Usually, a peer closes within a
/// round trip, so this allows thousands of clients per second.
const MAX_CLOSING: usize = 64;

/// Raises the soft limit of open files to the hard limit and returns how many connections it
/// allows.
pub fn raise_descriptor_limit() -> ConnectionLimits {
    if let Some(Rlimit { maximum, .. }) = *INHERITED_LIMIT.get_or_init(descriptor_limit) {
        // If this fails, the old limit stays in force, and the result is computed from it.
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).ok();
    }
    let limit = descriptor_limit().and_then(|limit| limit.current);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let connections = limit.saturating_sub(RESERVED_DESCRIPTORS);
    // A low limit serves clients first.
    let closing = (connections / 8).min(MAX_CLOSING);
    ConnectionLimits { clients: connections - closing, closing }
}

/// Restores the inherited soft limit, for a program that replaces sockkit.
pub fn restore_descriptor_limit() {
    if let Some(limit) = inherited_descriptor_limit() {
        // If this fails, the program has a higher limit than it expects.
        setrlimit(Resource::Nofile, limit).ok();
    }
}

/// Returns the limit for child processes if it differs from sockkit's own: a program that uses
/// select(2) fails with more than 1,024 descriptors.
pub fn inherited_descriptor_limit() -> Option<Rlimit> {
    INHERITED_LIMIT.get().copied().flatten()
}

/// Returns the limit in force; `None` if the kernel does not tell it.
fn descriptor_limit() -> Option<Rlimit> {
    let (current, maximum) = getrlimit(resource::Resource::RLIMIT_NOFILE).ok()?;
    let finite = |limit| (limit != RLIM_INFINITY).then_some(limit);
    Some(Rlimit { current: finite(current), maximum: finite(maximum) })
}

/// Descriptors that a server needs besides its clients' sockets: standard streams, listeners, logs
/// and the runtimes' own.
const RESERVED_DESCRIPTORS: usize = 32;
