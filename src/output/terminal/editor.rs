//! The editor of the line somebody types. The only file that names the editor's crate.
//!
//! Keys are those of Emacs, as in a shell, and the lines typed before can be had again. They are
//! kept in memory only: a line may hold a password, which no file is to see.

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

/// How long, in milliseconds, a key may take that is sent as several bytes: Escape alone is a key,
/// too, and what comes from the peer must not wait behind it.
const KEY: u16 = 100;

/// Makes the editor clear its line and draw it again, and has no effect of its own: one row up,
/// and one down.
const NUDGE: &str = "\x1b[A\n";

/// Reads lines.
#[derive(Debug)]
pub(crate) struct LineEditor {
    editor: Editor<EditorHelper, MemHistory>,
    /// As it is, and in colour.
    prompt: (&'static str, String),
    /// The terminal's settings from before the first line.
    settings: Option<Termios>,
    out: Output,
}

/// What came of reading a line.
#[derive(Debug)]
pub(crate) enum Typed {
    /// Without its end; several lines where they were pasted.
    Line(String),
    /// Ctrl-D.
    End,
    /// Ctrl-C.
    Interrupt,
    /// Lines cannot be edited here.
    Failed,
}

impl LineEditor {
    /// Makes ready to edit lines on this terminal, and begins a conversation; none where the
    /// terminal cannot do what editing needs (`TERM=dumb`).
    pub(crate) fn begin(out: Output) -> Option<Self> {
        let config = Config::builder()
            .auto_add_history(true)
            .completion_type(CompletionType::List)
            .keyseq_timeout(Some(KEY))
            // The prompt's colour is decided in `color`. Without, a `EditorHelper` is not asked for
            // it.
            .color_mode(ColorMode::Forced)
            .build();
        let history = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history).ok()?;
        editor.set_helper(Some(EditorHelper));
        let mut printer = editor.create_external_printer().ok()?;
        let (nudge, nudges) = mpsc::sync_channel(1);
        // A thread, since the printer waits until the editor has taken the nudge before.
        let thread = thread::Builder::new().name("screen".into()).spawn(move || {
            for () in nudges {
                if drawing::is_edited() && printer.print(NUDGE.to_owned()).is_err() {
                    return;
                }
            }
        });
        thread.ok()?;
        let prompt = (screen::PROMPT, out.error_paint().prompt(screen::PROMPT));
        screen::begin_edited(prompt.1.clone(), nudge);
        Some(Self { editor, prompt, settings: None, out })
    }

    /// Reads the next line.
    pub(crate) fn read_line(&mut self) -> Typed {
        let mut initial = (String::new(), String::new());
        loop {
            let Some(turn) = drawing::DrawingTurn::begin() else { return Typed::End };
            self.settings = self.settings.take().or_else(await_keys);
            let (left, right) = (initial.0.as_str(), initial.1.as_str());
            let outcome = self.editor.readline_with_initial(&self.prompt, (left, right));
            drop(turn);
            return match outcome {
                Ok(line) => Typed::Line(line),
                Err(ReadlineError::Eof) => Typed::End,
                Err(ReadlineError::Interrupted) => Typed::Interrupt,
                Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                    self.out.warn("a key that is not UTF-8 is left out; a pipe carries any byte");
                    initial = drawing::typed();
                    continue;
                }
                Err(_) => Typed::Failed,
            };
        }
    }
}

impl Drop for LineEditor {
    /// Whoever reads now, if anybody, has the terminal as it was.
    fn drop(&mut self) {
        if let Some(before) = &self.settings {
            // Nothing better can be done with a terminal that refuses.
            tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, before).ok();
        }
    }
}

/// Makes the terminal keep keys as they are, and show none, while the editor is between two lines;
/// it would take Ctrl-D for the end of what is read, which the editor could not tell from nothing.
/// Returns the settings from before.
fn await_keys() -> Option<Termios> {
    let before = tcgetattr(rustix::stdio::stdin()).ok()?;
    let mut settings = before.clone();
    settings.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &settings).ok()?;
    Some(before)
}

/// What the editor asks of its line.
#[derive(Debug)]
struct EditorHelper;

impl Helper for EditorHelper {}

impl Validator for EditorHelper {}

impl Highlighter for EditorHelper {
    /// The prompt is drawn first, at the beginning of a cleared line, and everything the editor
    /// does later is relative to where it ends: what has to stand above goes in front of it.
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        let above = drawing::draw();
        if above.is_empty() { Cow::Borrowed(prompt) } else { Cow::Owned(above + prompt) }
    }

    /// Asked before everything that a key makes the editor draw, and not where it is nudged. The
    /// answer makes it draw the whole line.
    fn highlight_char(&self, line: &str, pos: usize, _: CmdKind) -> bool {
        drawing::edited(line, pos);
        true
    }
}

impl Hinter for EditorHelper {
    type Hint = String;
}

impl Completer for EditorHelper {
    type Candidate = String;

    /// There is nothing to complete: a tab is a tab, as without an editor.
    fn complete(
        &self,
        _: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> Result<(usize, Vec<String>), ReadlineError> {
        Ok((pos, vec!["\t".to_owned()]))
    }
}
