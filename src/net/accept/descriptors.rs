//! The limit of open files, and the number of clients that it allows.

use std::sync::OnceLock;

use nix::libc::RLIM_INFINITY;
use nix::sys::resource::{self, getrlimit};
use rustix::process::{Resource, Rlimit, setrlimit};

/// The limit that sockkit inherited from its parent process, once it has raised its own.
static INHERITED_LIMIT: OnceLock<Option<Rlimit>> = OnceLock::new();

/// Raises the soft limit of open files to the hard limit and returns how many clients it allows.
pub fn raise_descriptor_limit() -> usize {
    if let Some(Rlimit { maximum, .. }) = *INHERITED_LIMIT.get_or_init(descriptor_limit) {
        // If this fails, the old limit stays in force, and the result is computed from it.
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).ok();
    }
    match descriptor_limit().and_then(|limit| limit.current) {
        Some(limit) => {
            usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(RESERVED_DESCRIPTORS)
        }
        None => usize::MAX,
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
