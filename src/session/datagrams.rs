//! What an exchange of datagrams has at our end.

use std::io::{self, IsTerminal as _};

use crate::net;
use crate::net::datagram::{Outgoing, Split};
use crate::net::relay::{Sink, Source};
use crate::net::stream::observer::StreamObserver;
use crate::output::{Events, Output, Payload};
use crate::session::settings::SessionSettings;
use crate::session::standard_io::{self, OutputEnd};

/// What datagrams come from and go to on our side.
pub(crate) struct DatagramIo {
    /// What is sent; none for nothing.
    pub source: Option<Source>,
    /// Where what comes goes.
    pub sink: Sink,
    /// Sees every datagram pass.
    pub tap: Option<Box<dyn StreamObserver>>,
    /// What is told.
    pub events: Events,
    /// What is said.
    pub out: Output,
    /// Whether a person has to be prompted.
    pub interactive: bool,
}

impl DatagramIo {
    /// Opens the standard streams.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub(crate) fn open(
        settings: SessionSettings,
        out: Output,
        events: Events,
        tap: Option<Box<dyn StreamObserver>>,
        interactive: bool,
    ) -> anyhow::Result<Self> {
        let mut payload = Payload::new(out, events.clone(), settings.raw)?;
        if interactive {
            payload = payload.in_conversation(out);
        }
        let failed = |source| net::Error::System { operation: "read standard input", source };
        let source = settings.sends.then(standard_io::standard_input).transpose();
        let source = source.map_err(failed)?;
        let sink = standard_io::print(payload, OutputEnd::ProgramEnds)?;
        Ok(Self { source: source.map(Source::from), sink, tap, events, out, interactive })
    }
}

/// Returns the datagrams that `source` holds, split as `split` says or, without it, by lines from a
/// terminal and by pauses from anything else.
pub(crate) fn outgoing(
    source: Option<Source>,
    split: Option<Split>,
    settings: &SessionSettings,
) -> Outgoing {
    let default = if io::stdin().is_terminal() { Split::Lines } else { Split::Rest };
    Outgoing::new(source, split.unwrap_or(default), settings.line_ends, settings.delay)
}
