//! Opening sockkit's own files for appending: logs, recordings and key logs.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// The permissions of a new file: it may hold passwords or session keys.
const PRIVATE_MODE: u32 = 0o600;

/// What may already be at the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// A regular file, which can also be read. No symbolic link is followed: it could lead
    /// anywhere. Opening does not block, so that a FIFO without a reader can be refused.
    RegularFile,
    /// Anything that can be written, such as a FIFO, a device or a link to a file.
    Anything,
}

/// Opens `path` for appending, and creates it with mode 0600 if it does not exist.
///
/// # Errors
/// What open(2) reports.
pub fn open(path: &Path, existing: Existing) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(PRIVATE_MODE);
    if existing == Existing::RegularFile {
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
        options.read(true).custom_flags(flags.cast_signed());
    }
    options.open(path)
}

/// Returns what a path that cannot hold records leads to; none for a regular file with one name.
pub fn not_a_file(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    Some(match () {
        () if kind.is_symlink() => "a symbolic link",
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () if !kind.is_file() => "a device",
        () if metadata.nlink() > 1 => "a file with several names (hard links)",
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

/// Ends the last line of `file` if it has no newline, and returns whether that was so. A file lock
/// keeps two processes from doing it twice.
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
