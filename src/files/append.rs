//! Opens sockkit's own files (logs, recordings and key logs) for appending.

use std::fs::{self, File, FileType, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::io::{Errno, ioctl_fionbio};

/// The permissions of a new file: it may hold passwords or session keys.
const PRIVATE_MODE: u32 = 0o600;

/// Which kinds of existing file [`open`] accepts at the path. A symbolic link to a regular file is
/// never followed, since the target could be any file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// A regular file. Opening does not block, so that the caller can refuse a FIFO without a
    /// reader.
    RegularFile,
    /// A regular file, a FIFO or a device. The latter, and sockkit's own descriptors (`/dev/fd`),
    /// may be reached through symbolic links.
    FileOrStream,
}

/// Opens `path` for appending, and creates it with mode 0600 if it does not exist. A regular file
/// is opened for reading as well.
///
/// # Errors
/// The error of open(2).
pub fn open(path: &Path, existing: Existing) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true);
    if existing == Existing::FileOrStream
        && fs::metadata(path).is_ok_and(|metadata| is_stream(metadata.file_type()))
    {
        return options.open(path);
    }
    options.read(true).create(true).mode(PRIVATE_MODE);
    if existing == Existing::RegularFile || !is_descriptor(path) {
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
        options.custom_flags(flags.cast_signed());
    }
    options.open(path).map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::LOOP) => io::Error::other("it is a symbolic link"),
        _ => error,
    })
}

/// Opens `path` as [`open`] does with [`Existing::FileOrStream`], but does not wait for the reader
/// of a FIFO: returns `None` if no process reads it yet.
///
/// # Errors
/// The error of open(2).
pub fn open_now(path: &Path) -> io::Result<Option<File>> {
    if !fs::metadata(path).is_ok_and(|metadata| is_fifo(&metadata)) || is_descriptor(path) {
        return open(path, Existing::FileOrStream).map(Some);
    }
    let mut options = OpenOptions::new();
    options.append(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    match options.open(path) {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::NXIO) => Ok(None),
        Err(error) => Err(error),
        Ok(file) => {
            // This open file description belongs to no other process.
            ioctl_fionbio(&file, false)?;
            Ok(Some(file))
        }
    }
}

/// Returns whether bytes can be written to a file of this type without changing stored data.
pub fn is_stream(kind: FileType) -> bool {
    kind.is_char_device() || kind.is_fifo()
}

/// Returns whether the file is a FIFO or a pipe.
pub fn is_fifo(metadata: &Metadata) -> bool {
    metadata.file_type().is_fifo()
}

/// Returns whether `path` names an open descriptor of the process, which is a link to its file.
fn is_descriptor(path: &Path) -> bool {
    let folder = path.parent().unwrap_or(path);
    [Path::new("/dev/stdout"), Path::new("/dev/stderr")].contains(&path)
        || [Path::new("/dev/fd"), Path::new("/proc/self/fd")].contains(&folder)
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

/// Appends `lines`, after a newline if `file` is a regular file whose last line has none. A file
/// lock keeps other processes of sockkit from appending in between. Returns how many bytes of
/// `lines` were written, and the error if these are not all.
pub fn append_lines(file: &mut File, lines: &[u8]) -> (usize, Option<io::Error>) {
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return write_all(file, lines);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_symbolic_link_is_followed_only_to_a_device_or_descriptor() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "torn").unwrap();
        symlink(&target, &link).unwrap();
        for existing in [Existing::RegularFile, Existing::FileOrStream] {
            let error = open(&link, existing).unwrap_err();
            assert_eq!(error.to_string(), "it is a symbolic link");
        }
        let file = File::open(&target).unwrap();
        let descriptor = format!("/proc/self/fd/{}", file.as_raw_fd());
        let mut again = open(Path::new(&descriptor), Existing::FileOrStream).unwrap();
        assert!(append_lines(&mut again, b"next\n").1.is_none());
        assert_eq!(fs::read_to_string(&target).unwrap(), "torn\nnext\n");
        fs::remove_file(&link).unwrap();
        symlink("/dev/null", &link).unwrap();
        let mut device = open(&link, Existing::FileOrStream).unwrap();
        assert!(append_lines(&mut device, b"nothing\n").1.is_none());
    }
}
