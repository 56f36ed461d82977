//! Waiting with epoll, in the load generator and in the bare loop.

use std::io;
use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::retry_on_intr;

/// Maximum number of events per epoll call; tokio uses the same number.
pub(crate) const MAX_EVENTS: usize = 1024;

/// Maximum time of one epoll call.
const MAX_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Waits at most [`MAX_WAIT`] for events, so that the caller can check its deadline.
pub(crate) fn wait(epoll: &OwnedFd, events: &mut Vec<epoll::Event>) -> io::Result<()> {
    retry_on_intr(|| epoll::wait(epoll, spare_capacity(events), Some(&MAX_WAIT)))?;
    Ok(())
}

/// Returns the data that was registered with epoll for the event's source.
pub(crate) fn index_of(event: epoll::Event) -> usize {
    usize::try_from(event.data.u64()).expect("the data was a usize when it was registered")
}
