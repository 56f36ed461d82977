//! Peers' bytes on their way to standard output.
//!
//! Verbatim into a pipe or a file, escaped on a terminal, `data` events under JSON. Nothing is
//! buffered here: a prompt without a newline is visible at once.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;

use super::{Event, Events, NetText, Output};
use crate::text::StreamEscaper;

/// Writes what peers send.
#[derive(Debug)]
pub struct Payload {
    way: Way,
    /// What a person is asked with on a terminal; shown whenever it is their turn.
    prompt: Option<Output>,
}

#[derive(Debug)]
enum Way {
    Verbatim(File),
    Escaped(File, StreamEscaper),
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
                Way::Escaped(stdout, StreamEscaper::default())
            } else {
                Way::Verbatim(stdout)
            }
        };
        Ok(Self { way, prompt: None })
    }

    /// Prompts with `> ` now and after every complete line that comes.
    #[must_use]
    pub fn with_prompt(mut self, out: Output) -> Self {
        out.prompt(PROMPT);
        self.prompt = Some(out);
        self
    }

    /// Writes `bytes` that `peer` sent.
    ///
    /// # Errors
    /// Standard output could not be written; `BrokenPipe` when its reader left.
    pub fn write(&mut self, peer: &str, bytes: &[u8]) -> io::Result<()> {
        if let Some(out) = self.prompt {
            // Over the prompt that waits.
            out.prompt(ERASE_LINE);
        }
        match &mut self.way {
            Way::Verbatim(stdout) => stdout.write_all(bytes)?,
            Way::Escaped(stdout, escaper) => {
                stdout.write_all(escaper.push(bytes).as_bytes())?;
            }
            Way::Events(events) => {
                let (peer, data) = (peer.to_owned(), NetText(bytes.to_vec()));
                events.deliver(Event::Data { peer, data })?;
            }
        }
        if let Some(out) = self.prompt
            && bytes.ends_with(b"\n")
        {
            out.prompt(PROMPT);
        }
        Ok(())
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        if let Way::Escaped(stdout, escaper) = &mut self.way {
            // The last bytes of a torn character, at the end of everything.
            stdout.write_all(escaper.finish().as_bytes()).ok();
        }
    }
}

/// As the course's client prompts.
const PROMPT: &str = "> ";

/// To the first column, and clear what stands there.
const ERASE_LINE: &str = "\r\u{1b}[K";
