//! A fixed number of buffers, used again: memory is flat whatever the size of a transfer or the
//! slowness of either side.

use std::io::{self, ErrorKind};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::sync::lock;

/// Bytes moved at once. Between 64 and 256 KiB a plain loop is as fast as loopback gets.
pub(super) const CHUNK: usize = 256 * 1024;

/// Buffers in each direction: one being filled, one being emptied, and two on the way.
pub(crate) const BUFFERS: usize = 4;

/// The buffers of a sink: a fixed number, used again.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) places: Arc<Semaphore>,
    spare: Mutex<Vec<Vec<u8>>>,
    /// Why the writer gave up.
    pub(super) failure: Mutex<Option<io::Error>>,
}

impl Default for Pool {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(BUFFERS));
        Self { places, spare: Mutex::default(), failure: Mutex::default() }
    }
}

impl Pool {
    pub(super) async fn take(self: &Arc<Self>) -> io::Result<Buffer> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        Ok(self.buffer(place.map_err(|_| self.failure())?))
    }

    pub(super) fn try_take(self: &Arc<Self>) -> Option<Buffer> {
        Some(self.buffer(Arc::clone(&self.places).try_acquire_owned().ok()?))
    }

    fn buffer(self: &Arc<Self>, place: OwnedSemaphorePermit) -> Buffer {
        let bytes = lock(&self.spare).pop().unwrap_or_else(|| vec![0; CHUNK]);
        Buffer { bytes, pool: Arc::clone(self), _place: place }
    }

    pub(super) fn failure(&self) -> io::Error {
        // Told once in full; whoever asks later learns at least that nobody reads.
        lock(&self.failure).take().unwrap_or_else(|| ErrorKind::BrokenPipe.into())
    }
}

/// A buffer of a pool, which returns there by itself.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    pool: Arc<Pool>,
    _place: OwnedSemaphorePermit,
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
