//! Unix sockets: reaching one, and taking a path without ever taking somebody's file.
//!
//! A path is taken over only from a socket nobody listens on any more; a live socket and any other
//! file are refused and left alone. What was bound is removed at the end. The abstract namespace
//! (`unix(7)`) needs none of that.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixStream;

use super::addr::Addr;
use super::deadline::Deadline;
use super::error::Error;

/// Where a Unix socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnixPlace {
    /// In the file system.
    Path(PathBuf),
    /// In Linux's abstract namespace, without the leading NUL.
    Abstract(String),
}

impl UnixPlace {
    /// Returns the place as it is shown.
    pub fn addr(&self) -> Addr {
        match self {
            Self::Path(path) => Addr::of_path(path),
            Self::Abstract(name) => Addr::of_abstract(name.as_bytes()),
        }
    }

    /// Returns the place as the kernel wants it.
    ///
    /// # Errors
    /// It is longer than a socket's name can be.
    pub fn to_sockaddr(&self) -> io::Result<SockAddr> {
        let path = match self {
            Self::Path(path) => path.clone(),
            Self::Abstract(name) => PathBuf::from(format!("\0{name}")),
        };
        let len = path.as_os_str().len();
        if len > MAX_PATH {
            let message = format!("the path has {len} bytes, a socket's at most {MAX_PATH}");
            return Err(io::Error::new(ErrorKind::InvalidInput, message));
        }
        SockAddr::unix(path)
    }
}

/// `sun_path` of `struct sockaddr_un` has 108 bytes, one of them for the NUL (unix(7)).
const MAX_PATH: usize = 107;

/// A socket's file, removed when this is dropped.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode: whatever stands there later may be somebody else's.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|there| there == self.identity) {
            // Whoever removed it meanwhile did what was to be done.
            fs::remove_file(&self.path).ok();
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Binds a socket of kind `r#type` to `place`, with `mode` as its file's permissions before anybody
/// can reach it.
///
/// # Errors
/// The place is taken: by a socket somebody listens on, or by a file that is no socket.
pub fn bind(
    place: &UnixPlace,
    r#type: Type,
    mode: Option<u32>,
) -> io::Result<(Socket, Option<SocketFile>)> {
    let addr = place.to_sockaddr()?;
    let socket = Socket::new(Domain::UNIX, r#type, None)?;
    socket.set_nonblocking(true)?;
    let UnixPlace::Path(path) = place else {
        socket.bind(&addr)?;
        return Ok((socket, None));
    };
    make_way(path, &addr, r#type)?;
    #[cfg(target_os = "linux")]
    if let Some(mode) = mode {
        // The file gets the socket's own permissions, less the umask: a datagram could come before
        // they are set below.
        rustix::fs::fchmod(&socket, rustix::fs::Mode::from_raw_mode(mode))?;
    }
    socket.bind(&addr)?;
    let file = SocketFile { path: path.clone(), identity: identity(path)? };
    if let Some(mode) = mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok((socket, Some(file)))
}

/// Removes what a program left at `path` that did not end in order; nothing else.
fn make_way(path: &Path, addr: &SockAddr, r#type: Type) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        let message = "there is a file of that name, and it is no socket";
        return Err(io::Error::new(ErrorKind::AlreadyExists, message));
    }
    // A socket of the other kind: a live one says that the kinds differ (EPROTOTYPE), and is not
    // bothered with a connection of ours; one whose owner is gone refuses.
    let other = if r#type == Type::STREAM { Type::DGRAM } else { Type::STREAM };
    let probe = Socket::new(Domain::UNIX, other, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(addr) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        // It is of the probe's kind, and alive; or one that may not be reached, and could be.
        Ok(()) | Err(_) => Err(ErrorKind::AddrInUse.into()),
    }
}

/// Listens for streams at `place`.
///
/// # Errors
/// [`Error::Listen`]: the place is taken, or cannot be written.
pub fn listen(
    place: &UnixPlace,
    mode: Option<u32>,
    backlog: i32,
) -> Result<(UnixListener, Option<SocketFile>), Error> {
    let failed = |source| Error::Listen { addr: place.addr(), source };
    let (socket, file) = bind(place, Type::STREAM, mode).map_err(failed)?;
    // Only from here on can anybody connect.
    socket.listen(backlog).map_err(failed)?;
    Ok((socket.into(), file))
}

/// A full backlog is told at once instead of waited for; this long until the next try.
const FULL_PAUSE: Duration = Duration::from_millis(20);

/// Connects to the stream socket at `place`.
///
/// # Errors
/// Nobody listens there, or the backlog stayed full until `deadline`.
pub async fn connect(place: &UnixPlace, deadline: Deadline) -> io::Result<UnixStream> {
    let addr = place.to_sockaddr()?;
    loop {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&addr) {
            Ok(()) => return UnixStream::from_std(socket.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if deadline.bound(tokio::time::sleep(FULL_PAUSE)).await.is_err() {
            return Err(ErrorKind::TimedOut.into());
        }
    }
}
