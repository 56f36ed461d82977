//! Wakes the thread that waits for keys, because the prompt has changed.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// A pipe, which poll(2) can watch beside the terminal.
#[derive(Debug)]
pub(super) struct Wake {
    /// Whether the thread has yet to look. The pipe then has its byte, so that it never fills up.
    is_pending: AtomicBool,
    reader: PipeReader,
    writer: PipeWriter,
}

impl Wake {
    pub(super) fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        Ok(Self { is_pending: AtomicBool::new(false), reader, writer })
    }

    /// Wakes the thread; never blocks.
    pub(super) fn wake(&self) {
        if !self.is_pending.swap(true, Ordering::AcqRel) {
            // The pipe has a reader and at most one byte.
            (&self.writer).write_all(&[0]).ok();
        }
    }

    /// Prepares for the next wake, once the pipe is readable.
    pub(super) fn clear(&self) {
        // In this order: a wake between the two steps leaves another byte in the pipe.
        self.is_pending.store(false, Ordering::Release);
        (&self.reader).read_exact(&mut [0]).ok();
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn is_awake(wake: &Wake) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(wake, PollFlags::IN)], Some(&now)).unwrap() == 1
    }

    #[test]
    fn any_number_of_wakes_is_one_until_it_is_cleared() {
        let wake = Wake::new().unwrap();
        assert!(!is_awake(&wake));
        for _ in 0..1_000_000 {
            wake.wake();
        }
        assert!(is_awake(&wake));
        wake.clear();
        assert!(!is_awake(&wake));
        wake.wake();
        assert!(is_awake(&wake));
    }
}
