//! Whole reads, writes and ends of a stream, for services that handle one message after the other.
//!
//! All streams of a thread share one read buffer: [`Stream::read`] takes it once there is something
//! to read and returns it before the next await, so an idle stream holds no buffer.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use crate::net::deadline::Deadline;
use crate::net::stream::{PeerProgress, Stream};

/// Size of a thread's read buffer, in bytes: a full pipe or loopback segment fits.
const SHARED_BUFFER: usize = 64 * 1024;

/// Maximum number of bytes that [`Stream::finish`] discards.
const MAX_DISCARDED_AT_CLOSE: usize = 1024 * 1024;

thread_local! {
    /// The read buffer of this thread's streams; empty while a call of [`Stream::read`] uses it.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SHARED_BUFFER].into_boxed_slice());
}

impl Stream {
    /// Waits for bytes, passes them to `take` and returns its result; an empty slice means EOF.
    ///
    /// # Errors
    /// Those of the type.
    pub fn read<T>(
        &mut self,
        take: impl FnOnce(&mut Self, &[u8]) -> T,
    ) -> impl Future<Output = io::Result<T>> {
        let mut take = Some(take);
        poll_fn(move |context| {
            if let (socket, None) = self.parts() {
                // Without this, each wait would take the buffer in vain.
                ready!(socket.poll_read_ready(context))?;
            }
            let mut buffer = BUFFER.take();
            if buffer.is_empty() {
                // An earlier `take` panicked, or an outer call of `read` holds the buffer.
                buffer = vec![0; SHARED_BUFFER].into_boxed_slice();
            }
            let read = self.poll_read(context, &mut buffer);
            let taken = read.map_ok(|len| take.take().map(|take| take(self, &buffer[..len])));
            BUFFER.set(buffer);
            // A future is not polled after it has returned, so `take` is always there.
            taken.map(|taken| taken.and_then(|taken| taken.ok_or_else(|| ErrorKind::Other.into())))
        })
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// Those of the type; `TimedOut` if `deadline` passes first.
    pub async fn write_all(&mut self, bytes: &[u8], deadline: Deadline) -> io::Result<()> {
        let mut rest = bytes;
        let written = deadline.bound(poll_fn(|context| self.poll_write_all(context, &mut rest)));
        written.await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
    }

    /// Writes all of `bytes`, for as long as the peer keeps acknowledging bytes.
    ///
    /// # Errors
    /// Those of the type; `TimedOut` if the peer acknowledges nothing for `limit`.
    pub async fn write_steadily(&mut self, bytes: &[u8], limit: Duration) -> io::Result<()> {
        let mut rest = bytes;
        let mut progress = PeerProgress::at(self.progress());
        loop {
            let write = poll_fn(|context| self.poll_write_all(context, &mut rest));
            if let Ok(written) = progress.check(limit).bound(write).await {
                return written;
            }
            if progress.update(self.progress(), limit) {
                return Err(ErrorKind::TimedOut.into());
            }
        }
    }

    fn poll_write_all(
        &mut self,
        context: &mut Context<'_>,
        rest: &mut &[u8],
    ) -> Poll<io::Result<()>> {
        while !rest.is_empty() {
            let len = ready!(self.poll_write(context, rest))?;
            if len == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            *rest = rest.get(len..).unwrap_or_default();
        }
        self.poll_flush(context)
    }

    /// Ends the bytes that this side sends, as far as that is possible without waiting. Errors are
    /// ignored, because the connection is already over.
    pub fn shut_down_now(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        // What TLS could not send now is discarded with the stream.
        drop(self.poll_shut_down(&mut context));
    }

    /// Shuts down the write side, and discards received data until the peer closes or `deadline`
    /// passes.
    ///
    /// Closing a socket with unread data resets the connection, and the peer may then lose the last
    /// bytes sent to it. Errors are ignored, because the connection is already over.
    pub async fn finish(&mut self, deadline: Deadline) {
        let finish = async {
            poll_fn(|context| self.poll_shut_down(context)).await?;
            let mut discarded = 0;
            while discarded <= MAX_DISCARDED_AT_CLOSE {
                match self.read(|_, bytes| bytes.len()).await? {
                    0 => break,
                    len => discarded += len,
                }
            }
            io::Result::Ok(())
        };
        deadline.bound(finish).await.ok();
    }
}
