//! Where received bytes go: a pipe written in the runtime itself, or a thread for what can only
//! block.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;

use crate::net::relay::buffers::{BUFFERS, Buffer, CHUNK, Pool};
use crate::net::relay::pipe::PipeWriter;
use crate::sync::lock;

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
    Thread(mpsc::Sender<SinkMessage>),
    /// Whoever delivers.
    Pipe(Arc<PipeWriter<Buffer>>),
}

/// What a sink writes to.
pub trait BlockingWriter: Send + 'static {
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
    pub fn start(mut writer: impl BlockingWriter) -> io::Result<Self> {
        let (filled, mut deliveries) = mpsc::channel::<SinkMessage>(BUFFERS);
        let pool = Arc::<Pool>::default();
        let told = Arc::clone(&pool);
        thread::Builder::new().name("output".into()).spawn(move || {
            while let Some(delivery) = deliveries.blocking_recv() {
                let SinkMessage::Bytes { from, buffer, len } = delivery else {
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
    pub(crate) fn try_take(&self) -> Option<Buffer> {
        self.pool.try_take()
    }

    /// Waits for a buffer to fill.
    pub(crate) async fn take(&self) -> io::Result<Buffer> {
        self.pool.take().await
    }

    /// Hands over the first `len` bytes of `buffer`, which are from `from`.
    pub(crate) async fn deliver(
        &self,
        from: &Arc<str>,
        buffer: Buffer,
        len: usize,
    ) -> io::Result<()> {
        match &self.outlet {
            Outlet::Thread(filled) => {
                let delivery = SinkMessage::Bytes { from: Arc::clone(from), buffer, len };
                filled.send(delivery).await.map_err(|_| self.pool.failure())
            }
            Outlet::Pipe(pipe) => {
                pipe.push(buffer, len);
                pipe.write_all().await
            }
        }
    }

    /// Passes on that the peer has ended its side.
    pub(crate) async fn end(&self) {
        match (&self.outlet, self.close) {
            // A writer that gave up has ended already.
            (Outlet::Thread(filled), _) => drop(filled.send(SinkMessage::End).await),
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
    pub(crate) async fn broken(&self) -> io::Error {
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
enum SinkMessage {
    Bytes { from: Arc<str>, buffer: Buffer, len: usize },
    End,
}
