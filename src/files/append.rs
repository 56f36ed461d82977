//! Opens sockkit's own files (logs, recordings and key logs) for appending.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::io::Errno;

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
pub fn ends_mid_line(file: &File) -> io::Result<bool> {
    let Some(end) = file.metadata()?.len().checked_sub(1) else { return Ok(false) };
    let mut last = [0];
    file.read_exact_at(&mut last, end)?;
    Ok(last != *b"\n")
}

/// Appends `lines`, after a newline if the last line of `file` has none. A file lock keeps other
/// processes of sockkit from appending in between. Returns how many bytes of `lines` were written,
/// and the error if these are not all.
pub fn append_lines(file: &mut File, lines: &[u8]) -> (usize, Option<io::Error>) {
    if let Err(error) = lock(file) {
        return (0, Some(error));
    }
    let (written, failure) = match ends_mid_line(file) {
        Ok(false) => write_all(file, lines),
        Ok(true) => {
            let (written, failure) = write_all(file, &[b"\n", lines].concat());
            (written.saturating_sub(1), failure)
        }
        Err(error) => (0, Some(error)),
    };
    // If this fails, the kernel releases the lock when the file is closed.
    file.unlock().ok();
    (written, failure)
}

/// Appends a newline to `file` if its last line has none, and returns whether it did.
///
/// # Errors
/// The file cannot be read, locked or written.
pub fn end_last_line(file: &mut File) -> io::Result<bool> {
    // Without the lock, the incomplete line could be a record that another process is writing.
    lock(file)?;
    let ended = match ends_mid_line(file) {
        Ok(true) => file.write_all(b"\n").map(|()| true),
        other => other,
    };
    file.unlock()?;
    ended
}

/// Writes `bytes` until done or an error; returns how many bytes were written, and the error.
fn write_all(file: &mut File, bytes: &[u8]) -> (usize, Option<io::Error>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Some(ErrorKind::WriteZero.into())),
            Ok(len) => written += len,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (written, Some(error)),
        }
    }
    (written, None)
}

/// How long to wait for another process to release the lock. It holds the lock for one write, so a
/// longer wait means that it is stopped.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause between two attempts to lock a file.
const LOCK_RETRY_DELAY: Duration = Duration::from_millis(1);

/// Locks `file` (flock(2)). A file system without locks is not an error.
///
/// # Errors
/// Another process holds the lock for [`LOCK_TIMEOUT`].
fn lock(file: &File) -> io::Result<()> {
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_TIMEOUT => {
                thread::sleep(LOCK_RETRY_DELAY);
            }
            Err(TryLockError::WouldBlock) => {
                let message = "another process holds its lock";
                return Err(io::Error::new(ErrorKind::ResourceBusy, message));
            }
            Err(TryLockError::Error(error)) if !has_no_locks(&error) => return Err(error),
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
        }
    }
}

/// Returns whether `error` means that the file system has no locks.
fn has_no_locks(error: &io::Error) -> bool {
    let no_locks = [Errno::NOLCK, Errno::NOTSUP, Errno::NOSYS];
    Errno::from_io_error(error).is_some_and(|error| no_locks.contains(&error))
}
