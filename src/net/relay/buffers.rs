//! A fixed set of reused buffers: memory use is constant, whatever the size of a transfer and the
//! speed of either side.

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::sync::lock;
use crate::threads::{FirstError, ThreadLost};

/// Size of a buffer, in bytes. On loopback, any size from 64 to 256 KiB gives maximum throughput.
pub(super) const CHUNK: usize = 256 * 1024;

/// Buffers in each direction: one being filled, one being emptied, two queued.
pub(crate) const BUFFERS: usize = 4;

/// The buffers of one sink, at most [`BUFFERS`].
#[derive(Debug)]
pub(super) struct Pool {
    /// One permit per buffer; closed when the writer fails.
    pub(super) permits: Arc<Semaphore>,
    spare: Mutex<Vec<Vec<u8>>>,
    /// How many bytes wait for the writer, including those that it is writing.
    pub(super) unwritten: AtomicUsize,
    /// The error that stopped the writer.
    pub(super) failure: FirstError,
}

impl Default for Pool {
    fn default() -> Self {
        let permits = Arc::new(Semaphore::new(BUFFERS));
        let (spare, unwritten, failure) = Default::default();
        Self { permits, spare, unwritten, failure }
    }
}

impl Pool {
    /// Waits for a free buffer.
    ///
    /// # Errors
    /// The writer has failed.
    pub(super) async fn take(self: &Arc<Self>) -> io::Result<Buffer> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        Ok(self.buffer(permit.map_err(|_| self.failure())?))
    }

    /// Returns a buffer, or `None` if all are in use.
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Buffer> {
        Some(self.buffer(Arc::clone(&self.permits).try_acquire_owned().ok()?))
    }

    fn buffer(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Buffer {
        let bytes = lock(&self.spare).pop().unwrap_or_else(|| vec![0; CHUNK]);
        Buffer { bytes, pool: Arc::clone(self), _permit: permit }
    }

    /// Returns why the writer stopped. Without a recorded error, its thread is lost.
    pub(super) fn failure(&self) -> io::Error {
        self.failure.get().unwrap_or_else(ThreadLost::error)
    }
}

/// A buffer of a pool, returned to it on drop.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        lock(&self.pool.spare).push(std::mem::take(&mut self.bytes));
    }
}
