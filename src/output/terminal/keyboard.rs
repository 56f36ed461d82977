//! Reads standard input: through the line editor in an interactive session, otherwise unchanged.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::sync::Mutex;
use std::thread;

use rustix::process::{Signal, getpid, kill_process};

use crate::blocking::Reader;
use crate::output::terminal::editor::{LineEditor, Typed};
use crate::output::terminal::screen;
use crate::sync::lock;

/// The editor of the interactive session, until [`Keyboard::new`] takes it.
static EDITOR: Mutex<Option<LineEditor>> = Mutex::new(None);

/// Sets the editor that the next [`Keyboard`] reads lines with.
pub(crate) fn set_editor(editor: LineEditor) {
    *lock(&EDITOR) = Some(editor);
}

/// Reads standard input.
#[derive(Debug)]
pub struct Keyboard {
    stdin: Reader,
    editor: Option<LineEditor>,
    /// The unread part of the last line.
    rest: Cursor<Vec<u8>>,
}

impl Keyboard {
    /// Returns a reader of `stdin`; it reads edited lines if `set_editor` was called before.
    pub fn new(stdin: File) -> Self {
        let editor = lock(&EDITOR).take();
        Self { stdin: Reader(stdin), editor, rest: Cursor::default() }
    }
}

impl Read for Keyboard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let len = self.rest.read(buffer)?;
            if len > 0 {
                return Ok(len);
            }
            match self.editor.as_mut().map(LineEditor::read_line) {
                Some(Typed::Line(line)) => {
                    let mut line = line.into_bytes();
                    line.push(b'\n');
                    self.rest = Cursor::new(line);
                }
                Some(Typed::End) => {
                    self.editor = None;
                    return Ok(0);
                }
                Some(Typed::Interrupt) => {
                    self.editor = None;
                    raise_interrupt();
                }
                Some(Typed::Failed) => self.editor = None,
                None => break,
            }
        }
        let len = self.stdin.read(buffer)?;
        if buffer[..len].ends_with(b"\n") {
            screen::line_entered();
        }
        Ok(len)
    }
}

/// Sends SIGINT to this process and reads no more input. The editor reads Ctrl-C as a key, so the
/// terminal does not send the signal itself.
fn raise_interrupt() -> ! {
    // A process may always signal itself.
    kill_process(getpid(), Signal::INT).ok();
    loop {
        thread::park();
    }
}
