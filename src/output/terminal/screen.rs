//! The terminal, where several write: what peers send, what is said, and the line being typed.
//!
//! There is one terminal, so there is one screen. While a line is edited, the editor alone draws:
//! what is to stand above the line waits here until the editor, which is nudged, takes it. At all
//! other times it is written at once, and whatever stands on the terminal's line is ended before
//! something else begins. Nothing is glued together, and nothing is lost. What is drawn and how
//! the line is edited is the business of `editor`.

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

/// As the course's client prompts.
pub(crate) const PROMPT: &str = "> ";

/// How long the editor may take to draw what waits for it. It is at once, except where somebody is
/// in the middle of a sequence of keys, such as a search: then it is written where they are.
const STALL: Duration = Duration::from_secs(1);

/// Where a terminal does not say how wide it is.
const COLUMNS: u16 = 80;

/// Bytes of talk collected for one write: a hexdump has many lines.
const TALK_AT_ONCE: usize = 16 * 1024;

/// What the editor has asked the terminal for and whoever comes after us has not: to show nothing
/// before all of it is drawn, and to mark what is pasted.
const EDITOR_OFF: &str = "\x1b[?2026l\x1b[?2004l";

static SCREEN: Mutex<Screen> = Mutex::new(Screen::new());

/// The stage has changed, or something was taken.
pub(super) static CHANGED: Condvar = Condvar::new();

/// Who has the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EditStage {
    /// Whoever writes.
    Free,
    /// The editor, which has not drawn its line yet.
    Starting,
    /// The editor.
    Editing,
    /// The editor, which is to stop where it draws next because it is nudged.
    Ending,
    /// Whoever writes, for good: the editor has stopped, or stops at the next key.
    Over,
}

/// What is to be shown.
#[derive(Debug)]
pub(super) enum Piece {
    /// What a peer sent, escaped: not always whole lines.
    Peer(String),
    /// What is said: whole lines.
    Talk(String),
}

#[derive(Debug)]
pub(super) struct Screen {
    pub(super) stage: EditStage,
    /// A conversation is held at this terminal, until it is over.
    pub(super) conversation: bool,
    /// Lines are edited in it.
    pub(super) edits: bool,
    /// What somebody is prompted with.
    pub(super) prompt: String,
    /// That is done here, since there is no editor that does it.
    pub(super) prompts: bool,
    /// The prompt stands on the terminal's line, and perhaps what is typed behind it.
    pub(super) prompted: bool,
    /// A peer's bytes without a line end stand there.
    pub(super) begun: bool,
    /// A peer's line without an end. It stands there, or while a line is edited right above the
    /// prompt.
    pub(super) unended: PartialLine,
    /// What the editor has to draw.
    pub(super) waiting: Vec<Piece>,
    /// How many pieces have come, and how many of them the editor has taken.
    pub(super) come: u64,
    pub(super) taken: u64,
    /// Makes the editor draw.
    pub(super) nudge: Option<SyncSender<()>>,
    /// The editor has yet to draw because it was nudged.
    pub(super) nudged: bool,
    /// The editor draws because of a key.
    pub(super) by_key: bool,
    /// The line being typed, and where the cursor stands in it, in bytes.
    pub(super) line: (String, usize),
}

/// Begins a conversation without an editor; with a `prompt` where somebody has to be prompted.
pub(crate) fn begin(prompt: Option<String>) {
    let mut screen = lock_screen();
    (screen.conversation, screen.prompts) = (true, prompt.is_some());
    screen.prompt = prompt.unwrap_or_default();
}

/// Begins a conversation with an editor, which shows `prompt` and draws when it gets a `nudge`.
pub(crate) fn begin_edited(prompt: String, nudge: SyncSender<()>) {
    let mut screen = lock_screen();
    (screen.conversation, screen.edits) = (true, true);
    (screen.prompt, screen.nudge) = (prompt, Some(nudge));
}

/// Ends the conversation: nothing is prompted for or edited any more, and a new line begins.
pub(crate) fn end() {
    let mut screen = lock_screen();
    if !mem::take(&mut screen.conversation) {
        return;
    }
    // The editor is about to take the terminal, and must not do so after it was put back.
    screen = wait_while(screen, |screen| screen.stage == EditStage::Starting);
    if screen.stage == EditStage::Editing {
        // What it has taken is on the screen once it comes to draw again: there it stops.
        screen.stage = EditStage::Ending;
        screen.nudge();
        screen = wait_while(screen, |screen| screen.stage == EditStage::Ending);
    }
    match screen.stage {
        EditStage::Free => {
            if screen.is_occupied() {
                write_stderr("\n");
            }
        }
        // The editor has cleared its line: what is typed stays visible.
        EditStage::Over => {
            let above = screen.above();
            let Screen { prompt, line: (line, _), .. } = &*screen;
            let typed = if line.is_empty() { String::new() } else { format!("{prompt}{line}\n") };
            to_terminal(&format!("{EDITOR_OFF}{above}{typed}")).ok();
        }
        // It waits in the middle of something.
        EditStage::Starting | EditStage::Editing | EditStage::Ending => {
            let above = screen.above();
            to_terminal(&format!("{EDITOR_OFF}\n{above}")).ok();
        }
    }
    screen.leave();
    (screen.stage, screen.prompts, screen.taken) = (EditStage::Over, false, screen.come);
    CHANGED.notify_all();
}

/// Shows what a peer sent, escaped.
///
/// # Errors
/// The terminal could not be written.
pub(crate) fn peer(text: String) -> io::Result<()> {
    if text.is_empty() { Ok(()) } else { show(lock_screen(), Piece::Peer(text)) }
}

/// Takes note of what a peer's `bytes`, untouched, leave on the line.
pub(crate) fn passed(bytes: &[u8]) {
    lock_screen().begun = !bytes.ends_with(b"\n");
}

/// Says `lines`, each with its end, which nothing comes between. Talk that cannot be written is
/// dropped: there is nobody left to tell.
pub(crate) fn talk(lines: impl IntoIterator<Item = impl AsRef<str>>) {
    let mut screen = lock_screen();
    if screen.is_free() {
        screen.say(lines);
    } else if io::stderr().is_terminal() {
        let all: Vec<_> = lines.into_iter().collect();
        let all: Vec<_> = all.iter().map(AsRef::as_ref).collect();
        show(screen, Piece::Talk(all.concat())).ok();
    } else {
        say("", lines);
    }
}

/// Prompts for the next line, where no editor does.
pub(crate) fn prompt() {
    lock_screen().prompt_again();
}

/// Takes note that the line is over: somebody pressed Enter.
pub(crate) fn is_answered() {
    lock_screen().leave();
}

/// Shows `piece`: at once, or where the editor puts it.
fn show(mut screen: MutexGuard<'static, Screen>, piece: Piece) -> io::Result<()> {
    if screen.is_free() {
        return screen.write(piece);
    }
    screen.waiting.push(piece);
    screen.come += 1;
    let number = screen.come;
    screen.nudge();
    screen = wait_while(screen, |screen| screen.taken < number);
    if screen.taken < number {
        return screen.break_in();
    }
    Ok(())
}

impl Screen {
    const fn new() -> Self {
        Self {
            stage: EditStage::Free,
            conversation: false,
            edits: false,
            prompt: String::new(),
            prompts: false,
            prompted: false,
            begun: false,
            unended: PartialLine::new(),
            waiting: Vec::new(),
            come: 0,
            taken: 0,
            nudge: None,
            nudged: false,
            by_key: false,
            line: (String::new(), 0),
        }
    }

    /// Returns whether no editor has the terminal.
    fn is_free(&self) -> bool {
        matches!(self.stage, EditStage::Free | EditStage::Over)
    }

    /// Returns whether something stands on the terminal's line.
    fn is_occupied(&self) -> bool {
        self.prompted || self.begun
    }

    /// Begins a new line.
    pub(super) fn leave(&mut self) {
        (self.prompted, self.begun) = (false, false);
        self.unended.leave();
    }

    /// Makes the editor draw. When it starts it does so by itself.
    pub(super) fn nudge(&mut self) {
        if let (EditStage::Editing | EditStage::Ending, Some(nudge)) = (self.stage, &self.nudge)
            && !self.nudged
        {
            // There is room for the only one on its way.
            self.nudged = nudge.try_send(()).is_ok();
        }
    }

    fn prompt_again(&mut self) {
        if self.prompts {
            write_stderr(&self.prompt);
            self.prompted = true;
        }
    }

    /// Writes `piece` where the cursor is.
    pub(super) fn write(&mut self, piece: Piece) -> io::Result<()> {
        match piece {
            Piece::Peer(text) => {
                if mem::take(&mut self.prompted) {
                    // Whatever is typed behind it stays visible.
                    write_stderr("\n");
                }
                to_terminal(&text)?;
                self.begun = !text.ends_with('\n');
                if self.edits {
                    self.unended.follow(&text, columns());
                }
                if !self.begun {
                    self.prompt_again();
                }
            }
            Piece::Talk(lines) => self.say([lines]),
        }
        Ok(())
    }

    /// Says `lines` on lines of their own; the prompt, if it stood there, comes again behind them.
    fn say(&mut self, lines: impl IntoIterator<Item = impl AsRef<str>>) {
        let prompted = self.prompted;
        say(if self.is_occupied() { "\n" } else { "" }, lines);
        self.leave();
        if prompted {
            self.prompt_again();
        }
    }

    /// Writes what waits though the editor does not answer. It draws its line anew below.
    fn break_in(&mut self) -> io::Result<()> {
        self.unended.leave();
        let text = format!("\n{}", self.above());
        self.taken = self.come;
        to_terminal(&text)
    }

    /// Returns what waits, for the beginning of an empty line: whole lines, the last of which may
    /// be gone on with later.
    pub(super) fn above(&mut self) -> String {
        let columns = columns();
        let mut drawn = String::new();
        for piece in mem::take(&mut self.waiting) {
            match piece {
                Piece::Peer(text) => {
                    drawn += &self.unended.resume(columns);
                    drawn += &text;
                    self.unended.follow(&text, columns);
                    if !self.unended.is_empty() {
                        drawn.push('\n');
                    }
                }
                Piece::Talk(lines) => {
                    self.unended.leave();
                    drawn += &lines;
                }
            }
        }
        drawn
    }
}

/// Writes `first` and `lines` to standard error.
fn say(first: &str, lines: impl IntoIterator<Item = impl AsRef<str>>) {
    bar::above(|| {
        let mut stderr = io::stderr().lock();
        let mut waiting = first.to_owned();
        for line in lines {
            waiting.push_str(line.as_ref());
            if waiting.len() >= TALK_AT_ONCE {
                if blocking::write_all(&mut stderr, waiting.as_bytes()).is_err() {
                    return;
                }
                waiting.clear();
            }
        }
        // Nobody is left to tell when standard error itself fails.
        blocking::write_all(&mut stderr, waiting.as_bytes()).ok();
    });
}

fn columns() -> usize {
    usize::from(table::width(rustix::stdio::stdout()).unwrap_or(COLUMNS))
}

/// Past std's line buffer, which would hold a prompt back.
pub(super) fn to_terminal(text: &str) -> io::Result<()> {
    let mut stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    bar::above(|| blocking::write_all(&mut stdout, text.as_bytes()))
}

pub(super) fn lock_screen() -> MutexGuard<'static, Screen> {
    // Whole at any moment, whoever panicked meanwhile.
    lock(&SCREEN)
}

/// Waits as long as `condition` holds, but not longer than the editor may take.
fn wait_while(
    screen: MutexGuard<'static, Screen>,
    condition: impl FnMut(&mut Screen) -> bool,
) -> MutexGuard<'static, Screen> {
    let waited = CHANGED.wait_timeout_while(screen, STALL, condition);
    waited.unwrap_or_else(PoisonError::into_inner).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_comes_in_parts_is_drawn_again_with_each_of_them() {
        let mut screen = Screen::new();
        let mut draw = |piece| {
            screen.waiting.push(piece);
            screen.above()
        };
        let peer = |text: &str| Piece::Peer(text.to_owned());
        assert_eq!(draw(peer("one\nHel")), "one\nHel\n");
        assert_eq!(draw(peer("lo")), "\u{1b}[1A\r\u{1b}[JHello\n");
        assert_eq!(draw(peer("!\n")), "\u{1b}[1A\r\u{1b}[JHello!\n");
        assert_eq!(draw(peer("user: ")), "user: \n");
        assert_eq!(draw(Piece::Talk("note: said\n".to_owned())), "note: said\n");
        assert_eq!(draw(peer("name\n")), "name\n");
    }
}
