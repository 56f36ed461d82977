//! Standard input and output at our end of an exchange.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use crate::net;
use crate::net::relay::{Input, Sink, Writer};
use crate::output::{Keyboard, Payload, end_standard_output};

/// Starts to read standard input.
pub(crate) fn standard_input() -> io::Result<Input> {
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    if let Some(input) = Input::of_pipe(&stdin) {
        return Ok(input);
    }
    Input::start(Keyboard::new(stdin))
}

/// When standard output ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// With the program.
    ProgramEnds,
    /// With the only peer's side: whoever reads it may have to see the end to begin with what we
    /// are to send.
    PeerEnds,
}

/// Standard output, where what peers send goes; none once it has ended.
struct Screen(Option<Payload>, Until);

impl Writer for Screen {
    fn write(&mut self, from: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.as_mut().map_or(Ok(()), |payload| payload.write(from, bytes))
    }

    fn end(&mut self) {
        if self.1 == Until::PeerEnds {
            self.0 = None;
            end_standard_output();
        }
    }
}

/// Starts to print what peers send.
///
/// # Errors
/// No thread could be started.
pub(crate) fn print(payload: Payload, until: Until) -> Result<Sink, net::Error> {
    let mut until = until;
    match payload.verbatim() {
        Some(stdout) => {
            let close: Option<fn()> = (until == Until::PeerEnds).then_some(end_standard_output);
            if let Some(sink) = Sink::of_pipe(stdout, close) {
                return Ok(sink);
            }
        }
        // A terminal, or a stream of events, has more to show than what the peer sends.
        None => until = Until::ProgramEnds,
    }
    let failed = |source| net::Error::System { operation: "start a thread", source };
    Sink::start(Screen(Some(payload), until)).map_err(failed)
}
