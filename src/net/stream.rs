//! Reading and writing many connections without a buffer for each.
//!
//! A worker's connections share one buffer: it is borrowed after the kernel said that there is
//! something to read, and given back before anything is awaited. An idle connection holds none.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::Shutdown;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::deadline::Deadline;

/// Bytes read at once: what a pipe or a loopback segment carries, and small for a worker.
const SCRATCH: usize = 64 * 1024;

/// Bytes read from a peer that is being closed, before it is cut off.
const MAX_DRAINED: usize = 1024 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

/// Waits for bytes and gives them to `take`; an empty slice is the end of the stream.
///
/// One task at a time may read a stream. `take` must not read another one: the buffer is lent to
/// it.
///
/// # Errors
/// What the socket reports, such as a reset.
pub async fn read<T>(stream: &TcpStream, take: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
    loop {
        // Unlike `readable()` this needs no place in a list of waiters.
        poll_fn(|context| stream.poll_read_ready(context)).await?;
        let mut buffer = BUFFER.take();
        if buffer.is_empty() {
            // Lost to a `take` that panicked, or lent to an outer call: correct, though not free.
            buffer = vec![0; SCRATCH].into_boxed_slice();
        }
        let outcome = match read_now(stream, &mut buffer) {
            Err(error) if is_transient(&error) => {
                BUFFER.set(buffer);
                continue;
            }
            outcome => outcome,
        };
        let taken = outcome.map(|len| take(&buffer[..len]));
        BUFFER.set(buffer);
        return taken;
    }
}

/// Reads once. A read that does not fill the buffer has emptied the socket: the runtime is told
/// that there is no more for now, which saves the call that would find it out. (The runtime's own
/// readers do the same. A read also stops short at an urgent mark: what lies behind one is read
/// with whatever comes next.)
fn read_now(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut short = None;
    let full = stream.try_io(Interest::READABLE, || {
        let len = rustix::io::read(stream, &mut *buffer)?;
        if len == 0 || len == buffer.len() {
            return Ok(len);
        }
        short = Some(len);
        // True, if not what this read returned: the next one would block, until epoll says else.
        Err(ErrorKind::WouldBlock.into())
    });
    short.map_or(full, Ok)
}

/// Writes all of `bytes`.
///
/// # Errors
/// What the socket reports; `TimedOut` when it is not done at `deadline`.
pub async fn write_all(stream: &TcpStream, bytes: &[u8], deadline: Deadline) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match stream.try_write(rest) {
            Ok(len) => rest = &rest[len..],
            Err(error) if is_transient(&error) => match deadline.bound(stream.writable()).await {
                Ok(ready) => ready?,
                Err(_) => return Err(ErrorKind::TimedOut.into()),
            },
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes as much of `bytes` as fits now, and returns how much that was.
///
/// # Errors
/// What the socket reports, except that it is full.
pub fn write_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match stream.try_write(bytes) {
        Err(error) if is_transient(&error) => Ok(0),
        done => done,
    }
}

/// Ends our side and reads on, without keeping anything, until the peer has ended its own.
///
/// A socket that is closed while bytes lie unread resets the connection, and what was sent last
/// may never be seen. What goes wrong now is no longer worth a word.
pub async fn close_gently(stream: &TcpStream, deadline: Deadline) {
    SockRef::from(stream).shutdown(Shutdown::Write).ok();
    let drain = async {
        let mut drained = 0;
        while let Ok(len @ 1..) = read(stream, <[u8]>::len).await {
            drained += len;
            if drained > MAX_DRAINED {
                break;
            }
        }
    };
    deadline.bound(drain).await.ok();
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
