//! The lines that the user has entered, and what was deleted from them. In memory only, because a
//! line can contain a password.

use std::collections::VecDeque;

use rustyline::line_buffer::{ChangeListener, DeleteListener, Direction};

/// The number of lines that are kept.
const MAX_LINES: usize = 100;

/// The number of deleted texts that are kept, as in rustyline.
const MAX_KILLS: usize = 60;

/// The longest line or deleted text that is kept, in bytes; it bounds the memory.
const MAX_KEPT_TEXT: usize = 64 * 1024;

/// The lines entered so far, the last one first.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<String>);

impl History {
    /// Adds a line, unless it is empty or the same as the last one.
    pub(super) fn add(&mut self, line: &str) {
        let is_last = self.0.front().is_some_and(|last| last == line);
        if !line.is_empty() && !is_last && line.len() <= MAX_KEPT_TEXT {
            self.0.push_front(line.to_owned());
            self.0.truncate(MAX_LINES);
        }
    }

    /// Returns the line that was entered `age` lines before the last one.
    pub(super) fn get(&self, age: usize) -> Option<&str> {
        self.0.get(age).map(String::as_str)
    }

    /// Returns the age of the oldest line.
    pub(super) fn oldest(&self) -> Option<usize> {
        self.0.len().checked_sub(1)
    }

    /// Returns the age of the next line that contains `text`, from line `age` on: towards older
    /// lines, or towards newer ones.
    pub(super) fn search(&self, text: &str, age: usize, older: bool) -> Option<usize> {
        let matches = |age: &usize| self.get(*age).is_some_and(|line| line.contains(text));
        if older {
            (age..self.0.len()).find(matches)
        } else {
            (0..(age + 1).min(self.0.len())).rev().find(matches)
        }
    }
}

/// The deleted texts that can be inserted again, the last one first.
#[derive(Debug, Default)]
pub(super) struct Kills {
    texts: VecDeque<String>,
    /// Whether a deletion continues the last text.
    pub(super) continues: bool,
    /// Whether deletions are kept.
    pub(super) keeps: bool,
}

impl Kills {
    /// Returns the last text.
    pub(super) fn last(&self) -> Option<&str> {
        self.texts.front().map(String::as_str)
    }

    /// Makes the text before the last one the last one.
    pub(super) fn rotate(&mut self) {
        if !self.texts.is_empty() {
            self.texts.rotate_left(1);
        }
    }
}

impl DeleteListener for Kills {
    fn delete(&mut self, _: usize, text: &str, direction: Direction) {
        if !self.keeps || text.is_empty() || text.len() > MAX_KEPT_TEXT {
            return;
        }
        match self.texts.front_mut() {
            Some(last) if self.continues && last.len() + text.len() <= MAX_KEPT_TEXT => {
                match direction {
                    Direction::Forward => last.push_str(text),
                    Direction::Backward => last.insert_str(0, text),
                }
            }
            _ => {
                self.texts.push_front(text.to_owned());
                self.texts.truncate(MAX_KILLS);
            }
        }
    }
}

impl ChangeListener for Kills {
    fn insert_char(&mut self, _: usize, _: char) {}

    fn insert_str(&mut self, _: usize, _: &str) {}

    fn replace(&mut self, _: usize, _: &str, _: &str) {}
}
