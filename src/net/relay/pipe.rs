//! Pipes as sources and sinks, without a thread between them and the connection.
//!
//! An inherited pipe must not be made non-blocking: whoever else holds it would be surprised
//! (`O_NONBLOCK` belongs to the open file, not to the descriptor). So the pipe is opened once more,
//! through `/proc`, which gives an open file of our own. Where that does not work, a thread does.

use crate::net::error::is_transient;
use crate::sync::lock;
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

/// A pipe that is read.
#[derive(Debug)]
pub(crate) struct PipeReader(pipe::Receiver);

impl PipeReader {
    /// Opens the pipe behind `descriptor` once more; none if it is no pipe, or cannot be.
    pub(crate) fn open(descriptor: impl AsFd) -> Option<Self> {
        let file = reopen(descriptor, OpenOptions::new().read(true))?;
        pipe::Receiver::from_file(file).ok().map(Self)
    }

    /// Waits until something can be read, and reads it.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.0.readable().await?;
            match self.read_now(buffer) {
                Err(error) if is_transient(&error) => {}
                done => return done,
            }
        }
    }

    /// Reads once. As with sockets, a read that does not fill the buffer has emptied the pipe, and
    /// the runtime is told so without another call.
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut short = None;
        let full = self.0.try_io(|| {
            let len = rustix::io::read(&self.0, &mut *buffer)?;
            if len == 0 || len == buffer.len() {
                return Ok(len);
            }
            short = Some(len);
            Err(ErrorKind::WouldBlock.into())
        });
        short.map_or(full, Ok)
    }
}

/// A pipe that is written, by many connections in turn.
#[derive(Debug)]
pub(crate) struct PipeWriter<B> {
    /// Whoever writes holds it; none once it was ended.
    pipe: tokio::sync::Mutex<Option<pipe::Sender>>,
    /// What waits to be written, in order; with how much of it counts and how much is written.
    waiting: Mutex<VecDeque<(B, usize, usize)>>,
    broken: watch::Sender<bool>,
}

impl<B: AsRef<[u8]>> PipeWriter<B> {
    /// Opens the pipe behind `descriptor` once more; none if it is no pipe, or cannot be.
    pub(crate) fn open(descriptor: impl AsFd) -> Option<Self> {
        let file = reopen(descriptor, OpenOptions::new().write(true))?;
        let pipe = pipe::Sender::from_file(file).ok()?;
        let pipe = tokio::sync::Mutex::new(Some(pipe));
        Some(Self { pipe, waiting: Mutex::default(), broken: watch::Sender::new(false) })
    }

    /// Puts the first `len` bytes of `buffer` behind everything that waits. They are written by
    /// whoever calls [`Self::write_all`] next.
    pub(crate) fn push(&self, buffer: B, len: usize) {
        self.waiting().push_back((buffer, len, 0));
    }

    /// Writes everything that waits. What is not written yet when this is dropped goes on waiting.
    ///
    /// # Errors
    /// What the pipe reports: `BrokenPipe` once its reader has left.
    pub(crate) async fn write_all(&self) -> io::Result<()> {
        let pipe = self.pipe.lock().await;
        let Some(pipe) = &*pipe else { return Ok(()) };
        loop {
            match self.write_some(pipe) {
                Ok(true) => return Ok(()),
                Ok(false) => pipe.writable().await?,
                Err(error) => {
                    self.waiting().clear();
                    self.broken.send_replace(true);
                    return Err(error);
                }
            }
        }
    }

    /// Closes the pipe once everything that waits is written. What comes later goes nowhere.
    pub(crate) async fn end(&self) {
        // Whoever waits for a failure has been told of it.
        self.write_all().await.ok();
        self.pipe.lock().await.take();
    }

    /// Waits until writing has failed.
    pub(crate) async fn broken(&self) {
        // The sender lives as long as `self`, so this cannot end early.
        self.broken.subscribe().wait_for(|broken| *broken).await.ok();
    }

    /// Writes until nothing waits (true) or nothing more fits.
    fn write_some(&self, pipe: &pipe::Sender) -> io::Result<bool> {
        let mut waiting = self.waiting();
        while let Some((buffer, len, written)) = waiting.front_mut() {
            match pipe.try_write(&buffer.as_ref()[*written..*len]) {
                Ok(more) => *written += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if *written == *len {
                waiting.pop_front();
            }
        }
        Ok(true)
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<(B, usize, usize)>> {
        lock(&self.waiting)
    }
}

/// Opens the pipe behind `descriptor` once more, not to block.
fn reopen(descriptor: impl AsFd, options: &mut OpenOptions) -> Option<File> {
    let descriptor = descriptor.as_fd();
    let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
    // Not a FIFO with a name: one whose writer has left already would never be seen to end.
    if !fs::read_link(&path).ok()?.as_os_str().as_bytes().starts_with(b"pipe:[") {
        return None;
    }
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).ok()?;
    let file = options.custom_flags(flags).open(path).ok()?;
    if fcntl_getpipe_size(&file).is_ok_and(|size| size < ROOM) {
        // Refused where a user has too many pipes: a small one is only slower.
        fcntl_setpipe_size(&file, ROOM).ok();
    }
    Some(file)
}

/// What a pipe should hold: four times the kernel's default, so that whoever is at its other end
/// is woken a quarter as often.
const ROOM: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::fcntl_getfl;

    #[test]
    fn a_pipe_is_read_and_written_without_a_change_for_who_shares_it() {
        let runtime = crate::net::runtime::runtime().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        runtime.block_on(async {
            let ours = PipeReader::open(&reader).unwrap();
            let theirs = PipeWriter::<Vec<u8>>::open(&writer).unwrap();
            theirs.push(b"hello!".to_vec(), 5);
            theirs.write_all().await.unwrap();
            let mut buffer = [0; 16];
            assert_eq!(ours.read(&mut buffer).await.unwrap(), 5);
            assert_eq!(&buffer[..5], b"hello");
        });
        assert!(!fcntl_getfl(&reader).unwrap().contains(OFlags::NONBLOCK));
        assert!(!fcntl_getfl(&writer).unwrap().contains(OFlags::NONBLOCK));
        assert!(PipeReader::open(File::open("/dev/null").unwrap()).is_none());
    }

    #[test]
    fn what_did_not_fit_waits_and_a_reader_that_leaves_is_noticed() {
        let runtime = crate::net::runtime::runtime().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        runtime.block_on(async {
            let pipe = PipeWriter::<Vec<u8>>::open(&writer).unwrap();
            pipe.push(vec![b'x'; 1024 * 1024], 1024 * 1024);
            let soon = std::time::Duration::from_millis(50);
            assert!(tokio::time::timeout(soon, pipe.write_all()).await.is_err());
            let ours = PipeReader::open(&reader).unwrap();
            let mut buffer = vec![0; 1024 * 1024];
            let read = async {
                let mut read = 0;
                while read < buffer.len() {
                    read += ours.read(&mut buffer[read..]).await.unwrap();
                }
            };
            let (written, ()) = tokio::join!(pipe.write_all(), read);
            written.unwrap();
            assert!(buffer.iter().all(|byte| *byte == b'x'));
            drop((ours, reader));
            pipe.push(vec![b'y'], 1);
            assert_eq!(pipe.write_all().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            pipe.broken().await;
        });
    }
}
