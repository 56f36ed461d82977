//! The terminal as a shared resource: received data, diagnostics, and the line being typed.
//!
//! A process has one terminal, hence one [`Screen`]. While a line is edited, only the editor draws:
//! output is queued, the editor is asked to redraw, and it draws the queued output above its line.
//! At all other times output is written at once, on a new line if other text is on the cursor's
//! line. No two outputs share a line, and none is lost. How a line is edited is left to `editor`,
//! and when it is drawn to `drawing`.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::mem;
use std::os::fd::AsFd as _;
use std::sync::mpsc::SyncSender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::blocking;
use crate::output::table;
use crate::output::terminal::bar::{self, write_stderr};
use crate::output::terminal::partial_line::PartialLine;
use crate::sync::lock;

/// The prompt of an interactive session, the same as that of the course's client.
pub(crate) const PROMPT: &str = "> ";

/// How long to wait for the editor to draw the queued output. The editor responds at once, except
/// within a sequence of keys, such as a history search; then the output is written below it.
const EDITOR_TIMEOUT: Duration = Duration::from_secs(1);

/// The assumed width of a terminal that does not report one.
const DEFAULT_COLUMNS: u16 = 80;

/// Bytes of diagnostics collected for one write: a hexdump has many lines.
const WRITE_SIZE: usize = 16 * 1024;

/// Ends two terminal modes that the editor sets: synchronized output (2026) and bracketed paste
/// (2004).
const RESET_EDITOR_MODES: &str = "\x1b[?2026l\x1b[?2004l";

static SCREEN: Mutex<Screen> = Mutex::new(Screen::new());

/// Notified when the stage changes or the editor has taken output.
pub(super) static CHANGED: Condvar = Condvar::new();

/// The state of the line editor, which determines when other output may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EditStage {
    /// No line is being edited: output is written at once.
    Inactive,
    /// The editor has the terminal and has not drawn its line yet.
    Starting,
    /// The editor has the terminal.
    Editing,
    /// The editor has the terminal; it stops at the next redraw that was requested.
    Stopping,
    /// The editor has stopped, or stops at the next key: output is written at once.
    Stopped,
}

/// A piece of output.
#[derive(Debug)]
pub(super) enum Piece {
    /// Escaped text from a peer, which can end in the middle of a line.
    Peer(String),
    /// Diagnostics, which are whole lines.
    Diagnostics(String),
}

#[derive(Debug)]
pub(super) struct Screen {
    pub(super) stage: EditStage,
    /// Whether an interactive session runs on this terminal.
    pub(super) interactive: bool,
    /// Whether the session has a line editor.
    pub(super) has_editor: bool,
    pub(super) prompt: String,
    /// Whether this module prints the prompt, because there is no editor that does.
    pub(super) prints_prompt: bool,
    /// Whether the prompt is on the cursor's line, possibly with typed text after it.
    pub(super) is_prompted: bool,
    /// Whether a peer's text without a newline is on the cursor's line.
    pub(super) is_mid_line: bool,
    /// A peer's line without a newline so far. It is on the cursor's line, or while a line is
    /// edited, directly above the prompt.
    pub(super) partial_line: PartialLine,
    /// Output that the editor has to draw.
    pub(super) pending: Vec<Piece>,
    /// The number of pieces queued so far, and the number of those that the editor has taken.
    pub(super) queued: u64,
    pub(super) taken: u64,
    /// Makes the editor redraw.
    pub(super) redraw: Option<SyncSender<()>>,
    /// Whether a redraw was requested and has not happened yet.
    pub(super) redraw_requested: bool,
    /// Whether the editor draws because of a key.
    pub(super) drawing_for_key: bool,
    /// The line being typed, and the cursor's position in it, in bytes.
    pub(super) line: (String, usize),
}

/// Begins an interactive session without an editor; with `prompt`, this module prints the prompt.
pub(crate) fn begin_session(prompt: Option<String>) {
    let mut screen = lock_screen();
    (screen.interactive, screen.prints_prompt) = (true, prompt.is_some());
    screen.prompt = prompt.unwrap_or_default();
}

/// Begins an interactive session with an editor, which prints `prompt` and redraws its line after
/// each message on `redraw`.
pub(crate) fn begin_edited_session(prompt: String, redraw: SyncSender<()>) {
    let mut screen = lock_screen();
    (screen.interactive, screen.has_editor) = (true, true);
    (screen.prompt, screen.redraw) = (prompt, Some(redraw));
}

/// Ends the interactive session: no prompt is printed and no line is edited any more, and the
/// cursor is on a new line.
pub(crate) fn end_session() {
    let mut screen = lock_screen();
    if !mem::take(&mut screen.interactive) {
        return;
    }
    // An editor that is starting must not change the terminal's modes after they were restored.
    screen = wait_while(screen, |screen| screen.stage == EditStage::Starting);
    if screen.stage == EditStage::Editing {
        // When the editor draws again, all output that it has taken is on the screen.
        screen.stage = EditStage::Stopping;
        screen.request_redraw();
        screen = wait_while(screen, |screen| screen.stage == EditStage::Stopping);
    }
    match screen.stage {
        EditStage::Inactive => {
            if screen.is_occupied() {
                write_stderr("\n");
            }
        }
        // The editor has cleared its line: draw it again, so that the typed text stays visible.
        EditStage::Stopped => {
            let pending = screen.render_pending();
            let Screen { prompt, line: (line, _), .. } = &*screen;
            let typed = if line.is_empty() { String::new() } else { format!("{prompt}{line}\n") };
            write_terminal(&format!("{RESET_EDITOR_MODES}{pending}{typed}")).ok();
        }
        // The editor has not responded: it waits for the rest of a sequence of keys.
        EditStage::Starting | EditStage::Editing | EditStage::Stopping => {
            let pending = screen.render_pending();
            write_terminal(&format!("{RESET_EDITOR_MODES}\n{pending}")).ok();
        }
    }
    screen.start_new_line();
    (screen.stage, screen.prints_prompt, screen.taken) = (EditStage::Stopped, false, screen.queued);
    CHANGED.notify_all();
}

/// Prints escaped text from a peer.
///
/// # Errors
/// The terminal cannot be written.
pub(crate) fn print_peer_text(text: String) -> io::Result<()> {
    if text.is_empty() { Ok(()) } else { print(lock_screen(), Piece::Peer(text)) }
}

/// Records whether a peer's `bytes`, which were written to the terminal unchanged, end in the
/// middle of a line.
pub(crate) fn track_raw_bytes(bytes: &[u8]) {
    lock_screen().is_mid_line = !bytes.ends_with(b"\n");
}

/// Prints `lines`, each with its newline, to standard error, without other output between them. A
/// failure of standard error is ignored, since it cannot be reported.
pub(crate) fn print_diagnostics(lines: impl IntoIterator<Item = impl AsRef<str>>) {
    let mut screen = lock_screen();
    if screen.is_free() {
        screen.write_diagnostics(lines);
    } else if io::stderr().is_terminal() {
        let all: Vec<_> = lines.into_iter().collect();
        let all: Vec<_> = all.iter().map(AsRef::as_ref).collect();
        print(screen, Piece::Diagnostics(all.concat())).ok();
    } else {
        write_lines("", lines);
    }
}

/// Prints the prompt for the next line, if no editor prints it.
pub(crate) fn prompt() {
    lock_screen().print_prompt();
}

/// Records that the user has pressed Enter, so that the cursor is on a new line.
pub(crate) fn line_entered() {
    lock_screen().start_new_line();
}

/// Prints `piece` at once, or above the line being edited.
fn print(mut screen: MutexGuard<'static, Screen>, piece: Piece) -> io::Result<()> {
    if screen.is_free() {
        return screen.write(piece);
    }
    screen.pending.push(piece);
    screen.queued += 1;
    let number = screen.queued;
    screen.request_redraw();
    screen = wait_while(screen, |screen| screen.taken < number);
    if screen.taken < number {
        return screen.write_pending();
    }
    Ok(())
}

impl Screen {
    const fn new() -> Self {
        Self {
            stage: EditStage::Inactive,
            interactive: false,
            has_editor: false,
            prompt: String::new(),
            prints_prompt: false,
            is_prompted: false,
            is_mid_line: false,
            partial_line: PartialLine::new(),
            pending: Vec::new(),
            queued: 0,
            taken: 0,
            redraw: None,
            redraw_requested: false,
            drawing_for_key: false,
            line: (String::new(), 0),
        }
    }

    /// Returns whether output can be written at once, because no line is being edited.
    fn is_free(&self) -> bool {
        matches!(self.stage, EditStage::Inactive | EditStage::Stopped)
    }

    /// Returns whether there is text on the cursor's line.
    fn is_occupied(&self) -> bool {
        self.is_prompted || self.is_mid_line
    }

    /// Records that the cursor is on a new line.
    pub(super) fn start_new_line(&mut self) {
        (self.is_prompted, self.is_mid_line) = (false, false);
        self.partial_line.clear();
    }

    /// Makes the editor redraw. An editor that is starting draws without a request.
    pub(super) fn request_redraw(&mut self) {
        if let (EditStage::Editing | EditStage::Stopping, Some(redraw)) = (self.stage, &self.redraw)
            && !self.redraw_requested
        {
            // The channel has room for the one request that can be outstanding.
            self.redraw_requested = redraw.try_send(()).is_ok();
        }
    }

    fn print_prompt(&mut self) {
        if self.prints_prompt {
            write_stderr(&self.prompt);
            self.is_prompted = true;
        }
    }

    /// Writes `piece` at the cursor, or on a new line if that is needed.
    pub(super) fn write(&mut self, piece: Piece) -> io::Result<()> {
        match piece {
            Piece::Peer(text) => {
                if mem::take(&mut self.is_prompted) {
                    // A newline first, so that the typed text stays visible.
                    write_stderr("\n");
                }
                write_terminal(&text)?;
                self.is_mid_line = !text.ends_with('\n');
                if self.has_editor {
                    self.partial_line.append(&text, columns());
                }
                if !self.is_mid_line {
                    self.print_prompt();
                }
            }
            Piece::Diagnostics(lines) => self.write_diagnostics([lines]),
        }
        Ok(())
    }

    /// Writes diagnostics, starting on a new line, and prints the prompt again if it was there.
    fn write_diagnostics(&mut self, lines: impl IntoIterator<Item = impl AsRef<str>>) {
        let is_prompted = self.is_prompted;
        write_lines(if self.is_occupied() { "\n" } else { "" }, lines);
        self.start_new_line();
        if is_prompted {
            self.print_prompt();
        }
    }

    /// Writes the pending output although the editor has not responded; the editor draws its line
    /// again below the output.
    fn write_pending(&mut self) -> io::Result<()> {
        self.partial_line.clear();
        let text = format!("\n{}", self.render_pending());
        self.taken = self.queued;
        write_terminal(&text)
    }

    /// Takes the pending output and returns it as text for the beginning of an empty row. The text
    /// ends with a newline, even if the peer's last line is incomplete and continues later.
    pub(super) fn render_pending(&mut self) -> String {
        let columns = columns();
        let mut rendered = String::new();
        for piece in mem::take(&mut self.pending) {
            match piece {
                Piece::Peer(text) => {
                    rendered += &self.partial_line.redraw(columns);
                    rendered += &text;
                    self.partial_line.append(&text, columns);
                    if !self.partial_line.is_empty() {
                        rendered.push('\n');
                    }
                }
                Piece::Diagnostics(lines) => {
                    self.partial_line.clear();
                    rendered += &lines;
                }
            }
        }
        rendered
    }
}

/// Writes `prefix` and `lines` to standard error.
fn write_lines(prefix: &str, lines: impl IntoIterator<Item = impl AsRef<str>>) {
    bar::above(|| {
        let mut stderr = io::stderr().lock();
        let mut buffer = prefix.to_owned();
        for line in lines {
            buffer.push_str(line.as_ref());
            if buffer.len() >= WRITE_SIZE {
                if blocking::write_all(&mut stderr, buffer.as_bytes()).is_err() {
                    return;
                }
                buffer.clear();
            }
        }
        // A failure of standard error cannot be reported.
        blocking::write_all(&mut stderr, buffer.as_bytes()).ok();
    });
}

fn columns() -> usize {
    usize::from(table::width(rustix::stdio::stdout()).unwrap_or(DEFAULT_COLUMNS))
}

/// Writes `text` to standard output, bypassing std's line buffer, which would delay a prompt.
pub(super) fn write_terminal(text: &str) -> io::Result<()> {
    let mut stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    bar::above(|| blocking::write_all(&mut stdout, text.as_bytes()))
}

pub(super) fn lock_screen() -> MutexGuard<'static, Screen> {
    lock(&SCREEN)
}

/// Waits while `condition` holds, at most [`EDITOR_TIMEOUT`].
fn wait_while(
    screen: MutexGuard<'static, Screen>,
    condition: impl FnMut(&mut Screen) -> bool,
) -> MutexGuard<'static, Screen> {
    let waited = CHANGED.wait_timeout_while(screen, EDITOR_TIMEOUT, condition);
    waited.unwrap_or_else(PoisonError::into_inner).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_peers_line_redraws_the_line_until_it_is_complete() {
        let mut screen = Screen::new();
        let mut render = |piece| {
            screen.pending.push(piece);
            screen.render_pending()
        };
        let peer = |text: &str| Piece::Peer(text.to_owned());
        assert_eq!(render(peer("one\nHel")), "one\nHel\n");
        assert_eq!(render(peer("lo")), "\u{1b}[1A\r\u{1b}[JHello\n");
        assert_eq!(render(peer("!\n")), "\u{1b}[1A\r\u{1b}[JHello!\n");
        assert_eq!(render(peer("user: ")), "user: \n");
        assert_eq!(render(Piece::Diagnostics("note: text\n".to_owned())), "note: text\n");
        assert_eq!(render(peer("name\n")), "name\n");
    }
}
