//! The limit of open files, and the number of clients that it allows.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit that sockkit inherited from its parent process, once it has raised its own.
static INHERITED_LIMIT: OnceLock<Rlimit> = OnceLock::new();

/// Raises the soft limit of open files to the hard limit and returns how many clients it allows.
pub fn raise_descriptor_limit() -> usize {
    let inherited = INHERITED_LIMIT.get_or_init(|| getrlimit(Resource::Nofile));
    let maximum = inherited.maximum;
    // If this fails, the old limit stays in force, and the result is computed from it.
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).ok();
    match getrlimit(Resource::Nofile).current {
        Some(limit) => {
            usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(RESERVED_DESCRIPTORS)
        }
        None => usize::MAX,
    }
}

/// Returns the limit for child processes if it differs from sockkit's own: a program that uses
/// select(2) fails with more than 1,024 descriptors.
pub fn inherited_descriptor_limit() -> Option<Rlimit> {
    INHERITED_LIMIT.get().copied()
}

/// Descriptors that a server needs besides its clients' sockets: standard streams, listeners, logs
/// and the runtimes' own.
const RESERVED_DESCRIPTORS: usize = 32;
