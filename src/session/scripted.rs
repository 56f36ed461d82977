//! A script at our end of an exchange.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Deadline;
use crate::net::relay::Sink;
use crate::net::stream::Stream;
use crate::net::stream::channel::Channel;
use crate::net::tls::TlsFacts;
use crate::script::ScriptConnection;
use crate::session::tls::{HANDSHAKE_TIMEOUT, Tls};

/// A connection at whose end a script stands.
pub(crate) struct ScriptedStream<'a> {
    pub(crate) channel: &'a mut Channel,
    pub(crate) peer: &'a str,
    /// Where received bytes are printed; none to discard them.
    pub(crate) sink: Option<&'a Sink>,
    /// Our side of TLS, for a script that starts it.
    pub(crate) tls: Option<&'a Tls>,
    /// Reports what a handshake agreed on.
    pub(crate) secured: &'a (dyn Fn(TlsFacts) + Sync),
}

impl ScriptConnection for ScriptedStream<'_> {
    type Stream = Channel;
    type TlsError = anyhow::Error;

    fn stream(&mut self) -> &mut Channel {
        self.channel
    }

    async fn heard(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(sink) = self.sink else { return Ok(()) };
        match sink.give(&Arc::from(self.peer), bytes).await {
            // What is expected is still to be decided.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            done => done,
        }
    }

    async fn start_tls(&mut self) -> anyhow::Result<()> {
        let Some(tls) = self.tls else {
            return Err(Failure::new(Exit::Usage, "no side of TLS is set up").into());
        };
        let facts = tls.shake(self.channel, self.peer, Deadline::after(HANDSHAKE_TIMEOUT)).await?;
        (self.secured)(facts);
        Ok(())
    }

    fn reset(&mut self) -> io::Result<()> {
        self.channel.socket().map_or(Ok(()), Stream::reset_on_close)
    }
}
