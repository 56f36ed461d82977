//! The terminal as a shared resource: received data, diagnostics, and the line being typed.
//!
//! A command has one [`Terminal`]. A lock protects what is known about the screen, and each thread
//! that prints draws for itself: above the line being typed, or on a new line if other text is on
//! the cursor's line. No two outputs share a line, and none is lost.

use std::io::{self, IsTerminal as _};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use crate::blocking;
use crate::output::color::Paint;
use crate::output::terminal::bar::Bar;
use crate::output::terminal::device::Device;
use crate::output::terminal::edit_session::{EditSession, EditedLine};
use crate::output::terminal::receivers::Receivers;
use crate::output::terminal::screen::state::{Label, Piece, Screen};
use crate::output::terminal::wake::Wake;
use crate::sync::{lock, wait_timeout};

pub(crate) mod state;

/// Bytes of diagnostics collected for one write: a hexdump has many lines.
const WRITE_SIZE: usize = 16 * 1024;

/// The terminal of this process: its screen and the progress bar on it.
#[derive(Debug, Default)]
pub(crate) struct Terminal {
    screen: Mutex<Screen>,
    /// Locked by the thread that writes to a standard error that is no terminal.
    redirected: Mutex<()>,
    /// Notified when the terminal has reported its cursor.
    cursor_reported: Condvar,
    bar: Bar,
    receivers: Arc<Receivers>,
}

impl Terminal {
    /// Begins an interactive session without an editor, in which `prompt` is printed.
    pub(in crate::output) fn begin_session(&self, prompt: &str, paint: Paint) {
        self.lock().prompt = Some((prompt.to_owned(), paint));
    }

    /// Sets the number of clients that receive the lines that are typed.
    pub(crate) fn set_receivers(&self, clients: usize) {
        self.receivers.set(clients);
    }

    /// Ends the interactive session: no prompt is printed and no line is edited any more, and the
    /// cursor is on a new line.
    pub(crate) fn end_session(&self) {
        let mut screen = self.lock();
        let edits = screen.edits.take();
        if edits.is_none() && screen.prompt.is_none() {
            return;
        }
        screen.prompt = None;
        if screen.is_prompted || screen.is_mid_line {
            self.bar.write_stderr("\n");
        }
        if let Some(edits) = edits {
            edits.end();
        }
        screen.start_new_line();
    }

    /// Begins an interactive session in which lines are edited on `device`, after `prompt`. Returns
    /// false if the terminal does not support that.
    pub(in crate::output) fn begin_editing(
        &self,
        device: Device,
        prompt: &str,
        paint: Paint,
    ) -> bool {
        let mut screen = self.lock();
        screen.edits = EditSession::begin(device, prompt, Arc::clone(&self.receivers), paint);
        screen.edits.is_some()
    }

    /// Begins a session in which fields are edited on `device`, on any terminal. Returns false if
    /// standard input is no terminal.
    pub(in crate::output) fn begin_fields(&self, device: Device, paint: Paint) -> bool {
        let mut screen = self.lock();
        screen.edits = EditSession::begin_fields(device, "", Arc::clone(&self.receivers), paint);
        screen.edits.is_some()
    }

    /// Prepares for reading lines: from now on, the terminal echoes nothing. `editor` is woken when
    /// the prompt changes. Returns whether lines can be edited.
    pub(super) fn start_editing(&self, editor: Arc<Wake>) -> bool {
        self.receivers.set_editor(editor);
        let mut screen = self.lock();
        let is_active = screen.edits.as_mut().is_some_and(|edits| edits.activate().is_ok());
        if !is_active {
            screen.edits = None;
        }
        is_active
    }

    /// Shows another prompt from now on, if lines are edited.
    pub(crate) fn set_prompt(&self, prompt: &str) {
        if let Some(edits) = &mut self.lock().edits {
            edits.set_prompt(prompt);
        }
    }

    /// Shows the line being typed. Blocks for good if the session has ended: the process is about
    /// to end, too.
    pub(super) fn show_line(&self, line: EditedLine) {
        drop(self.edit(|edits, before| edits.show_line(line, before)));
    }

    /// Leaves `line`, which the user has entered, on the screen.
    pub(super) fn finish_line(&self, line: EditedLine) {
        self.edit(|edits, before| edits.finish_line(line, before)).start_new_line();
    }

    /// Calls `draw` with what must be written before the line, because a peer's text is on the
    /// cursor's line.
    fn edit(&self, draw: impl FnOnce(&mut EditSession, &str)) -> MutexGuard<'_, Screen> {
        let mut screen = self.lock();
        let Screen { edits: Some(edits), is_mid_line, .. } = &mut *screen else {
            drop(screen);
            loop {
                thread::park();
            }
        };
        let needs_row = !edits.is_suspended() && mem::take(is_mid_line);
        draw(edits, if needs_row { "\n" } else { "" });
        screen
    }

    /// Clears the screen, except for the line being typed.
    pub(super) fn clear_screen(&self) {
        let mut screen = self.lock();
        screen.start_new_line();
        if let Some(edits) = &mut screen.edits {
            edits.clear_screen();
        }
    }

    /// Draws the line being typed again, after the size of the terminal has changed.
    pub(crate) fn redraw(&self) {
        drop(self.lock_adapted());
    }

    /// Draws the line being typed again if it waits for the position of the cursor, which the
    /// terminal reports in this column, from 0.
    pub(super) fn learn_cursor(&self, column: usize) {
        if let Some(edits) = &mut self.lock().edits {
            edits.learn_cursor(column);
        }
        self.cursor_reported.notify_all();
    }

    /// Gives the terminal to another process, because this one is about to stop.
    pub(crate) fn suspend(&self) {
        let mut screen = self.lock();
        if let Some(edits) = &mut screen.edits {
            edits.suspend();
            screen.start_new_line();
        }
    }

    /// Takes the terminal again after this process was continued. Returns false if another process
    /// has it, because this one is in the background.
    pub(crate) fn resume(&self) -> bool {
        let Screen { edits: Some(edits), is_mid_line, .. } = &mut *self.lock() else { return true };
        let is_taken = edits.resume(*is_mid_line);
        *is_mid_line &= !is_taken;
        is_taken
    }

    /// Returns whether another process has the terminal.
    pub(crate) fn is_suspended(&self) -> bool {
        self.lock().edits.as_ref().is_some_and(EditSession::is_suspended)
    }

    /// Prints escaped text from a peer, with the peer's `label` before each line.
    ///
    /// # Errors
    /// The terminal cannot be written.
    pub(crate) fn print_peer_text(&self, text: String, label: Option<&Label>) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.print(&mut self.lock_adapted(), Piece::Peer(text, label.cloned()))
    }

    /// Records whether a peer's `bytes`, which were written to the terminal unchanged, end in the
    /// middle of a line.
    pub(crate) fn track_raw_bytes(&self, bytes: &[u8]) {
        self.lock().is_mid_line = !bytes.ends_with(b"\n");
    }

    /// Prints `lines`, each with its newline, to standard error, without other output between them.
    /// A failure of standard error is ignored, since it cannot be reported.
    pub(crate) fn print_diagnostics(&self, lines: impl IntoIterator<Item = impl AsRef<str>>) {
        if !io::stderr().is_terminal() {
            // A pipe without a reader must not block what is typed or printed.
            let _turn = lock(&self.redirected);
            self.write_lines("", lines);
            return;
        }
        let mut screen = self.lock_adapted();
        if screen.is_editing() {
            let all: Vec<_> = lines.into_iter().collect();
            let all: Vec<_> = all.iter().map(AsRef::as_ref).collect();
            self.print(&mut screen, Piece::Diagnostics(all.concat())).ok();
        } else {
            self.write_diagnostics(&mut screen, lines);
        }
    }

    /// Calls `write`, which writes to standard output, while the bar is hidden.
    pub(crate) fn hide_bar_for<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.hide_for(write)
    }

    /// Returns the progress bar.
    pub(super) fn bar(&self) -> &Bar {
        &self.bar
    }

    /// Writes `text` to standard error, whatever is on the screen.
    pub(crate) fn write_stderr(&self, text: &str) {
        self.bar.write_stderr(text);
    }

    /// Prints the prompt for the next line, if no editor prints it.
    pub(crate) fn prompt(&self) {
        let mut screen = self.lock();
        if !screen.is_prompted {
            self.print_prompt(&mut screen);
        }
    }

    /// Records that the user has pressed Enter, so that the cursor is on a new line.
    pub(crate) fn line_entered(&self) {
        self.lock().start_new_line();
    }

    fn lock(&self) -> MutexGuard<'_, Screen> {
        lock(&self.screen)
    }

    /// Locks the screen, after the line being typed was adapted to the size of the terminal. The
    /// terminal may be asked for its cursor first, but is not waited for without a limit.
    fn lock_adapted(&self) -> MutexGuard<'_, Screen> {
        let mut screen = self.lock();
        while let Some(wait) = screen.edits.as_mut().and_then(EditSession::adapt_to_size) {
            screen = wait_timeout(&self.cursor_reported, screen, wait);
        }
        screen
    }

    /// Prints `piece` at the cursor, or above the line being edited.
    fn print(&self, screen: &mut Screen, piece: Piece) -> io::Result<()> {
        if screen.is_editing() {
            let text = screen.render(piece);
            return screen.edits.as_mut().map_or(Ok(()), |edits| edits.print_above(&text));
        }
        match piece {
            Piece::Peer(text, label) => {
                if mem::take(&mut screen.is_prompted) {
                    // A newline first, so that the typed text stays visible.
                    self.bar.write_stderr("\n");
                }
                let row = if screen.is_mid_line { "\n" } else { "" };
                let text = match label {
                    Some(label) => screen.add_label(&text, label, row),
                    None => text,
                };
                self.bar.hide_for(|| Device::StandardOutput.write(&text))?;
                screen.is_mid_line = !text.ends_with('\n');
                if screen.edits.is_some() {
                    screen.append_partial(&text);
                }
                if !screen.is_mid_line {
                    self.print_prompt(screen);
                }
            }
            Piece::Diagnostics(lines) => self.write_diagnostics(screen, [lines]),
        }
        Ok(())
    }

    fn print_prompt(&self, screen: &mut Screen) {
        if let Some((prompt, paint)) = screen.prompt.as_ref().filter(|(text, _)| !text.is_empty()) {
            self.bar.write_stderr(&paint.prompt(&self.receivers.prompt(prompt)));
            screen.is_prompted = true;
        }
    }

    /// Writes diagnostics, starting on a new line, and prints the prompt again if it was there.
    fn write_diagnostics(
        &self,
        screen: &mut Screen,
        lines: impl IntoIterator<Item = impl AsRef<str>>,
    ) {
        let is_prompted = screen.is_prompted;
        self.write_lines(if is_prompted || screen.is_mid_line { "\n" } else { "" }, lines);
        screen.start_new_line();
        if is_prompted {
            self.print_prompt(screen);
        }
    }

    /// Writes `prefix` and `lines` to standard error.
    fn write_lines(&self, prefix: &str, lines: impl IntoIterator<Item = impl AsRef<str>>) {
        self.bar.hide_for(|| {
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
}

#[cfg(test)]
mod tests;
