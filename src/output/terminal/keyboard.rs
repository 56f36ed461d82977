//! Reads standard input: through the line editor in an interactive session, otherwise unchanged.

use std::fs::File;
use std::io::{self, Cursor, IsTerminal as _, Read};

use crate::blocking::Reader;
use crate::output::handle::Output;
use crate::output::terminal::editor::{LineEditor, Typed};

/// Reads standard input.
#[derive(Debug)]
pub struct Keyboard {
    out: Output,
    source: KeyboardSource,
}

#[derive(Debug)]
enum KeyboardSource {
    /// Standard input, of which nothing was read.
    Unopened(File),
    /// The lines that the user edits, and the unread part of the last one.
    Edited(Box<LineEditor>, Cursor<Vec<u8>>),
    /// The lines that the user types at a terminal without an editor.
    Typed(Reader),
    /// Standard input that is no terminal.
    Redirected(Reader),
    /// The user has ended the input.
    Ended,
}

impl Keyboard {
    /// Returns a reader of `stdin`. It reads edited lines if the terminal of `out` has an editing
    /// session. The terminal is prepared for that by the first read, because it may be blocked.
    pub fn new(out: Output, stdin: File) -> Self {
        Self { out, source: KeyboardSource::Unopened(stdin) }
    }

    /// Prepares for reading.
    fn open(&mut self) -> io::Result<()> {
        if let KeyboardSource::Unopened(stdin) = &self.source {
            let file = stdin.try_clone()?;
            self.source = if file.is_terminal() {
                match LineEditor::of_session(self.out, stdin.try_clone()?) {
                    Some(editor) => KeyboardSource::Edited(Box::new(editor), Cursor::default()),
                    None => KeyboardSource::Typed(Reader(file)),
                }
            } else {
                // It must not wait for a blocked terminal.
                KeyboardSource::Redirected(Reader(file))
            };
        }
        Ok(())
    }
}

impl Read for Keyboard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.open()?;
        match &mut self.source {
            KeyboardSource::Edited(editor, rest) => loop {
                let len = rest.read(buffer)?;
                if len > 0 {
                    return Ok(len);
                }
                match editor.read_line()? {
                    Typed::Line(line) => {
                        let mut line = line.into_bytes();
                        line.push(b'\n');
                        *rest = Cursor::new(line);
                    }
                    Typed::End => {
                        self.source = KeyboardSource::Ended;
                        self.out.end_session();
                        return Ok(0);
                    }
                }
            },
            KeyboardSource::Redirected(stdin) => stdin.read(buffer),
            KeyboardSource::Typed(stdin) => {
                let len = stdin.read(buffer)?;
                if buffer[..len].ends_with(b"\n") {
                    self.out.terminal().line_entered();
                }
                Ok(len)
            }
            KeyboardSource::Unopened(_) | KeyboardSource::Ended => Ok(0),
        }
    }
}
