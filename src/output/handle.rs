//! [`Output`]: the handle through which a command prints, with the user's choices applied.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::output::color::{ColorChoice, Paint};
use crate::output::event::Event;
use crate::output::format::{Format, Verbosity};
use crate::output::json;
use crate::output::stats::Stats;
use crate::output::table::{self, Report};
use crate::output::terminal::bar::write_stderr;
use crate::output::terminal::screen;
use crate::text::escape_lines;

/// What went wrong, for [`Output::error`]: the three lines of an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorReport {
    /// The exit code that goes with it.
    pub code: u8,
    /// What failed, and why in a word.
    pub message: String,
    /// What is known beyond that.
    pub cause: Option<String>,
    /// What to try.
    pub hint: Option<String>,
}

/// The way to both streams, with the user's choices applied. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    format: Format,
    verbosity: Verbosity,
    out: Paint,
    err: Paint,
}

impl Default for Output {
    fn default() -> Self {
        Self::new(Format::default(), ColorChoice::default(), Verbosity::default())
    }
}

impl Output {
    /// Decides colour once, from `color`, the environment and the streams themselves.
    pub fn new(format: Format, color: ColorChoice, verbosity: Verbosity) -> Self {
        Self {
            format,
            verbosity,
            out: Paint::decide(color, io::stdout().is_terminal()),
            err: Paint::decide(color, io::stderr().is_terminal()),
        }
    }

    /// Returns whether standard output carries JSON.
    pub fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Returns whether the user asked for more talk.
    pub fn is_verbose(self) -> bool {
        self.verbosity == Verbosity::Verbose
    }

    /// Returns how much is said beside the data.
    pub(super) fn verbosity(self) -> Verbosity {
        self.verbosity
    }

    /// Returns how standard error is coloured.
    pub(super) fn error_paint(self) -> Paint {
        self.err
    }

    /// Prints a finished report.
    ///
    /// # Errors
    /// Standard output could not be written; `BrokenPipe` when its reader left.
    pub fn report(self, report: &impl Report) -> io::Result<()> {
        let text = match self.format {
            Format::Json => json::line(report),
            Format::Plain => table::plain(&report.tables()),
            Format::Table => {
                table::aligned(&report.tables(), table::width(rustix::stdio::stdout()), self.out)
            }
        };
        write_stdout(text.as_bytes())
    }

    /// Prints an event: data to standard output, talk to standard error, or everything to
    /// standard output as NDJSON.
    ///
    /// # Errors
    /// Standard output could not be written. Talk that cannot be written is dropped: there is
    /// nobody left to tell.
    pub fn event(self, event: &Event) -> io::Result<()> {
        if self.is_json() {
            return write_stdout(json::line(event).as_bytes());
        }
        if let Some(line) = event.data_line() {
            return write_stdout(format!("{line}\n").as_bytes());
        }
        if let Event::Stats { stats } = event {
            screen::talk([self.stats(stats)]);
        } else if self.shows(event) {
            screen::talk([format!("{}\n", event.painted(self.err))]);
        }
        Ok(())
    }

    /// The figures of a conversation, as talk: standard output is the peer's.
    fn stats(self, stats: &Stats) -> String {
        let headline = format!("stats {}", escape_lines(&stats.peer));
        let tables = match self.format {
            Format::Plain => table::plain(&stats.tables()),
            _ => table::aligned(&stats.tables(), table::width(rustix::stdio::stderr()), self.err),
        };
        format!("{}\n{tables}", self.err.header(&headline))
    }

    /// Returns whether anything of `event` is printed.
    pub fn shows(self, event: &Event) -> bool {
        self.is_json() || self.verbosity >= event.verbosity()
    }

    /// Prints text that is data but no report, such as a completion script, as it is.
    ///
    /// # Errors
    /// Standard output could not be written.
    pub fn verbatim(self, data: &[u8]) -> io::Result<()> {
        write_stdout(data)
    }

    /// Says something a user may want to know; silent with `-q`.
    pub fn note(self, message: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.talk("note", message);
        }
    }

    /// Warns; silent with `-q`.
    pub fn warn(self, message: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.talk("warning", message);
        }
    }

    /// Says something only those want to know who asked for more with `-v`.
    pub fn detail(self, message: &str) {
        if self.is_verbose() {
            self.talk("note", message);
        }
    }

    /// Asks on standard error, without a newline, for something to be typed.
    pub fn ask(self, question: &str) {
        write_stderr(&self.err.prompt(question));
    }

    /// Prompts for the next line of a conversation, where no editor does.
    pub fn prompt(self) {
        screen::prompt();
    }

    /// Ends a conversation: nothing is prompted for or edited any more.
    pub fn end_conversation(self) {
        screen::end();
    }

    /// Prints what went wrong; also with `-q`.
    pub fn error(self, complaint: &ErrorReport) {
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
        let ErrorReport { code, message, cause, hint } = complaint;
        let (cause, hint) = (cause.as_deref(), hint.as_deref());
        if self.is_json() {
            return write_stderr(&json::line(&Error { code: *code, message, cause, hint }));
        }
        let mut lines = format!("{} {}\n", self.err.bad("error:"), escape_lines(message));
        for (label, text) in [("cause:", cause), ("try:", hint)] {
            if let Some(text) = text {
                // Writing to a String cannot fail.
                writeln!(lines, "{} {}", self.err.dim(label), escape_lines(text))
                    .unwrap_or_default();
            }
        }
        write_stderr(&lines);
    }

    fn talk(self, kind: &'static str, message: &str) {
        #[derive(Serialize)]
        struct Talk<'a> {
            r#type: &'static str,
            message: &'a str,
        }
        screen::talk([if self.is_json() {
            json::line(&Talk { r#type: kind, message })
        } else {
            format!("{} {}\n", self.err.dim(&format!("{kind}:")), escape_lines(message))
        }]);
    }
}

fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}
