//! [`Output`]: the handle through which a command prints, in the chosen format and verbosity.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::sync::mpsc;
use std::time::Duration;

use serde::Serialize;

use crate::allowance::Allowance;
use crate::output::color::{ColorChoice, Paint};
use crate::output::event::{Event, not_shown};
use crate::output::format::{Format, Verbosity};
use crate::output::json;
use crate::output::stats::Stats;
use crate::output::stdout::{StdoutError, write_stdout};
use crate::output::table::{self, Report};
use crate::output::terminal::device::Device;
use crate::output::terminal::screen::Terminal;
use crate::output::write_clock::WriteClock;
use crate::text::escape_lines;
use crate::threads;

/// An error as [`Output::error`] prints it, on up to three lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorReport {
    /// The exit code.
    pub code: u8,
    /// The failed operation, its object and the reason.
    pub message: String,
    /// A detail that the message does not contain.
    pub cause: Option<String>,
    /// Something for the user to type or do.
    pub hint: Option<String>,
}

/// How much is written at once. A reader that takes this is slow, but not blocked.
const WRITE_PART: usize = 64 * 1024;

/// Prints to standard output and standard error with the user's choices applied. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    format: Format,
    verbosity: Verbosity,
    /// Whether standard output is a terminal, which may show a bar.
    on_terminal: bool,
    out: Paint,
    err: Paint,
    /// A process needs its terminal until it ends.
    terminal: &'static Terminal,
    allowance: &'static Allowance,
    writes: &'static WriteClock,
}

impl Default for Output {
    fn default() -> Self {
        Self::new(Format::default(), ColorChoice::default(), Verbosity::default())
    }
}

impl Output {
    /// Decides once whether to use colour, from `color`, the environment and the two streams. A
    /// process has one terminal: it calls this once, and copies the result.
    pub fn new(format: Format, color: ColorChoice, verbosity: Verbosity) -> Self {
        let on_terminal = io::stdout().is_terminal();
        Self {
            format,
            verbosity,
            on_terminal,
            out: Paint::decide(color, on_terminal),
            err: Paint::decide(color, io::stderr().is_terminal()),
            terminal: Box::leak(Box::default()),
            allowance: Box::leak(Box::default()),
            writes: Box::leak(Box::default()),
        }
    }

    /// Returns whether standard output carries JSON.
    pub fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Returns whether standard output carries plain lines.
    pub(super) fn is_plain(self) -> bool {
        self.format == Format::Plain
    }

    /// Returns whether standard output carries tables.
    pub fn is_table(self) -> bool {
        self.format == Format::Table
    }

    /// Returns whether standard output is a terminal on which pictures can stand beside the tables.
    pub fn draws_pictures(self) -> bool {
        self.is_table() && self.on_terminal
    }

    /// Returns whether standard output is a terminal.
    pub(super) fn is_on_terminal(self) -> bool {
        self.on_terminal
    }

    /// Returns whether `-v` was given.
    pub fn is_verbose(self) -> bool {
        self.verbosity == Verbosity::Verbose
    }

    /// Returns the chosen verbosity.
    pub(super) fn verbosity(self) -> Verbosity {
        self.verbosity
    }

    /// Returns the terminal.
    pub(crate) fn terminal(self) -> &'static Terminal {
        self.terminal
    }

    /// Returns the time that outputs which take nothing may delay the end of the run.
    pub(crate) fn allowance(self) -> &'static Allowance {
        self.allowance
    }

    /// Returns the colour setting of standard output.
    pub(super) fn data_paint(self) -> Paint {
        self.out
    }

    /// Returns the colour setting of standard error.
    pub(super) fn error_paint(self) -> Paint {
        self.err
    }

    /// Prints a finished report.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn report(self, report: &impl Report) -> Result<(), StdoutError> {
        self.print_above(self.text(report).as_bytes())
    }

    /// Returns a report as [`Self::report`] prints it.
    pub fn text(self, report: &impl Report) -> String {
        match self.format {
            Format::Json => json::line(report),
            Format::Plain => table::plain(&report.tables()),
            Format::Table => {
                let terminal = self.on_terminal.then(rustix::stdio::stdout);
                table::aligned(&report.tables(), terminal.and_then(table::width), self.out)
            }
        }
    }

    /// Prints an event: data to standard output and diagnostics to standard error, or everything to
    /// standard output as NDJSON.
    ///
    /// # Errors
    /// Standard output cannot be written. A failure of standard error is ignored, since it cannot
    /// be reported.
    pub fn event(self, event: &Event) -> Result<(), StdoutError> {
        if self.is_json() {
            return self.print_above(json::line(event).as_bytes());
        }
        if let Some(line) = event.data_line() {
            return self.print_above(format!("{line}\n").as_bytes());
        }
        if let Event::Stats { stats } = event {
            self.print_diagnostics(self.stats(stats));
        } else if self.shows(event) {
            self.print_diagnostics(format!("{}\n", event.painted(self.err)));
        }
        Ok(())
    }

    /// Returns the statistics as text for standard error; standard output carries the peer's data.
    fn stats(self, stats: &Stats) -> String {
        let heading = format!("stats {}", escape_lines(&stats.peer));
        let tables = match self.format {
            Format::Plain => table::plain(&stats.tables()),
            _ => table::aligned(&stats.tables(), table::width(rustix::stdio::stderr()), self.err),
        };
        format!("{}\n{tables}", self.err.header(&heading))
    }

    /// Returns whether `event` is printed at the chosen verbosity.
    pub fn shows(self, event: &Event) -> bool {
        self.is_json() || self.verbosity >= event.verbosity()
    }

    /// Writes `data`, such as a completion script, to standard output unchanged.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn verbatim(self, data: &[u8]) -> Result<(), StdoutError> {
        self.print_above(data)
    }

    /// Returns whether standard output is coloured.
    pub fn is_coloured(self) -> bool {
        self.out.is_on()
    }

    /// Prints a note to standard error, unless `-q` was given.
    pub fn note(self, message: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.diagnostic("note", message);
        }
    }

    /// Prints a warning to standard error, unless `-q` was given.
    pub fn warn(self, message: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.diagnostic("warning", message);
        }
    }

    /// Prints a note to standard error if `-v` was given.
    pub fn detail(self, message: &str) {
        if self.is_verbose() {
            self.diagnostic("note", message);
        }
    }

    /// Begins an interactive session, in which the user types lines at this terminal after
    /// `prompt`. With a `device`, lines are edited on it if the terminal supports that; returns
    /// whether they are.
    pub fn begin_session(self, prompt: &str, device: Option<Device>) -> bool {
        if device.is_some_and(|device| self.terminal.begin_editing(device, prompt, self.err)) {
            return true;
        }
        self.terminal.begin_session(prompt, self.err);
        false
    }

    /// Begins an interactive session in which the user fills in fields on `device`, each after its
    /// own prompt. Returns false if standard input is no terminal.
    pub fn begin_fields(self, device: Device) -> bool {
        self.terminal.begin_fields(device, self.err)
    }

    /// Prints the session's prompt for the next line, if no line editor prints it.
    pub fn prompt(self) {
        self.terminal.prompt();
    }

    /// Sets the number of clients that receive the lines that are typed. Unless it is 1, the prompt
    /// shows it. Never waits for the terminal.
    pub fn set_receivers(self, clients: usize) {
        self.terminal.set_receivers(clients);
    }

    /// Gives the terminal to another process, because this one is about to stop.
    pub fn suspend(self) {
        self.terminal.suspend();
    }

    /// Takes the terminal again after this process was continued. Returns false if another process
    /// has it, because this one is in the background.
    pub fn resume(self) -> bool {
        self.terminal.resume()
    }

    /// Returns whether another process has the terminal.
    pub fn is_suspended(self) -> bool {
        self.terminal.is_suspended()
    }

    /// Draws the line being typed again, after the size of the terminal has changed.
    pub fn redraw(self) {
        self.terminal.redraw();
    }

    /// Ends the interactive session: no prompt is printed and no line is edited any more.
    pub fn end_session(self) {
        self.terminal.end_session();
    }

    /// Prints an error to standard error, also with `-q`.
    pub fn error(self, report: &ErrorReport) {
        #[derive(Serialize)]
        #[serde(tag = "type", rename = "error")]
        struct Error<'a> {
            code: u8,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            cause: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            hint: Option<&'a str>,
        }
        let ErrorReport { code, message, cause, hint } = report;
        let (cause, hint) = (cause.as_deref(), hint.as_deref());
        if self.is_json() {
            let line = json::line(&Error { code: *code, message, cause, hint });
            return self.writes.during(|| self.terminal.write_stderr(&line));
        }
        let mut lines = format!("{} {}\n", self.err.error("error:"), escape_lines(message));
        for (label, text) in [("cause:", cause), ("try:", hint)] {
            if let Some(text) = text {
                // Writing to a String cannot fail.
                writeln!(lines, "{} {}", self.err.dim(label), escape_lines(text))
                    .unwrap_or_default();
            }
        }
        self.writes.during(|| self.terminal.write_stderr(&lines));
    }

    /// Prints the last lines of a run: how many events were not printed, and the error. A blocked
    /// standard error delays the end of the run without limit, or if it `is_limited` by at most the
    /// allowance.
    pub fn end(self, unprinted: u64, error: Option<ErrorReport>, is_limited: bool) {
        if unprinted == 0 && error.is_none() {
            return;
        }
        let print = move || {
            if unprinted > 0 {
                self.warn(&format!("{}: their reader was too slow", not_shown(unprinted)));
            }
            if let Some(error) = &error {
                self.error(error);
            }
        };
        if !is_limited {
            return print();
        }
        let (done, printed) = mpsc::channel();
        let print = move || {
            print();
            // The send fails if the wait below has timed out.
            done.send(()).ok();
        };
        match threads::start("end", print.clone()) {
            Ok(()) => drop(self.allowance.wait(|limit| printed.recv_timeout(limit))),
            // The error may be that no thread can be started.
            Err(_) => print(),
        }
    }

    fn diagnostic(self, kind: &'static str, message: &str) {
        self.print_diagnostics(self.diagnostic_line(kind, message));
    }

    fn print_diagnostics(self, lines: String) {
        self.writes.during(|| self.terminal.print_diagnostics([lines]));
    }

    /// Calls `work`, which a blocked terminal can delay.
    pub(super) fn during_write(self, work: impl FnOnce()) {
        self.writes.during(work);
    }

    /// Returns how long standard output and standard error have taken nothing of what is written;
    /// `None` if nothing is.
    pub(crate) fn blocked_for(self) -> Option<Duration> {
        self.writes.blocked_for()
    }

    /// Returns the line of a note or a warning.
    pub(super) fn diagnostic_line(self, kind: &'static str, message: &str) -> String {
        #[derive(Serialize)]
        struct Diagnostic<'a> {
            r#type: &'static str,
            message: &'a str,
        }
        if self.is_json() {
            return json::line(&Diagnostic { r#type: kind, message });
        }
        format!("{} {}\n", self.err.dim(&format!("{kind}:")), escape_lines(message))
    }

    /// Writes to standard output, which may be the terminal that shows a bar. If not, a blocked
    /// write must not block the bar.
    fn print_above(self, bytes: &[u8]) -> Result<(), StdoutError> {
        let write = || {
            bytes.chunks(WRITE_PART).try_for_each(|part| {
                write_stdout(part)?;
                self.writes.advance();
                Ok(())
            })
        };
        self.writes
            .during(|| if self.on_terminal { self.terminal.hide_bar_for(write) } else { write() })
    }
}
