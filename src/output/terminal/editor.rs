//! The editor for the lines that the user types. The only module that uses `rustyline`.
//!
//! The key bindings are those of Emacs, as in a shell. The history is kept in memory only, because
//! a line can contain a password.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::sync::mpsc;
use std::thread;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::completion::Completer;
use rustyline::config::Config;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{ColorMode, CompletionType, Context, Editor, ExternalPrinter as _, Helper};

use crate::output::handle::Output;
use crate::output::terminal::drawing;
use crate::output::terminal::screen;

/// How long to wait, in milliseconds, for the remaining bytes of a key that the terminal sends as
/// several bytes. Escape alone is also a key, and it must not delay the output of received data.
const KEY_TIMEOUT_MS: u16 = 100;

/// What the external printer prints to make the editor redraw its line. It moves the cursor one row
/// up and one down, so it leaves no trace.
const REDRAW: &str = "\x1b[A\n";

/// Reads lines that the user edits.
#[derive(Debug)]
pub(crate) struct LineEditor {
    editor: Editor<EditorHelper, MemHistory>,
    /// The prompt without and with colour.
    prompt: (&'static str, String),
    /// The terminal's settings before the first line was read.
    original_settings: Option<Termios>,
    out: Output,
}

/// The result of reading a line.
#[derive(Debug)]
pub(crate) enum Typed {
    /// A line without its line ending; pasted text can contain several lines.
    Line(String),
    /// Ctrl-D.
    End,
    /// Ctrl-C.
    Interrupt,
    /// The editor failed: lines cannot be edited.
    Failed,
}

impl LineEditor {
    /// Starts an interactive session with a line editor; returns `None` if the terminal does not
    /// support editing (`TERM=dumb`).
    pub(crate) fn begin(out: Output) -> Option<Self> {
        let config = Config::builder()
            .auto_add_history(true)
            .completion_type(CompletionType::List)
            .keyseq_timeout(Some(KEY_TIMEOUT_MS))
            // In other modes the editor may not call `EditorHelper::highlight_prompt`. This mode
            // forces no colour: `color` decides whether the prompt is coloured.
            .color_mode(ColorMode::Forced)
            .build();
        let history = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history).ok()?;
        editor.set_helper(Some(EditorHelper));
        let mut printer = editor.create_external_printer().ok()?;
        let (redraw, redraws) = mpsc::sync_channel(1);
        // The printer runs in its own thread, because it blocks until the editor has handled the
        // previous redraw.
        let thread = thread::Builder::new().name("screen".into()).spawn(move || {
            for () in redraws {
                if drawing::is_editing() && printer.print(REDRAW.to_owned()).is_err() {
                    return;
                }
            }
        });
        thread.ok()?;
        let prompt = (screen::PROMPT, out.error_paint().prompt(screen::PROMPT));
        screen::begin_edited_session(prompt.1.clone(), redraw);
        Some(Self { editor, prompt, original_settings: None, out })
    }

    /// Reads the next line; blocks until the user enters it.
    pub(crate) fn read_line(&mut self) -> Typed {
        let mut initial = (String::new(), String::new());
        loop {
            let Some(turn) = drawing::DrawingTurn::begin() else { return Typed::End };
            self.original_settings = self.original_settings.take().or_else(disable_line_input);
            let (left, right) = (initial.0.as_str(), initial.1.as_str());
            let outcome = self.editor.readline_with_initial(&self.prompt, (left, right));
            drop(turn);
            return match outcome {
                Ok(line) => Typed::Line(line),
                Err(ReadlineError::Eof) => Typed::End,
                Err(ReadlineError::Interrupted) => Typed::Interrupt,
                Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                    self.out.warn("discarded a key that is not UTF-8; use a pipe to send any byte");
                    initial = drawing::line_around_cursor();
                    continue;
                }
                Err(_) => Typed::Failed,
            };
        }
    }
}

impl Drop for LineEditor {
    /// Restores the terminal's settings.
    fn drop(&mut self) {
        if let Some(settings) = &self.original_settings {
            // There is no remedy if the terminal rejects its previous settings.
            tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, settings).ok();
        }
    }
}

/// Disables line input and echo while the editor is between two lines, and returns the previous
/// settings. In line mode the terminal would turn Ctrl-D into a read of zero bytes, which the
/// editor could not distinguish from no input.
fn disable_line_input() -> Option<Termios> {
    let original = tcgetattr(rustix::stdio::stdin()).ok()?;
    let mut settings = original.clone();
    settings.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &settings).ok()?;
    Some(original)
}

/// Callbacks of the editor, through which `drawing` learns when and what the editor draws.
#[derive(Debug)]
struct EditorHelper;

impl Helper for EditorHelper {}

impl Validator for EditorHelper {}

impl Highlighter for EditorHelper {
    /// Returns the prompt with the pending output in front of it. The editor draws the prompt
    /// first, at the beginning of a cleared line, and positions everything else relative to its
    /// end.
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        let pending = drawing::take_pending();
        if pending.is_empty() { Cow::Borrowed(prompt) } else { Cow::Owned(pending + prompt) }
    }

    /// Records the line and the cursor. The editor calls this before it draws because of a key, and
    /// not before a requested redraw. `true` makes it draw the whole line.
    fn highlight_char(&self, line: &str, pos: usize, _: CmdKind) -> bool {
        drawing::record_edit(line, pos);
        true
    }
}

impl Hinter for EditorHelper {
    type Hint = String;
}

impl Completer for EditorHelper {
    type Candidate = String;

    /// Inserts a tab, as without an editor: there is nothing to complete.
    fn complete(
        &self,
        _: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> Result<(usize, Vec<String>), ReadlineError> {
        Ok((pos, vec!["\t".to_owned()]))
    }
}
