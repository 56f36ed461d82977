//! The standard streams that can show a terminal.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;

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
}

impl Device {
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
        }
    }
}
