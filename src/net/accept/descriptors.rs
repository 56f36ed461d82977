//! The limit of open files, and the number of clients that it allows.

/// Raises the soft limit of open files to the hard limit and returns how many clients it allows.
pub fn raise_descriptor_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // If this fails, the old limit stays in force, and the result is computed from it.
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).ok();
    match getrlimit(Resource::Nofile).current {
        Some(limit) => {
            usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(RESERVED_DESCRIPTORS)
        }
        None => usize::MAX,
    }
}

/// Descriptors that a server needs besides its clients' sockets: standard streams, listeners, logs
/// and the runtimes' own.
const RESERVED_DESCRIPTORS: usize = 32;
