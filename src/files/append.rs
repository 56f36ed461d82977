//! Opens sockkit's own files (logs, recordings and key logs) for appending.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// The permissions of a new file: it may hold passwords or session keys.
const PRIVATE_MODE: u32 = 0o600;

/// Which kinds of existing file [`open`] accepts at the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// A regular file, which is opened for reading as well. Symbolic links are not followed, since
    /// the target could be any file. Opening does not block, so that the caller can refuse a FIFO
    /// without a reader.
    RegularFile,
    /// Anything writable, such as a FIFO, a device or a symbolic link to a file.
    Anything,
}

/// Opens `path` for appending, and creates it with mode 0600 if it does not exist.
///
/// # Errors
/// The error of open(2).
pub fn open(path: &Path, existing: Existing) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(PRIVATE_MODE);
    if existing == Existing::RegularFile {
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
        options.read(true).custom_flags(flags.cast_signed());
    }
    options.open(path)
}

/// Returns what the file is if records cannot be appended to it safely; `None` for a regular file
/// without further hard links.
pub fn not_a_file(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    Some(match () {
        () if kind.is_symlink() => "a symbolic link",
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () if !kind.is_file() => "a device",
        () if metadata.nlink() > 1 => "a file with several hard links",
        () => return None,
    })
}

/// Returns whether the last line of `file` has no newline.
///
/// # Errors
/// The file cannot be read.
pub fn ends_mid_line(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Appends a newline to `file` if its last line has none, and returns whether it did. A file lock
/// keeps two processes from both appending one.
///
/// # Errors
/// The file cannot be read, locked or written.
pub fn end_last_line(file: &mut File) -> io::Result<bool> {
    if !ends_mid_line(file)? {
        return Ok(false);
    }
    file.lock()?;
    let ended = match ends_mid_line(file) {
        Ok(true) => file.write_all(b"\n").map(|()| true),
        other => other,
    };
    file.unlock()?;
    ended
}
