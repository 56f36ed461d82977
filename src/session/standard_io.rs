//! Standard input and output as the source and the sink of a session.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net;
use crate::net::relay::{BlockingWriter, Input, Sink};
use crate::output::{Events, Keyboard, Output, Payload, end_standard_output};

/// Starts reading standard input: a pipe in the runtime, anything else in a thread. In a session
/// that has begun at the terminal of `out`, the user edits the lines.
///
/// # Errors
/// The descriptor cannot be duplicated, or no thread can be started.
pub(crate) fn standard_input(out: Output) -> Result<Input, net::Error> {
    let open = || {
        let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        if let Some(input) = Input::of_pipe(&stdin) {
            return Ok(input);
        }
        let descriptor = stdin.try_clone()?;
        Input::start(Keyboard::new(out, stdin), Some(descriptor))
    };
    open().map_err(net::Error::system("read standard input"))
}

/// When sockkit closes standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputEnd {
    /// When it exits.
    AtExit,
    /// When the only peer closes its side. A filter that reads standard output may need EOF before
    /// it writes what sockkit is to send.
    PeerCloses,
}

/// Prints received data to standard output.
struct StandardOutput {
    /// `None` once standard output is closed.
    payload: Option<Payload>,
    end: OutputEnd,
}

impl BlockingWriter for StandardOutput {
    fn write(&mut self, from: &str, bytes: &[u8]) -> io::Result<()> {
        self.payload.as_mut().map_or(Ok(()), |payload| payload.write(from, bytes))
    }

    fn peer_closed(&mut self) {
        if self.end == OutputEnd::PeerCloses {
            self.payload = None;
            end_standard_output();
        }
    }
}

/// Returns a sink that prints received data to standard output: a pipe is written in the runtime,
/// anything else in a thread.
///
/// # Errors
/// No thread can be started.
pub(crate) fn print(payload: Payload, end: OutputEnd) -> Result<Sink, net::Error> {
    let mut end = end;
    match payload.verbatim() {
        Some(stdout) => {
            let close: Option<fn()> = (end == OutputEnd::PeerCloses).then_some(end_standard_output);
            if let Some(sink) = Sink::of_pipe(stdout, close) {
                return Ok(sink);
            }
        }
        // A terminal and a stream of events show more than received data, so they stay open.
        None => end = OutputEnd::AtExit,
    }
    let failed = |source| net::Error::System { operation: "start a thread", source };
    Sink::start(StandardOutput { payload: Some(payload), end }).map_err(failed)
}

/// Returns `result`, or instead that received data was lost, because standard output took nothing
/// before the deadline or the stop. If `result` is already an error or the exit code of a signal, a
/// warning reports the loss.
///
/// # Errors
/// That of `result`; data was lost.
pub(crate) fn check_written(
    sink: &Sink,
    events: &Events,
    result: anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let count = sink.unwritten();
    if count == 0 {
        return result;
    }
    // Of what a thread was writing, a part may be written.
    let message = format!(
        "up to {count} received bytes were not written: standard output took nothing in time"
    );
    match result {
        Err(_) | Ok(Exit::Signal(_)) => {
            events.warn(&message);
            result
        }
        Ok(_) => Err(Failure::new(Exit::File, message).into()),
    }
}
