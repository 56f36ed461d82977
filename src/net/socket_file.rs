//! Unix sockets: reaching one, and taking a path without ever taking somebody's file.
//!
//! A path is taken over only from a socket nobody listens on any more; a live socket and any other
//! file are refused and left alone. What was bound is removed at the end. The abstract namespace
//! (`unix(7)`) needs none of that.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::net::address::unix::UnixPlace;

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
