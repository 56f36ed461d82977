//! Peers' bytes on their way to standard output.
//!
//! Verbatim into a pipe or a file, escaped on a terminal, `data` events under JSON. Nothing is
//! buffered here: a prompt without a newline is visible at once.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;

use super::{Event, Events, NetText, Output, prompt};
use crate::patient;
use crate::text::StreamEscaper;

/// Writes what peers send.
#[derive(Debug)]
pub struct Payload {
    way: Way,
    /// Whether the bytes can be seen on a screen.
    on_terminal: bool,
    /// Where a person has to be prompted for the next line.
    conversation: Option<Output>,
}

#[derive(Debug)]
enum Way {
    Verbatim(File),
    /// With what is held back of a torn character, and whose that is.
    Escaped(File, StreamEscaper, String),
    Events(Events),
}

impl Payload {
    /// Decides how payload reaches standard output. `raw` passes it to a terminal untouched.
    ///
    /// # Errors
    /// Standard output cannot be duplicated: no descriptor is left.
    pub fn new(out: Output, events: Events, raw: bool) -> io::Result<Self> {
        let way = if out.is_json() {
            Way::Events(events)
        } else {
            // Past std's line buffer, which would hold a prompt back.
            let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
            if !raw && stdout.is_terminal() {
                Way::Escaped(stdout, StreamEscaper::default(), String::new())
            } else {
                Way::Verbatim(stdout)
            }
        };
        let on_terminal = !out.is_json() && io::stdout().is_terminal();
        Ok(Self { way, on_terminal, conversation: None })
    }

    /// Returns standard output, where bytes go there as they are and nobody is prompted: then they
    /// can be written without this.
    pub fn verbatim(&self) -> Option<&File> {
        match &self.way {
            Way::Verbatim(stdout) if self.conversation.is_none() && !self.on_terminal => {
                Some(stdout)
            }
            _ => None,
        }
    }

    /// Prompts after every complete line that comes.
    #[must_use]
    pub fn in_conversation(mut self, out: Output) -> Self {
        self.conversation = Some(out);
        self
    }

    /// Writes `bytes` that `peer` sent.
    ///
    /// # Errors
    /// Standard output could not be written; `BrokenPipe` when its reader left.
    pub fn write(&mut self, peer: &str, bytes: &[u8]) -> io::Result<()> {
        if let Some(out) = self.conversation
            && prompt::is_prompted()
        {
            // Whatever is typed behind it stays visible.
            out.ask("\n");
        }
        match &mut self.way {
            Way::Verbatim(stdout) => patient::write_all(stdout, bytes)?,
            Way::Escaped(stdout, escaper, whose) => {
                let mut shown = String::new();
                if whose != peer {
                    // What one peer tore must not be joined with another's bytes.
                    shown = escaper.finish();
                    peer.clone_into(whose);
                }
                shown += &escaper.push(bytes);
                patient::write_all(stdout, shown.as_bytes())?;
            }
            Way::Events(events) => {
                let (peer, data) = (peer.to_owned(), NetText(bytes.to_vec()));
                events.deliver(Event::Data { peer, data })?;
            }
        }
        if self.on_terminal {
            prompt::follows(bytes);
        }
        if let Some(out) = self.conversation
            && bytes.ends_with(b"\n")
        {
            out.prompt();
        }
        Ok(())
    }
}

/// Ends standard output: its reader sees the end, and what is written later goes nowhere.
pub fn end_standard_output() {
    // Where there is no /dev/null, it ends with the process.
    if let Ok(nowhere) = File::options().write(true).open("/dev/null") {
        rustix::stdio::dup2_stdout(nowhere).ok();
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        if let Way::Escaped(stdout, escaper, _) = &mut self.way {
            // The last bytes of a torn character, at the end of everything.
            patient::write_all(stdout, escaper.finish().as_bytes()).ok();
        }
    }
}
