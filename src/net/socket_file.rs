//! Binding Unix sockets without replacing a file that is in use.
//!
//! A path is reused only if it holds a socket that no process has open any more. If it holds a
//! socket in use or any other file, binding fails and the file stays. The file of a bound socket is
//! removed on drop. Names in the abstract namespace (`unix(7)`) have no file.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::net::address::unix::UnixPlace;

/// The file of a bound socket, removed on drop.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode, because the path may hold another process's file by the time of the drop.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|current| current == self.identity) {
            // If another process has removed the file, nothing is left to do.
            fs::remove_file(&self.path).ok();
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Binds a socket of type `type` to `place`. Its file gets the permissions `mode` before any client
/// can use it.
///
/// # Errors
/// The path holds a socket in use or a file that is not a socket, or cannot be written.
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
    remove_stale_socket(path, &addr, r#type)?;
    #[cfg(target_os = "linux")]
    if let Some(mode) = mode {
        // bind(2) creates the file with the mode of the socket, less the umask. Without this, a
        // client could send a datagram before `set_permissions` restricts the file.
        rustix::fs::fchmod(&socket, rustix::fs::Mode::from_raw_mode(mode))?;
    }
    socket.bind(&addr)?;
    let file = SocketFile { path: path.clone(), identity: identity(path)? };
    if let Some(mode) = mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok((socket, Some(file)))
}

/// Removes the socket at `path` if no process has it open any more.
///
/// # Errors
/// The path holds a socket in use or a file that is not a socket.
fn remove_stale_socket(path: &Path, addr: &SockAddr, r#type: Type) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.file_type().is_socket() {
        let message = "the file exists and is not a socket";
        return Err(io::Error::new(ErrorKind::AlreadyExists, message));
    }
    // The probe has the other socket type, so that a server in use reports EPROTOTYPE instead of
    // accepting a connection. A socket that no process has open refuses the probe.
    let other_type = if r#type == Type::STREAM { Type::DGRAM } else { Type::STREAM };
    let probe = Socket::new(Domain::UNIX, other_type, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(addr) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        // The socket is in use, or it cannot be probed (EACCES) and may be in use.
        Ok(()) | Err(_) => Err(ErrorKind::AddrInUse.into()),
    }
}
