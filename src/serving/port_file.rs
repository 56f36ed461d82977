//! `--port-file`: writes the port to a file while the server listens.
//!
//! sockkit replaces only a file that a killed server can have left, and removes only the file that
//! it created itself.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{
    FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::thread;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::append::is_stream;
use crate::reason;

/// The permissions of the file: every user may read the port.
const PORT_FILE_MODE: u32 = 0o644;

/// The length of the longest content that sockkit writes, `65535` and a newline.
const MAX_PORT_LINE: u64 = 6;

/// A file that contains the port, removed when this is dropped if the path still leads to it.
#[derive(Debug)]
pub(crate) struct PortFile {
    path: PathBuf,
    /// While it is open, no other file can have the same inode number.
    file: File,
}

impl PortFile {
    /// Writes the port to `path`: atomically to a new file, or to the device or FIFO that is there.
    /// Returns the new file if there is one.
    ///
    /// # Errors
    /// The path leads to something that must not be replaced, or cannot be written.
    pub(crate) fn write(path: &Path, port: u16) -> Result<Option<Self>, Failure> {
        let line = format!("{port}\n");
        let failed = |error: io::Error| {
            let message = format!("cannot write {}: {}", path.display(), reason::of(&error));
            Failure::new(Exit::File, message)
        };
        let refused = |what: &str| {
            let message = format!("cannot write the port to {}: it is {what}", path.display());
            Err(Failure::new(Exit::File, message).hint("another path with --port-file"))
        };
        if path == Path::new(STDOUT) {
            // Not opened again: a second position in a regular file would overwrite its content.
            let stdout = io::stdout().as_fd().try_clone_to_owned().map(File::from);
            let written = stdout.and_then(|mut stdout| stdout.write_all(line.as_bytes()));
            return written.map(|()| None).map_err(failed);
        }
        let replaces = match fs::symlink_metadata(path).map(|metadata| metadata.file_type()) {
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(failed(error)),
            Ok(kind) if kind.is_file() => match is_port_file(path) {
                Ok(true) => true,
                Ok(false) => return refused("a file that does not contain a port"),
                Err(error) => return Err(failed(error)),
            },
            // A symbolic link such as /dev/stderr may lead to a device or FIFO.
            Ok(kind) => match fs::metadata(path).map(|metadata| metadata.file_type()) {
                Ok(target) if is_stream(target) => {
                    return write_to_stream(path, line).map(|()| None).map_err(failed);
                }
                _ if kind.is_symlink() => return refused("a symbolic link"),
                _ if kind.is_dir() => return refused("a directory"),
                _ if kind.is_socket() => return refused("a socket"),
                _ => return refused("a block device"),
            },
        };
        let file = create(path, &line, replaces).map_err(failed)?;
        Ok(Some(Self { path: path.to_owned(), file }))
    }
}

impl Drop for PortFile {
    fn drop(&mut self) {
        let (Ok(own), Ok(current)) = (self.file.metadata(), fs::symlink_metadata(&self.path))
        else {
            return;
        };
        if (own.dev(), own.ino()) == (current.dev(), current.ino()) {
            // The user may have removed the file already.
            fs::remove_file(&self.path).ok();
        }
    }
}

/// The path of the process's own standard output.
const STDOUT: &str = "/dev/stdout";

/// Creates the file through a temporary one in the same folder, whose name did not exist before.
fn create(path: &Path, line: &str, replaces: bool) -> io::Result<File> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    let permissions = Permissions::from_mode(PORT_FILE_MODE);
    let mut file = builder.prefix(".sockkit-port-").tempfile_in(folder)?;
    file.write_all(line.as_bytes())?;
    // Whatever the umask is.
    file.as_file().set_permissions(permissions)?;
    let persisted = if replaces { file.persist(path) } else { file.persist_noclobber(path) };
    persisted.map_err(|failed| failed.error)
}

/// Returns whether the regular file at `path` is empty or contains exactly a port number and a
/// newline, as a killed server leaves it.
fn is_port_file(path: &Path) -> io::Result<bool> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let mut content = Vec::new();
    file.take(MAX_PORT_LINE + 1).read_to_end(&mut content)?;
    let digits = content.strip_suffix(b"\n").filter(|digits| digits.iter().all(u8::is_ascii_digit));
    let port = digits.and_then(|digits| str::from_utf8(digits).ok()?.parse::<u16>().ok());
    Ok(content.is_empty() || port.is_some())
}

/// Writes `line` to the device or FIFO at `path`. If that would block, for example because the FIFO
/// has no reader yet, a thread does it.
fn write_to_stream(path: &Path, line: String) -> io::Result<()> {
    let open = |flags: OFlags| {
        let flags = (flags | OFlags::NOCTTY).bits().cast_signed();
        OpenOptions::new().write(true).custom_flags(flags).open(path)
    };
    let written = open(OFlags::NONBLOCK).and_then(|mut stream| {
        // The path may lead to another file by now.
        if !is_stream(stream.metadata()?.file_type()) {
            return Err(io::Error::other("the file has changed"));
        }
        stream.write_all(line.as_bytes())
    });
    match written {
        Err(error)
            if error.kind() == ErrorKind::WouldBlock
                || Errno::from_io_error(&error) == Some(Errno::NXIO) =>
        {
            let path = path.to_owned();
            thread::Builder::new().name("port_file".into()).spawn(move || {
                let flags = OFlags::NOCTTY.bits().cast_signed();
                let stream = OpenOptions::new().write(true).custom_flags(flags).open(path);
                // The reader may be gone; the server runs on.
                stream.and_then(|mut stream| stream.write_all(line.as_bytes())).ok();
            })?;
            Ok(())
        }
        written => written,
    }
}
