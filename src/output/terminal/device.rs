//! The standard streams that can show a terminal.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::BorrowedFd;

use rustix::fs::{OFlags, fcntl_getfl};
use rustix::termios::tcgetwinsize;

use crate::blocking;
use crate::output::terminal::editing::painter::Size;

/// The assumed size of a terminal that does not report it.
const DEFAULT_SIZE: Size = Size { columns: 80, rows: 24 };

/// A standard stream that can show a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Standard output.
    StandardOutput,
    /// Standard error.
    StandardError,
    /// Standard input, which a terminal usually opens for writing, too.
    StandardInput,
}

impl Device {
    /// Returns where to prompt a user who types at the terminal of standard input: there, if
    /// standard error is not a terminal. Returns `None` if it is open only for reading.
    pub fn for_prompts() -> Option<Self> {
        if io::stderr().is_terminal() {
            return Some(Self::StandardError);
        }
        let flags = fcntl_getfl(rustix::stdio::stdin()).ok()?;
        (flags & OFlags::RWMODE == OFlags::RDWR).then_some(Self::StandardInput)
    }

    /// Writes `text`, bypassing std's line buffer, which would delay a prompt.
    pub(super) fn write(self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let mut stream = File::from(self.descriptor().try_clone_to_owned()?);
        blocking::write_all(&mut stream, text.as_bytes())
    }

    /// Returns the size of the terminal.
    pub(super) fn size(self) -> Size {
        let size = tcgetwinsize(self.descriptor()).ok();
        let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
        size.map_or(DEFAULT_SIZE, |size| Size {
            columns: size.ws_col.into(),
            rows: size.ws_row.into(),
        })
    }

    fn descriptor(self) -> BorrowedFd<'static> {
        match self {
            Self::StandardOutput => rustix::stdio::stdout(),
            Self::StandardError => rustix::stdio::stderr(),
            Self::StandardInput => rustix::stdio::stdin(),
        }
    }
}
