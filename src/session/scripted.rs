//! The connection of a session that a script drives.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::net::relay::Sink;
use crate::net::stream::Stream;
use crate::net::tls::{HANDSHAKE_TIMEOUT, TlsFacts};
use crate::script::ScriptConnection;
use crate::session::tls::Tls;

/// The connection on which a script runs.
pub(crate) struct ScriptedStream<'a> {
    pub(crate) stream: &'a mut Stream,
    pub(crate) peer: &'a str,
    /// Where received bytes are printed; none to discard them.
    pub(crate) sink: Option<&'a Sink>,
    /// How to start TLS, for a script that does so.
    pub(crate) tls: Option<&'a Tls>,
    /// Called with the facts of a completed handshake.
    pub(crate) on_secured: &'a (dyn Fn(TlsFacts) + Sync),
}

impl ScriptConnection for ScriptedStream<'_> {
    type Stream = Stream;
    type TlsError = anyhow::Error;

    fn stream(&mut self) -> &mut Stream {
        self.stream
    }

    async fn deliver(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(sink) = self.sink else { return Ok(()) };
        poll_fn(|context| self.stream.poll_observed(context)).await;
        match sink.write(&Arc::from(self.peer), bytes).await {
            // The steps of the script decide the outcome, not the reader of standard output.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            done => done,
        }
    }

    async fn start_tls(&mut self) -> anyhow::Result<()> {
        let Some(tls) = self.tls else {
            return Err(Failure::new(Exit::Usage, "TLS is not configured").into());
        };
        let facts =
            tls.handshake(self.stream, self.peer, Deadline::after(HANDSHAKE_TIMEOUT)).await?;
        (self.on_secured)(facts);
        Ok(())
    }

    fn reset(&mut self) -> io::Result<()> {
        self.stream.reset()
    }
}
