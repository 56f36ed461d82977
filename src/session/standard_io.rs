//! Standard input and output at our end of an exchange.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use crate::net;
use crate::net::relay::{BlockingWriter, Input, Sink};
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
pub(crate) enum OutputEnd {
    /// With the program.
    ProgramEnds,
    /// With the only peer's side: whoever reads it may have to see the end to begin with what we
    /// are to send.
    PeerEnds,
}

/// Standard output, where what peers send goes; none once it has ended.
struct StandardOutput(Option<Payload>, OutputEnd);

impl BlockingWriter for StandardOutput {
    fn write(&mut self, from: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.as_mut().map_or(Ok(()), |payload| payload.write(from, bytes))
    }

    fn end(&mut self) {
        if self.1 == OutputEnd::PeerEnds {
            self.0 = None;
            end_standard_output();
        }
    }
}

/// Starts to print what peers send.
///
/// # Errors
/// No thread could be started.
pub(crate) fn print(payload: Payload, until: OutputEnd) -> Result<Sink, net::Error> {
    let mut until = until;
    match payload.verbatim() {
        Some(stdout) => {
            let close: Option<fn()> = (until == OutputEnd::PeerEnds).then_some(end_standard_output);
            if let Some(sink) = Sink::of_pipe(stdout, close) {
                return Ok(sink);
            }
        }
        // A terminal, or a stream of events, has more to show than what the peer sends.
        None => until = OutputEnd::ProgramEnds,
    }
    let failed = |source| net::Error::System { operation: "start a thread", source };
    Sink::start(StandardOutput(Some(payload), until)).map_err(failed)
}
