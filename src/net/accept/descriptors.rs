//! The limit of open files, and how many clients fit into it.

/// Raises the soft limit of open files to the hard one and returns how many clients fit into it.
pub fn raise_descriptor_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where this fails the old limit stands, and is what is returned.
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).ok();
    match getrlimit(Resource::Nofile).current {
        Some(limit) => {
            usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(RESERVED_DESCRIPTORS)
        }
        None => usize::MAX,
    }
}

/// Descriptors a server needs beside its clients: streams, listeners, logs, the runtimes' own.
const RESERVED_DESCRIPTORS: usize = 32;
