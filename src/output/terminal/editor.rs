//! The editor for the lines that the user types.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::output::handle::Output;
use crate::output::terminal::edit_session::EditedLine;
use crate::output::terminal::editing::edit::{Applied, Edit};
use crate::output::terminal::editing::keys::{Key, KeyDecoder};
use crate::output::terminal::wake::Wake;

/// How long to wait for the remaining bytes of a key that the terminal sends as several bytes.
/// Escape alone is also a key.
const KEY_TIMEOUT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// In the background, how long not to look at keys, which are for another process.
const BACKGROUND_PAUSE: Duration = Duration::from_millis(200);

/// The most bytes read at once. The line is drawn once for all keys in them.
const KEYS_SIZE: usize = 4096;

/// Reads lines that the user edits.
#[derive(Debug)]
pub struct LineEditor {
    out: Output,
    stdin: File,
    /// Tells that the prompt has changed.
    wake: Arc<Wake>,
    keys: KeyDecoder,
    edit: Edit,
    /// Whether the line is not shown or remembered.
    is_secret: bool,
}

/// The result of reading a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// A line without its line ending; pasted text can contain several lines.
    Line(String),
    /// Ctrl-D, or the terminal is gone.
    End,
}

impl LineEditor {
    /// Returns an editor for the session that has begun at the terminal of `out`; `None` if there
    /// is none. It reads `stdin`, which is that terminal. From now on, the terminal echoes nothing.
    pub fn of_session(out: Output, stdin: File) -> Option<Self> {
        let wake = Arc::new(Wake::new().ok()?);
        let is_edited = out.terminal().start_editing(Arc::clone(&wake));
        let (keys, edit) = (KeyDecoder::default(), Edit::new());
        is_edited.then_some(Self { out, stdin, wake, keys, edit, is_secret: false })
    }

    /// Reads the next line; blocks until the user enters it. A key that sends a signal ends the
    /// process, not the line.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub fn read_line(&mut self) -> io::Result<Typed> {
        loop {
            while let Some(key) = self.keys.next() {
                if let Some(typed) = self.apply(key) {
                    return Ok(typed);
                }
            }
            self.show();
            if let Some(typed) = self.read_keys()? {
                return Ok(typed);
            }
        }
    }

    /// Reads the next line after `prompt`; a secret is not shown.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub fn read_field(&mut self, prompt: &str, is_secret: bool) -> io::Result<Typed> {
        self.out.terminal().set_prompt(prompt);
        self.is_secret = is_secret;
        self.read_line()
    }

    /// Waits for keys and reads them. Returns the result if that ends the line.
    fn read_keys(&mut self) -> io::Result<Option<Typed>> {
        let pause = self.keys.is_incomplete().then_some(&KEY_TIMEOUT);
        let mut watched =
            [PollFd::new(&self.stdin, PollFlags::IN), PollFd::new(&*self.wake, PollFlags::IN)];
        match poll(&mut watched, pause) {
            Ok(0) => {
                let key = self.keys.next_after_pause();
                return Ok(key.and_then(|key| self.apply(key)));
            }
            Ok(_) if watched[0].revents().is_empty() => {
                self.wake.clear();
                return Ok(None);
            }
            Ok(_) if self.out.is_suspended() => {
                // A read in the background would stop this process.
                thread::sleep(BACKGROUND_PAUSE);
                return Ok(None);
            }
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let mut bytes = [0; KEYS_SIZE];
        match self.stdin.read(&mut bytes) {
            Ok(0) => Ok(Some(Typed::End)),
            Ok(len) => {
                self.keys.push(&bytes[..len]);
                Ok(None)
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Handles `key`, and returns the result if that ends the line.
    fn apply(&mut self, key: Key) -> Option<Typed> {
        if let Key::CursorAt(column) = key {
            self.out.terminal().learn_cursor(column);
            return None;
        }
        let mut shown = (key == Key::Enter).then(|| self.view());
        match self.edit.apply(key, self.is_secret) {
            Applied::Changed => {}
            Applied::QuotesNext => self.keys.quote_next(),
            Applied::ClearsScreen => self.out.terminal().clear_screen(),
            Applied::Discarded(why) => {
                self.show();
                self.out.warn(why);
            }
            Applied::Entered(line) => {
                if let Some(shown) = shown.take() {
                    self.out.terminal().finish_line(shown);
                }
                return Some(Typed::Line(line));
            }
            Applied::Ended => {
                // Keys in the same read may have changed the line.
                self.show();
                return Some(Typed::End);
            }
        }
        None
    }

    fn show(&self) {
        self.out.terminal().show_line(self.view());
    }

    /// Returns what the terminal shows of the line.
    fn view(&self) -> EditedLine {
        if self.is_secret {
            return EditedLine { prompt: None, text: String::new(), pos: 0 };
        }
        let (prompt, text) = (self.edit.search_prompt(), self.edit.line().to_owned());
        EditedLine { prompt, text, pos: self.edit.pos() }
    }
}
