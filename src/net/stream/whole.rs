//! Whole reads, writes and ends of a stream, for services that handle one message after the other.
//!
//! All streams of a thread share one read buffer: [`Stream::read`] takes it once there is something
//! to read and returns it before the next await, so an idle stream holds no buffer.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::pin;
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

/// What a stream has not accepted of a write; `None` if nothing is left.
#[derive(Debug)]
pub struct Unsent(Option<Vec<u8>>);

impl Unsent {
    /// Returns whether the whole write has reached the socket.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
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

    /// Writes `bytes` as far as the stream accepts them without waiting. If something is left, the
    /// next write must be [`Self::write_rest`].
    ///
    /// # Errors
    /// Those of the type.
    pub fn start_write(&mut self, bytes: &[u8]) -> io::Result<Unsent> {
        let sent = self.write_now(bytes)?;
        // Under TLS, accepted bytes may wait for the socket: an empty rest then flushes them.
        let is_complete = sent == bytes.len() && !self.has_unsent();
        Ok(Unsent((!is_complete).then(|| bytes.get(sent..).unwrap_or_default().to_vec())))
    }

    /// Writes what is left of a write, as [`Self::write_steadily`] does.
    ///
    /// # Errors
    /// As for [`Self::write_steadily`].
    pub fn write_rest(
        &mut self,
        unsent: Unsent,
        limit: Duration,
    ) -> impl Future<Output = io::Result<()>> + Send {
        // Boxed, so that only streams of slow readers need memory for this future.
        let write =
            |rest: Vec<u8>| Box::pin(async move { self.write_steadily(&rest, limit).await });
        let mut write = unsent.0.map(write);
        poll_fn(move |context| match &mut write {
            None => Poll::Ready(Ok(())),
            Some(write) => write.as_mut().poll(context),
        })
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

    /// Makes the kernel acknowledge what arrives next at once, not after up to 40 ms.
    ///
    /// For a request whose reply the peer sends in several writes: with Nagle's algorithm, its
    /// kernel holds back the second one until the first is acknowledged. It lasts until the next
    /// write.
    pub fn acknowledge_at_once(&self) {
        self.socket.acknowledge_at_once();
    }

    /// Ends the bytes that this side sends, as far as that is possible without waiting. Errors are
    /// ignored, because the connection is already over.
    pub fn shut_down_now(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        // What TLS could not send now is discarded with the stream.
        drop(self.poll_shut_down(&mut context));
    }

    /// Does as much of [`Self::finish`] as is possible without waiting.
    pub fn finish_now(&mut self) {
        let finish = pin!(self.finish(Deadline::NEVER));
        // What TLS could not send now is discarded with the stream.
        let _ = finish.poll(&mut Context::from_waker(Waker::noop()));
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream, UnixStream};
    use tokio::time::{Instant, sleep};

    use super::*;

    /// The limit of the tests.
    const LIMIT: Duration = Duration::from_secs(30);

    /// Returns a stream that the runtime knows to be writable, and its peer.
    async fn writable_stream() -> (Stream, UnixStream) {
        let (socket, peer) = UnixStream::pair().unwrap();
        let mut stream = Stream::try_from(socket).unwrap();
        poll_fn(|context| stream.poll_write_ready(context)).await.unwrap();
        (stream, peer)
    }

    /// Returns a stream whose socket is full, and its peer.
    async fn full_stream() -> (Stream, UnixStream) {
        let (mut stream, peer) = writable_stream().await;
        while stream.write_now(&[0; 1024]).unwrap() > 0 {}
        (stream, peer)
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_write_to_a_slow_reader_may_take_much_longer_than_the_limit() {
        let (mut stream, mut peer) = full_stream().await;
        let started = Instant::now();
        let reader = tokio::spawn(async move {
            let mut piece = vec![0; 256 * 1024];
            let mut received = 0;
            loop {
                sleep(Duration::from_secs(20)).await;
                match peer.read(&mut piece).await.unwrap() {
                    0 => return received,
                    len => received += len,
                }
            }
        });
        let before = stream.counts().bytes_out;
        stream.write_steadily(&vec![1; 1 << 20], LIMIT).await.unwrap();
        assert!(started.elapsed() > 3 * LIMIT, "{:?}", started.elapsed());
        drop(stream);
        assert_eq!(reader.await.unwrap() as u64, before + (1 << 20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_write_ends_when_the_peer_takes_nothing_for_the_limit() {
        let (mut stream, mut peer) = full_stream().await;
        let started = Instant::now();
        let reader = tokio::spawn(async move {
            sleep(Duration::from_secs(20)).await;
            let mut piece = vec![0; 256 * 1024];
            assert!(peer.read(&mut piece).await.unwrap() > 0);
            peer
        });
        let error = stream.write_steadily(&vec![1; 1 << 20], LIMIT).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let after = started.elapsed().as_secs();
        assert!((50..=51).contains(&after), "{after} s");
        drop(reader);
    }

    #[tokio::test]
    async fn bytes_that_arrive_before_the_end_do_not_reset_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut stream = Stream::try_from(listener.accept().await.unwrap().0).unwrap();
        peer.write_all(b"password\r").await.unwrap();
        stream.read(|_, bytes| assert_eq!(bytes, b"password\r")).await.unwrap();
        // The rest of the line ending arrives in a segment of its own.
        peer.write_all(b"\n").await.unwrap();
        poll_fn(|context| stream.parts().0.poll_read_ready(context)).await.unwrap();
        // The kernel still holds a part of what is sent; a reset would discard it.
        let mut sent = 0;
        loop {
            match stream.write_now(&[b'x'; 1024]).unwrap() {
                0 => break,
                len => sent += len,
            }
        }
        stream.finish_now();
        drop(stream);
        let mut received = Vec::new();
        peer.read_to_end(&mut received).await.unwrap();
        assert_eq!(received.len(), sent);
    }

    #[tokio::test]
    async fn only_a_stream_that_was_shut_down_ends_with_fin() {
        for shuts_down in [true, false] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let mut stream = Stream::try_from(listener.accept().await.unwrap().0).unwrap();
            stream.write_all(b"x", Deadline::NEVER).await.unwrap();
            if shuts_down {
                stream.shut_down_now();
            }
            drop(stream);
            let mut received = Vec::new();
            let end = peer.read_to_end(&mut received).await.map_err(|error| error.kind());
            let reset = Err(ErrorKind::ConnectionReset);
            assert_eq!(end, if shuts_down { Ok(1) } else { reset });
        }
    }

    #[tokio::test]
    async fn a_write_that_was_started_continues_with_the_rest() {
        let (mut stream, mut peer) = writable_stream().await;
        assert!(stream.start_write(b"whole ").unwrap().is_empty());
        let bytes = vec![b'x'; 1 << 20];
        let unsent = stream.start_write(&bytes).unwrap();
        assert!(!unsent.is_empty());
        let reader = tokio::spawn(async move {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).await.unwrap();
            all
        });
        stream.write_rest(unsent, LIMIT).await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(reader.await.unwrap(), [&b"whole "[..], &bytes].concat());
    }
}
