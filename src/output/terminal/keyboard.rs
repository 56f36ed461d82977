//! Standard input, as whoever sits at it gives it.
//!
//! At a terminal where lines can be edited, they are; everywhere else the bytes come as they are.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::sync::Mutex;
use std::thread;

use rustix::process::{Signal, getpid, kill_process};

use crate::blocking::Reader;
use crate::output::terminal::editor::{LineEditor, Typed};
use crate::output::terminal::screen;
use crate::sync::lock;

/// The editor of this terminal's conversation, until its lines are read.
static EDITOR: Mutex<Option<LineEditor>> = Mutex::new(None);

/// Leaves `editor` to whoever reads.
pub(crate) fn leave(editor: LineEditor) {
    *lock(&EDITOR) = Some(editor);
}

/// Reads standard input.
#[derive(Debug)]
pub struct Keyboard {
    stdin: Reader,
    editor: Option<LineEditor>,
    /// What is left of the last line.
    rest: Cursor<Vec<u8>>,
}

impl Keyboard {
    /// Makes ready to read `stdin`: line by line where a conversation at a terminal has begun.
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
                    interrupt();
                }
                Some(Typed::Failed) => self.editor = None,
                None => break,
            }
        }
        let len = self.stdin.read(buffer)?;
        if buffer[..len].ends_with(b"\n") {
            screen::is_answered();
        }
        Ok(len)
    }
}

/// The editor reads Ctrl-C as the key it is. It means what it does everywhere: the signal, which
/// ends the program, or whatever else was made of it. Nothing more is read.
fn interrupt() -> ! {
    // To ourselves, which is always allowed.
    kill_process(getpid(), Signal::INT).ok();
    loop {
        thread::park();
    }
}
