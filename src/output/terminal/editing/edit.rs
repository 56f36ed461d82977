//! Changes the line being typed as keys demand. Plain state, no I/O.
//!
//! The keys are those of Emacs, as in a shell. rustyline's buffer knows graphemes and words.

use rustyline::line_buffer::{LineBuffer, WordAction};
use rustyline::{At, Word};

use crate::output::terminal::editing::history::{History, Kills};
use crate::output::terminal::editing::keys::Key;

/// The longest line, in bytes: a paste may be long, but memory is bounded.
const MAX_EDITED_LINE: usize = 1024 * 1024;

/// The number of changes that can be undone, and the longest line for which they are kept.
const MAX_UNDO: usize = 50;
const MAX_UNDO_LINE: usize = 64 * 1024;

/// What a key has done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// The line may have changed.
    Changed,
    /// The user has entered the line.
    Entered(String),
    /// The user has ended the input.
    Ended,
    /// The next character is to be taken literally.
    QuotesNext,
    /// The screen is to be cleared.
    ClearsScreen,
    /// The key was discarded, for this reason.
    Discarded(&'static str),
}

/// The line being typed, and what its keys refer to.
#[derive(Debug)]
pub(crate) struct Edit {
    line: LineBuffer,
    history: History,
    kills: Kills,
    /// The age of the line of the history that is shown, and the line that was typed before.
    recalled: Option<(usize, String)>,
    search: Option<Search>,
    /// Earlier states of the line, with their cursors.
    undo: Vec<(String, usize)>,
    previous: Change,
    /// Whether the key `Ctrl-X` was typed.
    is_prefixed: bool,
    /// Whether a character was discarded because the line is too long.
    is_full: bool,
}

/// A search in the history.
#[derive(Debug)]
struct Search {
    text: String,
    older: bool,
    /// The age of the line that was found.
    age: usize,
    has_failed: bool,
    /// The line before the search, and its cursor.
    before: (String, usize),
}

/// How the last key changed the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Insert,
    Kill,
    /// A deleted text was inserted, which has this many bytes.
    Yank(usize),
    Other,
}

impl Edit {
    pub(crate) fn new() -> Self {
        Self {
            line: LineBuffer::with_capacity(MAX_EDITED_LINE),
            history: History::default(),
            kills: Kills::default(),
            recalled: None,
            search: None,
            undo: Vec::new(),
            previous: Change::Other,
            is_prefixed: false,
            is_full: false,
        }
    }

    /// Returns the line.
    pub(crate) fn line(&self) -> &str {
        self.line.as_str()
    }

    /// Returns the position of the cursor, in bytes.
    pub(crate) fn pos(&self) -> usize {
        self.line.pos()
    }

    /// Returns the prompt that a search shows in place of the session's.
    pub(crate) fn search_prompt(&self) -> Option<String> {
        let Search { text, older, has_failed, .. } = self.search.as_ref()?;
        let failed = if *has_failed { "failed " } else { "" };
        let kind = if *older { "reverse-i-search" } else { "i-search" };
        Some(format!("({failed}{kind})`{text}': "))
    }

    /// Empties the line and returns it. Unless it is a secret, the history remembers it.
    pub(crate) fn take(&mut self, is_secret: bool) -> String {
        let line = self.line.as_str().to_owned();
        if !is_secret {
            self.history.add(&line);
        }
        self.line.update("", 0, &mut Kills::default());
        (self.recalled, self.search) = (None, None);
        (self.previous, self.is_prefixed, self.is_full) = (Change::Other, false, false);
        self.undo.clear();
        line
    }

    /// Handles `key`.
    pub(crate) fn apply(&mut self, key: Key, is_secret: bool) -> Applied {
        if let Some(search) = self.search.take() {
            match self.continue_search(search, &key) {
                Some(search) => {
                    self.search = Some(search);
                    return Applied::Changed;
                }
                None if key == Key::Ctrl('g') => return Applied::Changed,
                None => {}
            }
        }
        let is_prefixed = std::mem::take(&mut self.is_prefixed);
        let previous = std::mem::replace(&mut self.previous, Change::Other);
        match key {
            Key::Char(c) | Key::Literal(c) => {
                return self.insert(c.encode_utf8(&mut [0; 4]), previous);
            }
            Key::Paste(text) => return self.insert(&text, Change::Other),
            Key::Ctrl('i') => return self.insert("\t", previous),
            Key::Enter => return Applied::Entered(self.take(is_secret)),
            Key::NotUtf8 => {
                let why = "discarded a key that is not UTF-8; use a pipe to send any byte";
                return Applied::Discarded(why);
            }
            Key::Ctrl('d') if self.line.is_empty() => return Applied::Ended,
            Key::Ctrl('l') => return Applied::ClearsScreen,
            Key::Ctrl('v' | 'q') => return Applied::QuotesNext,
            Key::Ctrl('x') => self.is_prefixed = true,
            Key::Ctrl('u') if is_prefixed => self.undo(),
            Key::Ctrl('_') => self.undo(),
            Key::Ctrl('r') if !is_secret => self.begin_search(true),
            Key::Ctrl('s') if !is_secret => self.begin_search(false),
            Key::Up | Key::Ctrl('p') if !is_secret => self.recall_older(),
            Key::Down | Key::Ctrl('n') if !is_secret => self.recall_newer(),
            Key::Alt('<') if !is_secret => {
                if let Some(age) = self.history.oldest() {
                    self.recall(age);
                }
            }
            Key::Alt('>') if !is_secret => self.leave_history(),
            Key::Ctrl('y') => self.yank(),
            Key::Alt('y') => {
                if let Change::Yank(len) = previous {
                    self.yank_previous(len);
                }
            }
            key => {
                if !self.move_cursor(&key) {
                    self.delete(&key, previous);
                }
            }
        }
        Applied::Changed
    }

    /// Moves the cursor; returns false if `key` is for something else.
    fn move_cursor(&mut self, key: &Key) -> bool {
        let line = &mut self.line;
        match key {
            Key::Left | Key::Ctrl('b') => line.move_backward(1),
            Key::Right | Key::Ctrl('f') => line.move_forward(1),
            Key::Home | Key::Ctrl('a') => line.move_home(),
            Key::End | Key::Ctrl('e') => line.move_end(),
            Key::WordLeft | Key::Alt('b' | 'B') => line.move_to_prev_word(Word::Emacs, 1),
            Key::WordRight | Key::Alt('f' | 'F') => {
                line.move_to_next_word(At::AfterEnd, Word::Emacs, 1)
            }
            _ => return false,
        };
        true
    }

    /// Deletes or exchanges text.
    fn delete(&mut self, key: &Key, previous: Change) {
        let kills =
            matches!(key, Key::Ctrl('k' | 'u' | 'w') | Key::Alt('d' | 'D') | Key::AltBackspace);
        let before = (self.line.as_str().to_owned(), self.line.pos());
        let (line, killed) = (&mut self.line, &mut self.kills);
        (killed.keeps, killed.continues) = (kills, previous == Change::Kill);
        let has_changed = match key {
            Key::Backspace => line.backspace(1, killed),
            Key::Delete | Key::Ctrl('d') => line.delete(1, killed).is_some(),
            Key::Ctrl('k') => line.kill_line(killed),
            Key::Ctrl('u') => line.discard_line(killed),
            Key::Ctrl('w') => line.delete_prev_word(Word::Big, 1, killed),
            Key::AltBackspace => line.delete_prev_word(Word::Emacs, 1, killed),
            Key::Alt('d' | 'D') => line.delete_word(At::AfterEnd, Word::Emacs, 1, killed),
            Key::Ctrl('t') => line.transpose_chars(killed),
            Key::Alt('t' | 'T') => line.transpose_words(1, killed),
            Key::Alt('c' | 'C') => line.edit_word(WordAction::Capitalize, killed),
            Key::Alt('l' | 'L') => line.edit_word(WordAction::Lowercase, killed),
            Key::Alt('u' | 'U') => line.edit_word(WordAction::Uppercase, killed),
            _ => false,
        };
        if has_changed {
            self.is_full = false;
            self.remember(before);
            self.previous = if kills { Change::Kill } else { Change::Other };
        }
    }

    fn insert(&mut self, text: &str, previous: Change) -> Applied {
        if previous != Change::Insert {
            self.remember((self.line.as_str().to_owned(), self.line.pos()));
        }
        self.previous = Change::Insert;
        self.kills.keeps = false;
        if text.is_empty() || self.line.yank(text, 1, &mut self.kills).is_some() {
            return Applied::Changed;
        }
        if std::mem::replace(&mut self.is_full, true) {
            return Applied::Changed;
        }
        Applied::Discarded("the line is too long; discarded what was typed at its end")
    }

    fn yank(&mut self) {
        let Some(text) = self.kills.last().map(str::to_owned) else { return };
        self.insert(&text, Change::Other);
        self.previous = Change::Yank(text.len());
    }

    /// Replaces the text that was inserted last, of `len` bytes, by the one deleted before it.
    fn yank_previous(&mut self, len: usize) {
        self.kills.rotate();
        let Some(text) = self.kills.last().map(str::to_owned) else { return };
        self.kills.keeps = false;
        let inserted = self.line.yank_pop(len, &text, &mut self.kills).is_some();
        self.previous = Change::Yank(if inserted { text.len() } else { 0 });
    }

    fn remember(&mut self, before: (String, usize)) {
        if before.0.len() <= MAX_UNDO_LINE {
            if self.undo.len() == MAX_UNDO {
                self.undo.remove(0);
            }
            self.undo.push(before);
        }
    }

    fn undo(&mut self) {
        if let Some((line, pos)) = self.undo.pop() {
            self.set(&line, pos);
        }
    }

    fn set(&mut self, line: &str, pos: usize) {
        self.kills.keeps = false;
        self.line.update(line, pos, &mut self.kills);
    }

    fn recall_older(&mut self) {
        let age = self.recalled.as_ref().map_or(0, |(age, _)| age + 1);
        self.recall(age);
    }

    fn recall_newer(&mut self) {
        match self.recalled.as_ref().map(|(age, _)| *age) {
            Some(0) => self.leave_history(),
            Some(age) => self.recall(age - 1),
            None => {}
        }
    }

    /// Shows the line of this age, if there is one.
    fn recall(&mut self, age: usize) {
        let Some(line) = self.history.get(age).map(str::to_owned) else { return };
        let typed = match self.recalled.take() {
            Some((_, typed)) => typed,
            None => self.line.as_str().to_owned(),
        };
        self.recalled = Some((age, typed));
        self.set(&line, line.len());
    }

    /// Shows the line that was typed before the history was used.
    fn leave_history(&mut self) {
        if let Some((_, typed)) = self.recalled.take() {
            self.set(&typed, typed.len());
        }
    }

    fn begin_search(&mut self, older: bool) {
        if self.history.oldest().is_some() {
            let before = (self.line.as_str().to_owned(), self.line.pos());
            let (text, age) = (String::new(), 0);
            self.search = Some(Search { text, older, age, has_failed: false, before });
        }
    }

    /// Continues a search with `key`; returns `None` if the key ends it.
    fn continue_search(&mut self, mut search: Search, key: &Key) -> Option<Search> {
        let from = match key {
            Key::Char(c) => {
                search.text.push(*c);
                Some(search.age)
            }
            Key::Backspace => {
                search.text.pop();
                Some(search.age)
            }
            Key::Ctrl('r') => {
                search.older = true;
                Some(search.age + 1)
            }
            Key::Ctrl('s') => {
                search.older = false;
                search.age.checked_sub(1)
            }
            Key::Ctrl('g') => {
                let (line, pos) = search.before;
                self.set(&line, pos);
                return None;
            }
            // The beginning of a key, such as a lone escape, ends the search, too.
            _ => return None,
        };
        if search.text.len() > MAX_UNDO_LINE {
            search.text.clear();
        }
        let Search { text, older, .. } = &search;
        let found = from.and_then(|from| self.history.search(text, from, *older));
        search.has_failed = found.is_none();
        if let Some(age) = found.filter(|_| !search.text.is_empty()) {
            search.age = age;
            let line = self.history.get(age).unwrap_or_default().to_owned();
            let pos = line.find(&search.text).unwrap_or_default();
            self.set(&line, pos);
        }
        Some(search)
    }
}

#[cfg(test)]
mod tests;
