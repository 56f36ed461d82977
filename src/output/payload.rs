//! Writes the bytes that peers send to standard output.
//!
//! Unchanged into a pipe or a file, escaped on a terminal, as `data` events in JSON; datagrams in
//! plain output as one line each. Nothing is buffered, so that a peer's prompt without a newline is
//! visible at once.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;

use crate::blocking;
use crate::output::color::PeerColors;
use crate::output::event::{Event, NetText};
use crate::output::event_queue::Events;
use crate::output::handle::Output;
use crate::output::stdout::{StdoutError, write_stdout};
use crate::output::terminal::device::Device;
use crate::output::terminal::screen::state::Label;
use crate::text::{self, StreamEscaper};

/// Writes the bytes that peers send to standard output.
#[derive(Debug)]
pub struct Payload {
    out: Output,
    target: PayloadTarget,
    /// The colours of the peers' names, if a terminal shows which peer sent each line.
    labels: Option<PeerColors>,
    /// Whether each piece is a datagram.
    is_datagrams: bool,
}

/// The prompt of an interactive session, the same as that of the course's client.
const PROMPT: &str = "> ";

#[derive(Debug)]
enum PayloadTarget {
    /// Unchanged; to a terminal only with `--raw`.
    Verbatim {
        stdout: File,
        on_terminal: bool,
    },
    /// Datagrams as lines: sender, tab, escaped payload.
    Lines {
        on_terminal: bool,
    },
    /// Escaped to a terminal. The escaper may hold an incomplete UTF-8 character of the named peer.
    Escaped(StreamEscaper, String),
    Events(Events),
}

impl Payload {
    /// Decides how to write to standard output. With `raw`, a terminal gets the bytes unchanged.
    ///
    /// # Errors
    /// The descriptor of standard output cannot be duplicated.
    pub fn new(out: Output, events: Events, raw: bool) -> Result<Self, StdoutError> {
        let target = if out.is_json() {
            PayloadTarget::Events(events)
        } else {
            let on_terminal = io::stdout().is_terminal();
            if on_terminal && !raw {
                PayloadTarget::Escaped(StreamEscaper::default(), String::new())
            } else {
                // Bypasses std's line buffer, which would delay a prompt without a newline.
                let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
                PayloadTarget::Verbatim { stdout, on_terminal }
            }
        };
        Ok(Self { out, target, labels: None, is_datagrams: false })
    }

    /// Shows on a terminal which peer sent each line, because there may be several. Each datagram
    /// then begins a line.
    pub fn label_peers(&mut self) {
        self.labels = Some(PeerColors::new(self.out.data_paint()));
    }

    /// Does the same as [`Self::new`] for datagrams, each of which is one line of plain output.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn of_datagrams(out: Output, events: Events, raw: bool) -> Result<Self, StdoutError> {
        if out.is_plain() {
            let on_terminal = io::stdout().is_terminal();
            let target = PayloadTarget::Lines { on_terminal };
            return Ok(Self { out, target, labels: None, is_datagrams: true });
        }
        let mut payload = Self::new(out, events, raw)?;
        payload.is_datagrams = true;
        Ok(payload)
    }

    /// Returns standard output if bytes are written to it unchanged and it is not a terminal; the
    /// caller may then write to it directly.
    pub fn verbatim(&self) -> Option<&File> {
        match &self.target {
            PayloadTarget::Verbatim { stdout, on_terminal: false } => Some(stdout),
            _ => None,
        }
    }

    /// Begins an interactive session, in which the user types lines at this terminal. Lines can be
    /// edited if the terminal supports it and the peer's bytes are escaped: unescaped bytes could
    /// move the cursor. Returns whether lines are edited.
    pub fn begin_session(&self) -> bool {
        match self.target {
            PayloadTarget::Escaped(..) | PayloadTarget::Lines { .. } => {
                self.out.begin_session(PROMPT, Some(Device::StandardOutput))
            }
            _ => self.out.begin_session("", None),
        }
    }

    /// Writes `bytes` that `peer` sent.
    ///
    /// # Errors
    /// Standard output cannot be written; `BrokenPipe` if its reader has closed it.
    pub fn write(&mut self, peer: &str, bytes: &[u8]) -> io::Result<()> {
        match &mut self.target {
            PayloadTarget::Verbatim { stdout, on_terminal } => {
                blocking::write_all(stdout, bytes)?;
                if *on_terminal {
                    self.out.terminal().track_raw_bytes(bytes);
                }
            }
            PayloadTarget::Lines { on_terminal } => {
                let line = format!("{peer}\t{}\n", text::escape(bytes));
                if *on_terminal {
                    self.out.terminal().print_peer_text(line, None)?;
                } else {
                    write_stdout(line.as_bytes()).map_err(StdoutError::into_io)?;
                }
            }
            PayloadTarget::Escaped(escaper, previous_peer) => {
                let is_labelled = self.labels.is_some();
                let terminal = self.out.terminal();
                let mut label = |peer: &str| {
                    let colors = self.labels.as_mut()?;
                    let text = format!("{}: ", colors.style(&text::escape_lines(peer)));
                    Some(Label { peer: peer.to_owned(), text })
                };
                if previous_peer != peer {
                    // One peer's incomplete character must not be joined with another peer's bytes.
                    let rest = escaper.finish();
                    if !rest.is_empty() {
                        terminal.print_peer_text(rest, label(previous_peer).as_ref())?;
                    }
                    peer.clone_into(previous_peer);
                }
                let mut text = escaper.push(bytes);
                if self.is_datagrams && is_labelled && !bytes.ends_with(b"\n") {
                    text += &escaper.finish();
                    text.push('\n');
                }
                terminal.print_peer_text(text, label(peer).as_ref())?;
            }
            PayloadTarget::Events(events) => {
                let (peer, data) = (peer.to_owned(), NetText(bytes.to_vec()));
                events
                    .deliver_blocking(Event::Data { peer, data })
                    .map_err(StdoutError::into_io)?;
            }
        }
        Ok(())
    }
}

/// Closes standard output: its reader gets EOF, and later writes are discarded.
pub fn end_standard_output() {
    // Without /dev/null, standard output stays open until the process ends.
    if let Ok(null) = File::options().write(true).open("/dev/null") {
        rustix::stdio::dup2_stdout(null).ok();
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        if let PayloadTarget::Escaped(escaper, _) = &mut self.target {
            // The bytes of a last, incomplete character.
            self.out.terminal().print_peer_text(escaper.finish(), None).ok();
        }
    }
}
