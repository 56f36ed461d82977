//! Standard input and output of a datagram exchange.

use std::io::{self, IsTerminal as _};

use crate::net::datagram::{DatagramObserver, Outgoing, Split};
use crate::net::relay::{Sink, Source};
use crate::output::{Events, Output, Payload};
use crate::session::settings::SessionSettings;
use crate::session::standard_io::{self, OutputEnd};
use crate::session::terminal;

/// The local side of a datagram exchange.
pub(crate) struct DatagramIo {
    /// What to send; `None` to send nothing.
    pub source: Option<Source>,
    /// Where received datagrams are printed.
    pub sink: Sink,
    /// Observes every datagram.
    pub observer: Option<Box<dyn DatagramObserver>>,
    /// Where events are sent.
    pub events: Events,
    /// Where notes are printed.
    pub out: Output,
    /// Whether to show a prompt.
    pub interactive: bool,
}

impl DatagramIo {
    /// Opens standard input; received datagrams are printed to `payload`.
    ///
    /// # Errors
    /// Standard input or output cannot be used, or no thread can be started.
    pub(crate) fn open(
        payload: Payload,
        settings: SessionSettings,
        out: Output,
        events: Events,
        observer: Option<Box<dyn DatagramObserver>>,
        interactive: bool,
    ) -> anyhow::Result<Self> {
        if interactive {
            terminal::begin_session(&payload, out)?;
        }
        let source = settings.sends.then(|| standard_io::standard_input(out)).transpose()?;
        let sink = standard_io::print(payload, OutputEnd::AtExit)?;
        Ok(Self { source: source.map(Source::from), sink, observer, events, out, interactive })
    }
}

/// Returns the datagrams of `source`, divided according to `split`; without it, by lines if
/// standard input is a terminal, else by pauses.
pub(crate) fn outgoing(
    source: Option<Source>,
    split: Option<Split>,
    settings: &SessionSettings,
) -> Outgoing {
    let default = if io::stdin().is_terminal() { Split::Lines } else { Split::Pause };
    Outgoing::new(source, split.unwrap_or(default), settings.line_ends, settings.delay)
}
