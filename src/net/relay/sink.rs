//! The destination of received bytes: the runtime writes to a pipe, and a thread writes to anything
//! that can only block.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::net::relay::buffers::{BUFFERS, Buffer, CHUNK, Pool};
use crate::net::relay::pipe::PipeWriter;
use crate::threads;
use crate::write_queue::{Queued, Ticket, WriteQueue, WriteQueueReader};

/// The most messages that wait for the thread before the end of a peer is queued: one for each
/// buffer.
const MAX_MESSAGES: usize = BUFFERS;

/// The destination of received bytes. Clones write to the same destination.
#[derive(Clone, Debug)]
pub struct Sink {
    pool: Arc<Pool>,
    outlet: Outlet,
    /// Closes the process's other descriptors of the pipe when the peer closes its side; `None` to
    /// leave the pipe open.
    close: Option<fn()>,
}

/// How the sink writes.
#[derive(Clone, Debug)]
enum Outlet {
    /// A thread writes what is queued.
    Thread(Arc<SinkQueue>),
    /// The task that delivers bytes also writes them.
    Pipe(Arc<PipeWriter<Buffer>>),
}

/// The queue of the thread, which ends with the last sink. [`Pool`] bounds the bytes in it.
#[derive(Debug)]
struct SinkQueue(WriteQueue<SinkMessage>);

impl Drop for SinkQueue {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A destination that the thread of a [`Sink`] writes to.
pub trait BlockingWriter: Send + 'static {
    /// Writes `bytes`, received from the peer `from`.
    ///
    /// # Errors
    /// The destination cannot be written; the sink then writes nothing more.
    fn write(&mut self, from: &str, bytes: &[u8]) -> io::Result<()>;

    /// Called after a peer has closed its side.
    fn peer_closed(&mut self) {}
}

impl Sink {
    /// Starts a thread that writes to `writer`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(mut writer: impl BlockingWriter) -> io::Result<Self> {
        let (sink, reader) = Self::on_queue();
        let pool = Arc::clone(&sink.pool);
        threads::start("output", move || {
            for message in reader {
                // Nothing is dropped from this queue.
                let Queued::Item(message) = message else { continue };
                if !message.handle(&mut writer, &pool) {
                    return;
                }
            }
        })
        .map_err(crate::reason::of_thread)?;
        Ok(sink)
    }

    fn on_queue() -> (Self, WriteQueueReader<SinkMessage>) {
        let (queue, reader) = WriteQueue::new(MAX_MESSAGES);
        let outlet = Outlet::Thread(Arc::new(SinkQueue(queue)));
        (Self { pool: Arc::default(), outlet, close: None }, reader)
    }

    /// Starts a task of this runtime that writes to `writer`, like the thread of [`Self::start`],
    /// and waits for `pause` before each message.
    #[cfg(test)]
    pub(crate) fn start_task(
        mut writer: impl BlockingWriter,
        mut pause: impl FnMut() -> std::time::Duration + Send + 'static,
    ) -> Self {
        let (sink, mut reader) = Self::on_queue();
        let pool = Arc::clone(&sink.pool);
        tokio::spawn(async move {
            while let Some(Queued::Item(message)) = reader.next_in_task().await {
                tokio::time::sleep(pause()).await;
                if !message.handle(&mut writer, &pool) {
                    return;
                }
            }
        });
        sink
    }

    /// Returns a sink that writes to `file` in this runtime; `None` if it is not a pipe or cannot
    /// be reopened.
    ///
    /// With `close`, the sink closes the pipe when the peer closes its side, and then calls `close`
    /// to close the process's other descriptors of it.
    pub fn of_pipe(file: &File, close: Option<fn()>) -> Option<Self> {
        let pipe = Arc::new(PipeWriter::open(file)?);
        Some(Self { pool: Arc::default(), outlet: Outlet::Pipe(pipe), close })
    }

    /// Returns a buffer to fill, or `None` if all are in use.
    pub(crate) fn try_take(&self) -> Option<Buffer> {
        self.pool.try_take()
    }

    /// Waits for a buffer to fill.
    ///
    /// # Errors
    /// The writer has failed.
    pub(crate) async fn take(&self) -> io::Result<Buffer> {
        self.pool.take().await
    }

    /// Queues the first `len` bytes of `buffer`, received from the peer `from`. A pipe is written
    /// before this returns.
    ///
    /// # Errors
    /// The error that the writer reported.
    pub(crate) async fn deliver(
        &self,
        from: &Arc<str>,
        buffer: Buffer,
        len: usize,
    ) -> io::Result<()> {
        match &self.outlet {
            Outlet::Thread(queue) => {
                self.pool.unwritten.fetch_add(len, Ordering::Relaxed);
                // The caller has waited for the buffer.
                queue.0.push(SinkMessage::Bytes { from: Arc::clone(from), buffer, len }, 1);
                if queue.0.has_ended() { Err(self.pool.failure()) } else { Ok(()) }
            }
            Outlet::Pipe(pipe) => {
                pipe.push(buffer, len);
                pipe.write_all().await
            }
        }
    }

    /// Reports to the writer that a peer has closed its side.
    pub(crate) async fn peer_closed(&self) {
        match (&self.outlet, self.close) {
            (Outlet::Thread(queue), _) => {
                queue.0.ready(Ticket::default(), None).await;
                queue.0.push(SinkMessage::PeerClosed, 1);
            }
            (Outlet::Pipe(pipe), Some(close)) => {
                pipe.close().await;
                close();
            }
            (Outlet::Pipe(_), None) => {}
        }
    }

    /// Copies `bytes`, received from the peer `from`, and queues the copy.
    ///
    /// # Errors
    /// The error that the writer reported.
    pub async fn write(&self, from: &Arc<str>, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(CHUNK) {
            let mut buffer = self.take().await?;
            buffer[..piece.len()].copy_from_slice(piece);
            self.deliver(from, buffer, piece.len()).await?;
        }
        Ok(())
    }

    /// Waits until writing fails, and returns the error.
    pub(crate) async fn failed(&self) -> io::Error {
        match &self.outlet {
            Outlet::Thread(queue) => {
                queue.0.ended().await;
                self.pool.failure()
            }
            Outlet::Pipe(pipe) => pipe.failed().await,
        }
    }

    /// Returns how many delivered bytes are not written; of those that a thread is writing, a part
    /// may be. After a failure, which [`Self::flush`] returns, this is 0.
    pub fn unwritten(&self) -> usize {
        match &self.outlet {
            Outlet::Thread(queue) if queue.0.has_ended() => 0,
            Outlet::Thread(_) => self.pool.unwritten.load(Ordering::Relaxed),
            Outlet::Pipe(pipe) => pipe.unwritten(),
        }
    }

    /// Waits until everything queued so far is written.
    ///
    /// # Errors
    /// The error that the writer reported.
    pub async fn flush(&self) -> io::Result<()> {
        match &self.outlet {
            Outlet::Pipe(pipe) => pipe.write_all().await,
            Outlet::Thread(queue) => {
                let is_written = queue.0.written(queue.0.last()).await;
                if is_written { Ok(()) } else { Err(self.pool.failure()) }
            }
        }
    }
}

/// Waits until the sink fails; never returns without one.
pub(super) async fn sink_failed(sink: Option<&Sink>) -> io::Error {
    let Some(sink) = sink else { return std::future::pending().await };
    sink.failed().await
}

/// A message to the writer thread.
#[derive(Debug)]
enum SinkMessage {
    Bytes { from: Arc<str>, buffer: Buffer, len: usize },
    PeerClosed,
}

impl SinkMessage {
    /// Handles the message; returns false if writing has failed.
    fn handle(self, writer: &mut impl BlockingWriter, pool: &Pool) -> bool {
        match self {
            Self::Bytes { from, buffer, len } => {
                if let Err(error) = writer.write(&from, &buffer[..len]) {
                    pool.failure.record(error);
                    // Wakes every task that waits for a buffer.
                    pool.permits.close();
                    return false;
                }
                pool.unwritten.fetch_sub(len, Ordering::Relaxed);
            }
            Self::PeerClosed => writer.peer_closed(),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::ThreadLost;

    struct Panicking;

    impl BlockingWriter for Panicking {
        fn write(&mut self, _from: &str, _bytes: &[u8]) -> io::Result<()> {
            panic!("on purpose");
        }
    }

    struct Full;

    impl BlockingWriter for Full {
        fn write(&mut self, _from: &str, _bytes: &[u8]) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn a_panic_of_the_writer_is_an_error_for_every_caller() {
        crate::net::runtime::runtime().unwrap().block_on(async {
            let sink = Sink::start(Panicking).unwrap();
            // The write succeeds if it is queued before the panic.
            sink.write(&"peer".into(), b"x").await.ok();
            for _ in 0..2 {
                assert!(ThreadLost::is(&sink.flush().await.unwrap_err()));
                assert!(ThreadLost::is(&sink.failed().await));
            }
        });
    }

    #[test]
    fn every_caller_gets_the_error_of_the_writer() {
        crate::net::runtime::runtime().unwrap().block_on(async {
            let sink = Sink::start(Full).unwrap();
            // As above.
            sink.write(&"peer".into(), b"x").await.ok();
            for _ in 0..2 {
                assert_eq!(sink.flush().await.unwrap_err().kind(), io::ErrorKind::StorageFull);
                assert_eq!(sink.failed().await.kind(), io::ErrorKind::StorageFull);
            }
        });
    }
}
