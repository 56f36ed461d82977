//! Non-blocking reads and writes on inherited pipes, without a thread.
//!
//! An inherited pipe must not be made non-blocking: `O_NONBLOCK` belongs to the open file
//! description, so the flag would change the pipe for every process that shares it. The pipe is
//! therefore reopened through `/proc`, which creates a separate open file description. Where that
//! fails, the caller uses a thread instead.

use crate::net::error::is_transient;
use crate::sync::lock;
use crate::threads::{FirstError, ThreadLost};
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Mutex, MutexGuard};

use rustix::fs::OFlags;
use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};
use tokio::net::unix::pipe;
use tokio::sync::watch;

/// The read end of a pipe.
#[derive(Debug)]
pub(crate) struct PipeReader(pipe::Receiver);

impl PipeReader {
    /// Reopens the pipe of `descriptor`; `None` if it is not a pipe or cannot be reopened.
    pub(crate) fn open(descriptor: impl AsFd) -> Option<Self> {
        let file = reopen(descriptor, OpenOptions::new().read(true))?;
        pipe::Receiver::from_file(file).ok().map(Self)
    }

    /// Waits until the pipe is readable, and reads once; returns 0 at the end.
    ///
    /// # Errors
    /// The error that the pipe reports.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.0.readable().await?;
            match self.read_now(buffer) {
                Err(error) if is_transient(&error) => {}
                done => return done,
            }
        }
    }

    /// Reads once. A read that does not fill the buffer has emptied the pipe: the runtime's
    /// readiness is cleared at once, which saves a read that would return `EAGAIN`.
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut short = None;
        let full = self.0.try_io(|| {
            let len = rustix::io::read(&self.0, &mut *buffer)?;
            if len == 0 || len == buffer.len() {
                return Ok(len);
            }
            short = Some(len);
            // Makes `try_io` clear the readiness; the caller gets `short`.
            Err(ErrorKind::WouldBlock.into())
        });
        short.map_or(full, Ok)
    }
}

/// The write end of a pipe, shared by all connections that write to it.
#[derive(Debug)]
pub(crate) struct PipeWriter<B> {
    /// Locked by the task that writes; `None` once closed.
    pipe: tokio::sync::Mutex<Option<pipe::Sender>>,
    /// Buffers to write, in order, each with the number of valid bytes and of bytes written.
    queue: Mutex<VecDeque<(B, usize, usize)>>,
    /// Why a write has failed; later ones fail for the same reason.
    failure: FirstError,
    /// Whether a write has failed.
    failed: watch::Sender<bool>,
}

impl<B: AsRef<[u8]>> PipeWriter<B> {
    /// Reopens the pipe of `descriptor`; `None` if it is not a pipe or cannot be reopened.
    pub(crate) fn open(descriptor: impl AsFd) -> Option<Self> {
        let file = reopen(descriptor, OpenOptions::new().write(true))?;
        let pipe = pipe::Sender::from_file(file).ok()?;
        let pipe = tokio::sync::Mutex::new(Some(pipe));
        let (queue, failure) = (Mutex::default(), FirstError::default());
        Some(Self { pipe, queue, failure, failed: watch::Sender::new(false) })
    }

    /// Appends the first `len` bytes of `buffer` to the queue. The next call of
    /// [`Self::write_all`] writes them.
    pub(crate) fn push(&self, buffer: B, len: usize) {
        self.queue().push_back((buffer, len, 0));
    }

    /// Writes the whole queue. Cancel-safe: bytes not yet written stay in the queue.
    ///
    /// # Errors
    /// The error that the pipe reports: `BrokenPipe` once its reader has closed it.
    pub(crate) async fn write_all(&self) -> io::Result<()> {
        let pipe = self.pipe.lock().await;
        if let Some(error) = self.failure.get() {
            return Err(error);
        }
        let Some(pipe) = &*pipe else { return Ok(()) };
        loop {
            let waited = match self.write_some(pipe) {
                Ok(true) => return Ok(()),
                Ok(false) => pipe.writable().await,
                Err(error) => Err(error),
            };
            if let Err(error) = waited {
                self.queue().clear();
                self.failure.record(error);
                self.failed.send_replace(true);
                return Err(self.failure());
            }
        }
    }

    /// Writes the queue and closes the pipe. Bytes pushed later are not written.
    pub(crate) async fn close(&self) {
        // `write_all` has already reported a failure through `failed`.
        self.write_all().await.ok();
        self.pipe.lock().await.take();
    }

    /// Returns how many queued bytes are not written.
    pub(crate) fn unwritten(&self) -> usize {
        self.queue().iter().map(|(_, len, written)| len - written).sum()
    }

    /// Waits until a write has failed, and returns the error.
    pub(crate) async fn failed(&self) -> io::Error {
        // `self` holds the sender, so the channel cannot close during the wait.
        self.failed.subscribe().wait_for(|failed| *failed).await.ok();
        self.failure()
    }

    fn failure(&self) -> io::Error {
        self.failure.get().unwrap_or_else(ThreadLost::error)
    }

    /// Writes until the queue is empty (returns `true`) or the pipe is full (returns `false`).
    fn write_some(&self, pipe: &pipe::Sender) -> io::Result<bool> {
        let mut queue = self.queue();
        while let Some((buffer, len, written)) = queue.front_mut() {
            match pipe.try_write(&buffer.as_ref()[*written..*len]) {
                Ok(more) => *written += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if *written == *len {
                queue.pop_front();
            }
        }
        Ok(true)
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<(B, usize, usize)>> {
        lock(&self.queue)
    }
}

/// Reopens the pipe of `descriptor` as non-blocking; `None` if it is not a pipe or cannot be
/// reopened.
fn reopen(descriptor: impl AsFd, options: &mut OpenOptions) -> Option<File> {
    let descriptor = descriptor.as_fd();
    let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
    // Anonymous pipes only: if the last writer of a named FIFO has already closed it, a reader that
    // opens it now never sees EOF.
    if !fs::read_link(&path).ok()?.as_os_str().as_bytes().starts_with(b"pipe:[") {
        return None;
    }
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).ok()?;
    let file = options.custom_flags(flags).open(path).ok()?;
    if fcntl_getpipe_size(&file).is_ok_and(|size| size < PIPE_CAPACITY) {
        // The kernel may refuse (`pipe-user-pages-soft` in pipe(7)); a smaller pipe is only slower.
        fcntl_setpipe_size(&file, PIPE_CAPACITY).ok();
    }
    Some(file)
}

/// Requested capacity of a pipe, in bytes: four times the kernel's default, so that the process at
/// the other end is woken a quarter as often.
const PIPE_CAPACITY: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::fcntl_getfl;

    #[test]
    fn reading_and_writing_a_pipe_leaves_the_flags_of_its_other_descriptors_unchanged() {
        let runtime = crate::net::runtime::runtime().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        runtime.block_on(async {
            let reader = PipeReader::open(&reader).unwrap();
            let writer = PipeWriter::<Vec<u8>>::open(&writer).unwrap();
            writer.push(b"hello!".to_vec(), 5);
            writer.write_all().await.unwrap();
            let mut buffer = [0; 16];
            assert_eq!(reader.read(&mut buffer).await.unwrap(), 5);
            assert_eq!(&buffer[..5], b"hello");
        });
        assert!(!fcntl_getfl(&reader).unwrap().contains(OFlags::NONBLOCK));
        assert!(!fcntl_getfl(&writer).unwrap().contains(OFlags::NONBLOCK));
        assert!(PipeReader::open(File::open("/dev/null").unwrap()).is_none());
    }

    #[test]
    fn a_full_pipe_keeps_the_rest_queued_and_a_closed_reader_is_reported() {
        let runtime = crate::net::runtime::runtime().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        runtime.block_on(async {
            let pipe = PipeWriter::<Vec<u8>>::open(&writer).unwrap();
            pipe.push(vec![b'x'; 1024 * 1024], 1024 * 1024);
            let limit = std::time::Duration::from_millis(50);
            assert!(tokio::time::timeout(limit, pipe.write_all()).await.is_err());
            let pipe_reader = PipeReader::open(&reader).unwrap();
            let mut buffer = vec![0; 1024 * 1024];
            let read = async {
                let mut read = 0;
                while read < buffer.len() {
                    read += pipe_reader.read(&mut buffer[read..]).await.unwrap();
                }
            };
            let (written, ()) = tokio::join!(pipe.write_all(), read);
            written.unwrap();
            assert!(buffer.iter().all(|byte| *byte == b'x'));
            drop((pipe_reader, reader));
            pipe.push(vec![b'y'], 1);
            for _ in 0..2 {
                assert_eq!(pipe.write_all().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            }
            assert_eq!(pipe.failed().await.kind(), ErrorKind::BrokenPipe);
        });
    }
}
