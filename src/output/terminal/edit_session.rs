//! The line that the user types in an interactive session: the terminal's settings, drawing the
//! line, and giving the terminal back while this process is stopped.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::getpgrp;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp,
    tcsetattr,
};

use crate::output::color::Paint;
use crate::output::terminal::device::Device;
use crate::output::terminal::editing::line_painter::{LinePainter, moves_cursor};
use crate::output::terminal::editing::painter::View;
use crate::output::terminal::editing::rewrap::{Decision, Rewrap};
use crate::output::terminal::receivers::Receivers;

/// Asks the terminal for the position of the cursor (DSR 6).
const REPORT_CURSOR: &str = "\x1b[6n";

/// An interactive session in which lines are edited.
#[derive(Debug)]
pub(super) struct EditSession {
    device: Device,
    prompt: String,
    receivers: Arc<Receivers>,
    painter: LinePainter,
    rewrap: Rewrap,
    /// The settings of the terminal before the session.
    original: Termios,
    /// Whether lines are read from now on, so that the terminal has the settings for it.
    is_active: bool,
    /// Whether the terminal belongs to another process: this one is stopped or in the background.
    is_suspended: bool,
    /// The line being typed, while the editor reads one.
    line: Option<EditedLine>,
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
        receivers: Arc<Receivers>,
        paint: Paint,
    ) -> Option<Self> {
        moves_cursor().then(|| Self::begin_fields(device, prompt, receivers, paint)).flatten()
    }

    /// Does the same as [`Self::begin`] on any terminal.
    pub(super) fn begin_fields(
        device: Device,
        prompt: &str,
        receivers: Arc<Receivers>,
        paint: Paint,
    ) -> Option<Self> {
        let original = tcgetattr(rustix::stdio::stdin()).ok()?;
        let echoes = original.local_modes.contains(LocalModes::ECHO);
        Some(Self {
            device,
            prompt: prompt.to_owned(),
            receivers,
            painter: LinePainter::of_terminal(paint, echoes),
            rewrap: Rewrap::default(),
            original,
            is_active: false,
            is_suspended: false,
            line: None,
        })
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
        self.adapt(&mut out, self.device.size().columns, false);
        self.painter.erase(&mut out);
        out.push_str(text);
        self.draw(&mut out, false);
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
        self.draw(&mut out, true);
        self.device.write(&out).ok();
    }

    /// Draws the line again if the size of the terminal has changed. Returns how long the terminal
    /// may take to tell where the cursor is, if that is needed first.
    pub(super) fn adapt_to_size(&mut self) -> Option<Duration> {
        if !self.shows_line() {
            return None;
        }
        let mut out = String::new();
        let wait = self.draw(&mut out, true);
        self.device.write(&out).ok();
        wait
    }

    /// Draws the line again now that the terminal has reported the cursor in this column, from 0.
    pub(super) fn learn_cursor(&mut self, column: usize) {
        self.rewrap.learn(column, self.painter.places(self.device.size().columns));
        self.redraw("");
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
            self.draw(&mut out, false);
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
            Some(line) if line.text.is_empty() => {
                self.adapt(&mut out, self.device.size().columns, false);
                self.painter.erase(&mut out);
            }
            Some(_) => self.leave(&mut out),
            None => {}
        }
        out.push_str(self.painter.end_input());
        self.device.write(&out).ok();
        self.restore_modes();
    }

    /// Appends to `out` what draws the line, if there is one to be drawn. Returns how long the
    /// terminal may take to tell where the cursor is, if that is needed first and this `may_wait`.
    fn draw(&mut self, out: &mut String, may_wait: bool) -> Option<Duration> {
        self.line.as_ref().filter(|_| !self.is_suspended)?;
        let size = self.device.size();
        let wait = self.adapt(out, size.columns, may_wait);
        let line = self.line.as_ref().filter(|_| wait.is_none());
        if let Some(line) = line {
            let prompt = match &line.prompt {
                Some(prompt) => prompt.clone(),
                None => self.receivers.prompt(&self.prompt),
            };
            let view = View { prompt: &prompt, line: &line.text, pos: line.pos };
            self.painter.draw(out, view, size);
        }
        wait
    }

    /// Appends to `out` what removes the line if the number of columns has changed. Returns how
    /// long the terminal may take to tell where the cursor is, if that is needed first and this
    /// `may_wait`.
    fn adapt(&mut self, out: &mut String, columns: usize, may_wait: bool) -> Option<Duration> {
        loop {
            let places = self.painter.places(columns)?;
            match self.rewrap.decide(places, may_wait) {
                Decision::Rows(rows) => {
                    self.painter.remove(out, rows);
                    return None;
                }
                Decision::Ask => out.push_str(REPORT_CURSOR),
                Decision::Wait(rest) => return Some(rest),
            }
        }
    }

    /// Appends to `out` what leaves the whole line on the terminal, with the cursor below it.
    fn leave(&mut self, out: &mut String) {
        if let Some(line) = &mut self.line {
            (line.prompt, line.pos) = (None, line.text.len());
            self.draw(out, false);
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
