//! Sources and sinks: what a connection sends and where what comes goes.
//!
//! Pipes are read and written in the runtime itself. For everything else, which can only block, one
//! thread reads what is to be sent, another writes what has come. The buffers between them and
//! the connection are a fixed number and used again: memory is flat whatever the size or the
//! slowness of either side. Which standard stream is behind it is the caller's business.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::{Deref, DerefMut};
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::broadcast::{Idleness, Subscription};
use super::pipe::{PipeReader, PipeWriter};

/// Bytes moved at once. Between 64 and 256 KiB a plain loop is as fast as loopback gets.
const CHUNK: usize = 256 * 1024;

/// Buffers in each direction: one being filled, one being emptied, and two on the way.
pub(super) const BUFFERS: usize = 4;

/// What is to be sent.
#[derive(Debug)]
pub struct Source(Origin);

/// Where a source's bytes come from.
#[derive(Debug)]
enum Origin {
    /// A thread that reads.
    Thread {
        filled: mpsc::Receiver<io::Result<(Vec<u8>, usize)>>,
        empty: blocking::Sender<Vec<u8>>,
    },
    /// A pipe, and the buffer it is read into when it is not in use.
    Pipe(PipeReader, Vec<u8>),
    /// Another source, which several connections share.
    Shared(Subscription),
}

/// Where what has come goes; clones share it.
#[derive(Clone, Debug)]
pub struct Sink {
    pool: Arc<Pool>,
    outlet: Outlet,
    /// What closes whatever else holds the pipe, where it ends with the peer's side.
    close: Option<fn()>,
}

/// Who writes.
#[derive(Clone, Debug)]
enum Outlet {
    /// A thread.
    Thread(mpsc::Sender<Delivery>),
    /// Whoever delivers.
    Pipe(Arc<PipeWriter<Buffer>>),
}

impl Source {
    /// Returns a source that has ended already.
    pub fn empty() -> Self {
        let ((_, filled), (empty, _)) = (mpsc::channel(1), blocking::channel());
        Self(Origin::Thread { filled, empty })
    }

    /// Reads `file` in this runtime if it is a pipe that allows it; else none.
    pub fn of_pipe(file: &File) -> Option<Self> {
        Some(Self(Origin::Pipe(PipeReader::open(file)?, Vec::new())))
    }

    /// Starts reading. The thread ends with its input, or with the process.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn start(mut reader: impl Read + Send + 'static) -> io::Result<Self> {
        let (sender, filled) = mpsc::channel(BUFFERS);
        let (empty, empties) = blocking::channel();
        for _ in 0..BUFFERS {
            // The receiver is at hand.
            empty.send(vec![0; CHUNK]).ok();
        }
        thread::Builder::new().name("input".into()).spawn(move || {
            while let Ok(mut buffer) = empties.recv() {
                let outcome = read_some(&mut reader, &mut buffer);
                let more = matches!(outcome, Ok(1..));
                let chunk = outcome.map(|len| (buffer, len));
                if sender.blocking_send(chunk).is_err() || !more {
                    break;
                }
            }
        })?;
        Ok(Self(Origin::Thread { filled, empty }))
    }

    /// Returns how idle the source is that others get as well; none where nobody does.
    pub(super) fn shared(&self) -> Option<Idleness> {
        match &self.0 {
            Origin::Shared(subscription) => Some(subscription.idleness()),
            _ => None,
        }
    }

    /// Waits for what was read next; none at the end.
    pub(super) async fn next(&mut self) -> io::Result<Option<Chunk>> {
        match &mut self.0 {
            Origin::Thread { filled, .. } => {
                let read = filled.recv().await.transpose()?;
                Ok(read.filter(|(_, len)| *len > 0).map(|(buffer, len)| Chunk::Own(buffer, len)))
            }
            Origin::Pipe(pipe, spare) => {
                let mut buffer = std::mem::take(spare);
                buffer.resize(CHUNK, 0);
                let len = match pipe.read(&mut buffer).await? {
                    0 => return Ok(None),
                    len => len,
                };
                Ok(Some(Chunk::Own(buffer, len)))
            }
            Origin::Shared(subscription) => Ok(subscription.next().await?.map(Chunk::Shared)),
        }
    }

    /// Waits until this connection has held the others up for too long; for ever where it has the
    /// source for itself.
    pub(super) async fn cut_off(&self) {
        match &self.0 {
            Origin::Shared(subscription) => subscription.cut_off().await,
            _ => std::future::pending().await,
        }
    }

    /// Gives the chunk's buffer back.
    pub(super) fn give_back(&mut self, chunk: Chunk) {
        match (&mut self.0, chunk) {
            // A reader that has ended needs none.
            (Origin::Thread { empty, .. }, Chunk::Own(buffer, _)) => drop(empty.send(buffer)),
            (Origin::Pipe(_, spare), Chunk::Own(buffer, _)) => *spare = buffer,
            _ => {}
        }
    }
}

/// What was read at once.
#[derive(Debug)]
pub(super) enum Chunk {
    /// A buffer, and how much of it counts.
    Own(Vec<u8>, usize),
    /// Bytes that others get as well.
    Shared(Arc<[u8]>),
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(buffer, len) => &buffer[..*len],
            Self::Shared(bytes) => bytes,
        }
    }
}

impl From<Subscription> for Source {
    fn from(subscription: Subscription) -> Self {
        Self(Origin::Shared(subscription))
    }
}

/// What a sink writes to.
pub trait Writer: Send + 'static {
    /// Writes `bytes`, which came from `from`.
    ///
    /// # Errors
    /// Nobody takes them: nothing more is written then.
    fn write(&mut self, from: &str, bytes: &[u8]) -> io::Result<()>;

    /// Takes note that the peer has ended its side.
    fn end(&mut self) {}
}

impl Sink {
    /// Starts writing.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn start(mut writer: impl Writer) -> io::Result<Self> {
        let (filled, mut deliveries) = mpsc::channel::<Delivery>(BUFFERS);
        let pool = Arc::<Pool>::default();
        let told = Arc::clone(&pool);
        thread::Builder::new().name("output".into()).spawn(move || {
            while let Some(delivery) = deliveries.blocking_recv() {
                let Delivery::Bytes { from, buffer, len } = delivery else {
                    writer.end();
                    continue;
                };
                if let Err(error) = writer.write(&from, &buffer[..len]) {
                    *lock(&told.failure) = Some(error);
                    // Wakes whoever waits for a buffer.
                    told.places.close();
                    return;
                }
            }
        })?;
        Ok(Self { pool, outlet: Outlet::Thread(filled), close: None })
    }

    /// Writes to `file` in this runtime if it is a pipe that allows it; else none. With `close`
    /// the pipe ends when the peer ends its side: `close` is called then, to close what else holds
    /// it.
    pub fn of_pipe(file: &File, close: Option<fn()>) -> Option<Self> {
        let pipe = Arc::new(PipeWriter::open(file)?);
        Some(Self { pool: Arc::default(), outlet: Outlet::Pipe(pipe), close })
    }

    /// Returns a buffer to fill, if one is free now.
    pub(super) fn try_take(&self) -> Option<Buffer> {
        self.pool.try_take()
    }

    /// Waits for a buffer to fill.
    pub(super) async fn take(&self) -> io::Result<Buffer> {
        self.pool.take().await
    }

    /// Hands over the first `len` bytes of `buffer`, which are from `from`.
    pub(super) async fn deliver(
        &self,
        from: &Arc<str>,
        buffer: Buffer,
        len: usize,
    ) -> io::Result<()> {
        match &self.outlet {
            Outlet::Thread(filled) => {
                let delivery = Delivery::Bytes { from: Arc::clone(from), buffer, len };
                filled.send(delivery).await.map_err(|_| self.pool.failure())
            }
            Outlet::Pipe(pipe) => {
                pipe.push(buffer, len);
                pipe.write_all().await
            }
        }
    }

    /// Passes on that the peer has ended its side.
    pub(super) async fn end(&self) {
        match (&self.outlet, self.close) {
            // A writer that gave up has ended already.
            (Outlet::Thread(filled), _) => drop(filled.send(Delivery::End).await),
            (Outlet::Pipe(pipe), Some(close)) => {
                pipe.end().await;
                close();
            }
            (Outlet::Pipe(_), None) => {}
        }
    }

    /// Hands over a copy of `bytes`, which are from `from`.
    ///
    /// # Errors
    /// What the writer reported.
    pub async fn give(&self, from: &Arc<str>, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(CHUNK) {
            let mut buffer = self.take().await?;
            buffer[..piece.len()].copy_from_slice(piece);
            self.deliver(from, buffer, piece.len()).await?;
        }
        Ok(())
    }

    /// Waits until the writer has given up, and returns why.
    pub(super) async fn broken(&self) -> io::Error {
        match &self.outlet {
            Outlet::Thread(filled) => filled.closed().await,
            Outlet::Pipe(pipe) => pipe.broken().await,
        }
        self.pool.failure()
    }

    /// Waits until everything delivered so far is written.
    ///
    /// # Errors
    /// What the writer reported.
    pub async fn flush(&self) -> io::Result<()> {
        if let Outlet::Pipe(pipe) = &self.outlet {
            return pipe.write_all().await;
        }
        // Once all buffers are free, none is on its way.
        let all = u32::try_from(BUFFERS).unwrap_or(u32::MAX);
        let free = self.pool.places.acquire_many(all).await;
        free.map(drop).map_err(|_| self.pool.failure())
    }
}

/// What is on its way to the writer.
#[derive(Debug)]
enum Delivery {
    Bytes { from: Arc<str>, buffer: Buffer, len: usize },
    End,
}

/// The buffers of a sink: a fixed number, used again.
#[derive(Debug)]
struct Pool {
    places: Arc<Semaphore>,
    spare: Mutex<Vec<Vec<u8>>>,
    /// Why the writer gave up.
    failure: Mutex<Option<io::Error>>,
}

impl Default for Pool {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(BUFFERS));
        Self { places, spare: Mutex::default(), failure: Mutex::default() }
    }
}

impl Pool {
    async fn take(self: &Arc<Self>) -> io::Result<Buffer> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        Ok(self.buffer(place.map_err(|_| self.failure())?))
    }

    fn try_take(self: &Arc<Self>) -> Option<Buffer> {
        Some(self.buffer(Arc::clone(&self.places).try_acquire_owned().ok()?))
    }

    fn buffer(self: &Arc<Self>, place: OwnedSemaphorePermit) -> Buffer {
        let bytes = lock(&self.spare).pop().unwrap_or_else(|| vec![0; CHUNK]);
        Buffer { bytes, pool: Arc::clone(self), _place: place }
    }

    fn failure(&self) -> io::Error {
        // Told once in full; whoever asks later learns at least that nobody reads.
        lock(&self.failure).take().unwrap_or_else(|| ErrorKind::BrokenPipe.into())
    }
}

/// A buffer of a pool, which returns there by itself.
#[derive(Debug)]
pub(super) struct Buffer {
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

/// What is guarded here is whole at any moment, whoever panicked meanwhile.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
