//! The line that the user types in an interactive session: the terminal's settings, drawing the
//! line, and giving the terminal back while this process is stopped.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::getpgrp;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp,
    tcsetattr,
};

use crate::output::color::Paint;
use crate::output::terminal::device::Device;
use crate::output::terminal::editing::line_painter::{LinePainter, moves_cursor};
use crate::output::terminal::editing::painter::View;

/// An interactive session in which lines are edited.
#[derive(Debug)]
pub(super) struct EditSession {
    device: Device,
    prompt: String,
    receivers: Receivers,
    painter: LinePainter,
    /// The settings of the terminal before the session.
    original: Termios,
    /// Whether lines are read from now on, so that the terminal has the settings for it.
    is_active: bool,
    /// Whether the terminal belongs to another process: this one is stopped or in the background.
    is_suspended: bool,
    /// The line being typed, while the editor reads one.
    line: Option<EditedLine>,
}

/// The number of clients that receive the lines that are typed. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Receivers(Arc<AtomicUsize>);

impl Default for Receivers {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(1)))
    }
}

impl Receivers {
    /// Sets the number; the next prompt shows it.
    pub(super) fn set(&self, clients: usize) {
        self.0.store(clients, Ordering::Relaxed);
    }

    /// Returns `prompt` with the number of receivers before it, unless that is 1.
    pub(super) fn prompt(&self, prompt: &str) -> String {
        match self.0.load(Ordering::Relaxed) {
            1 => prompt.to_owned(),
            clients => format!("{clients} clients{prompt}"),
        }
    }
}

/// The line being typed.
#[derive(Debug, Default)]
pub(super) struct EditedLine {
    /// A prompt in place of the session's.
    pub(super) prompt: Option<String>,
    pub(super) text: String,
    /// The position of the cursor, in bytes.
    pub(super) pos: usize,
}

impl EditSession {
    /// Begins a session on `device`. Returns `None` if the terminal cannot move its cursor.
    pub(super) fn begin(
        device: Device,
        prompt: &str,
        receivers: Receivers,
        paint: Paint,
    ) -> Option<Self> {
        moves_cursor().then(|| Self::begin_fields(device, prompt, receivers, paint)).flatten()
    }

    /// Does the same as [`Self::begin`] on any terminal.
    pub(super) fn begin_fields(
        device: Device,
        prompt: &str,
        receivers: Receivers,
        paint: Paint,
    ) -> Option<Self> {
        let original = tcgetattr(rustix::stdio::stdin()).ok()?;
        let echoes = original.local_modes.contains(LocalModes::ECHO);
        let (prompt, painter) = (prompt.to_owned(), LinePainter::of_terminal(paint, echoes));
        let (is_active, is_suspended, line) = (false, false, None);
        let session =
            Self { device, prompt, receivers, painter, original, is_active, is_suspended, line };
        Some(session)
    }

    /// Prepares for reading lines: from now on, the terminal echoes nothing.
    ///
    /// # Errors
    /// The terminal rejects the settings.
    pub(super) fn activate(&mut self) -> io::Result<()> {
        self.set_modes()?;
        self.is_active = true;
        self.device.write(self.painter.begin_input())
    }

    /// Returns whether the line being typed is on the screen.
    pub(super) fn shows_line(&self) -> bool {
        self.line.is_some() && !self.is_suspended
    }

    /// Returns whether another process has the terminal.
    pub(super) fn is_suspended(&self) -> bool {
        self.is_suspended
    }

    /// Shows another prompt from now on.
    pub(super) fn set_prompt(&mut self, prompt: &str) {
        prompt.clone_into(&mut self.prompt);
        self.redraw("");
    }

    /// Shows the line being typed, after `before`.
    pub(super) fn show_line(&mut self, line: EditedLine, before: &str) {
        self.line = Some(line);
        if !self.is_suspended {
            self.redraw(before);
        }
    }

    /// Leaves `line`, which the user has entered, on the screen.
    pub(super) fn finish_line(&mut self, line: EditedLine, before: &str) {
        self.line = Some(line);
        let mut out = before.to_owned();
        self.leave(&mut out);
        self.line = None;
        // A failure is reported by the next read or write; also below.
        self.device.write(&out).ok();
    }

    /// Prints `text`, which ends with a newline, above the line being typed.
    ///
    /// # Errors
    /// The terminal cannot be written.
    pub(super) fn print_above(&mut self, text: &str) -> io::Result<()> {
        let mut out = String::new();
        self.painter.erase(&mut out);
        out.push_str(text);
        self.draw(&mut out);
        self.device.write(&out)
    }

    /// Clears the screen, except for the line being typed.
    pub(super) fn clear_screen(&mut self) {
        if self.shows_line() {
            self.painter.forget();
            self.redraw(self.painter.clear_screen());
        }
    }

    /// Draws what has changed of the line being typed, or of the terminal's size, after `before`.
    pub(super) fn redraw(&mut self, before: &str) {
        let mut out = before.to_owned();
        self.draw(&mut out);
        self.device.write(&out).ok();
    }

    /// Gives the terminal to another process, because this one is about to stop. The line being
    /// typed stays on the screen.
    pub(super) fn suspend(&mut self) {
        if self.is_suspended || !self.is_active {
            return;
        }
        let mut out = String::new();
        if let Some(line) = &mut self.line {
            let pos = std::mem::replace(&mut line.pos, line.text.len());
            self.draw(&mut out);
            self.painter.leave(&mut out);
            if let Some(line) = &mut self.line {
                line.pos = pos;
            }
        }
        self.is_suspended = true;
        out.push_str(self.painter.end_input());
        self.device.write(&out).ok();
        self.restore_modes();
    }

    /// Takes the terminal again, after this process was continued, and draws the line being typed,
    /// on a new line if `is_mid_line`. Does nothing in the background; returns whether the terminal
    /// was taken.
    pub(super) fn resume(&mut self, is_mid_line: bool) -> bool {
        if !self.is_active {
            return true;
        }
        // The cursor is where another process left it.
        self.painter.forget();
        let foreground = tcgetpgrp(rustix::stdio::stdin());
        self.is_suspended = !foreground.is_ok_and(|group| group == getpgrp());
        if self.is_suspended {
            return false;
        }
        self.set_modes().ok();
        let row = match (&self.line, is_mid_line) {
            (Some(_), true) => "\n",
            (Some(_), false) => self.painter.clear_from_row(),
            (None, _) => "",
        };
        self.redraw(&format!("{}{row}", self.painter.begin_input()));
        true
    }

    /// Ends the session: what the user has typed stays on the screen, and the terminal gets its
    /// settings back.
    pub(super) fn end(mut self) {
        if self.is_suspended || !self.is_active {
            return;
        }
        let mut out = String::new();
        match &self.line {
            Some(line) if line.text.is_empty() => self.painter.erase(&mut out),
            Some(_) => self.leave(&mut out),
            None => {}
        }
        out.push_str(self.painter.end_input());
        self.device.write(&out).ok();
        self.restore_modes();
    }

    /// Appends to `out` what draws the line, if there is one to be drawn.
    fn draw(&mut self, out: &mut String) {
        if let Some(line) = self.line.as_ref().filter(|_| !self.is_suspended) {
            let prompt = match &line.prompt {
                Some(prompt) => prompt.clone(),
                None => self.receivers.prompt(&self.prompt),
            };
            let view = View { prompt: &prompt, line: &line.text, pos: line.pos };
            self.painter.draw(out, view, self.device.size());
        }
    }

    /// Appends to `out` what leaves the whole line on the terminal, with the cursor below it.
    fn leave(&mut self, out: &mut String) {
        if let Some(line) = &mut self.line {
            (line.prompt, line.pos) = (None, line.text.len());
            self.draw(out);
            self.painter.leave(out);
        }
    }

    /// Sets the terminal to send each key at once, without echo. Keys that send signals still do.
    fn set_modes(&self) -> io::Result<()> {
        let mut settings = self.original.clone();
        settings.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN);
        settings.input_modes.remove(InputModes::ISTRIP | InputModes::INLCR | InputModes::IGNCR);
        settings.special_codes[SpecialCodeIndex::VMIN] = 1;
        settings.special_codes[SpecialCodeIndex::VTIME] = 0;
        Ok(tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &settings)?)
    }

    /// Restores the settings of the terminal.
    fn restore_modes(&self) {
        // There is no remedy if the terminal rejects its previous settings.
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.original).ok();
    }
}
