//! Peers' bytes on their way to standard output.
//!
//! Verbatim into a pipe or a file, escaped on a terminal, `data` events under JSON. Nothing is
//! buffered here: a prompt without a newline is visible at once.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;

use crate::blocking;
use crate::output::event::{Event, NetText};
use crate::output::event_queue::Events;
use crate::output::handle::Output;
use crate::output::terminal::editor::LineEditor;
use crate::output::terminal::{keyboard, screen};
use crate::text::StreamEscaper;

/// Writes what peers send.
#[derive(Debug)]
pub struct Payload {
    way: PayloadTarget,
}

#[derive(Debug)]
enum PayloadTarget {
    /// Also to a terminal, if that is wanted.
    Verbatim {
        stdout: File,
        on_terminal: bool,
    },
    /// To a terminal, with what is held back of a torn character, and whose that is.
    Escaped(StreamEscaper, String),
    Events(Events),
}

impl Payload {
    /// Decides how payload reaches standard output. `raw` passes it to a terminal untouched.
    ///
    /// # Errors
    /// Standard output cannot be duplicated: no descriptor is left.
    pub fn new(out: Output, events: Events, raw: bool) -> io::Result<Self> {
        let way = if out.is_json() {
            PayloadTarget::Events(events)
        } else {
            let on_terminal = io::stdout().is_terminal();
            if on_terminal && !raw {
                PayloadTarget::Escaped(StreamEscaper::default(), String::new())
            } else {
                // Past std's line buffer, which would hold a prompt back.
                let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
                PayloadTarget::Verbatim { stdout, on_terminal }
            }
        };
        Ok(Self { way })
    }

    /// Returns standard output, where bytes go there as they are and nobody sees them: then they
    /// can be written without this.
    pub fn verbatim(&self) -> Option<&File> {
        match &self.way {
            PayloadTarget::Verbatim { stdout, on_terminal: false } => Some(stdout),
            _ => None,
        }
    }

    /// Begins a conversation with somebody at this terminal, who types lines. They can be edited,
    /// unless the terminal cannot do that, or what the peer sends may do anything to it.
    #[must_use]
    pub fn in_conversation(self, out: Output) -> Self {
        if let PayloadTarget::Escaped(..) = self.way {
            match LineEditor::begin(out) {
                Some(editor) => keyboard::leave(editor),
                None => screen::begin(Some(out.error_paint().prompt(screen::PROMPT))),
            }
        } else {
            screen::begin(None);
        }
        self
    }

    /// Writes `bytes` that `peer` sent.
    ///
    /// # Errors
    /// Standard output could not be written; `BrokenPipe` when its reader left.
    pub fn write(&mut self, peer: &str, bytes: &[u8]) -> io::Result<()> {
        match &mut self.way {
            PayloadTarget::Verbatim { stdout, on_terminal } => {
                blocking::write_all(stdout, bytes)?;
                if *on_terminal {
                    screen::passed(bytes);
                }
            }
            PayloadTarget::Escaped(escaper, whose) => {
                let mut shown = String::new();
                if whose != peer {
                    // What one peer tore must not be joined with another's bytes.
                    shown = escaper.finish();
                    peer.clone_into(whose);
                }
                shown += &escaper.push(bytes);
                screen::peer(shown)?;
            }
            PayloadTarget::Events(events) => {
                let (peer, data) = (peer.to_owned(), NetText(bytes.to_vec()));
                events.deliver(Event::Data { peer, data })?;
            }
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
        if let PayloadTarget::Escaped(escaper, _) = &mut self.way {
            // The last bytes of a torn character, at the end of everything.
            screen::peer(escaper.finish()).ok();
        }
    }
}
