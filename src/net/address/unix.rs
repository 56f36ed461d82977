//! Locations of Unix sockets: a path, or a name in the abstract namespace.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;

use socket2::SockAddr;

use crate::net::address::addr::Addr;
use crate::net::address::parse::ParseError;

/// The location of a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnixPlace {
    /// A path in the file system.
    Path(PathBuf),
    /// A name in Linux's abstract namespace, without the leading NUL byte.
    Abstract(Vec<u8>),
}

impl UnixPlace {
    /// Returns the location as an address for output.
    pub fn addr(&self) -> Addr {
        match self {
            Self::Path(path) => Addr::of_path(path),
            Self::Abstract(name) => Addr::of_abstract(name),
        }
    }

    /// Returns the location as a socket address.
    ///
    /// # Errors
    /// The path or name does not fit into a socket address.
    pub fn to_sockaddr(&self) -> io::Result<SockAddr> {
        let path = match self {
            Self::Path(path) => path.clone(),
            Self::Abstract(name) => PathBuf::from(OsString::from_vec([&b"\0"[..], name].concat())),
        };
        let len = path.as_os_str().len();
        if len > MAX_PATH {
            let message = format!("the path has {len} bytes; a Unix socket allows {MAX_PATH}");
            return Err(io::Error::new(ErrorKind::InvalidInput, message));
        }
        SockAddr::unix(path)
    }

    /// Returns `error` of connect(2), or a clearer one if a file that is not a socket caused it:
    /// the kernel refuses a connection to such a file as if no process listened.
    pub(in crate::net) fn explain(&self, error: io::Error) -> io::Error {
        let Self::Path(path) = self else { return error };
        let is_socket = |found: Metadata| found.file_type().is_socket();
        match path.metadata().map(is_socket) {
            Ok(false) if error.kind() == ErrorKind::ConnectionRefused => {
                io::Error::new(ErrorKind::InvalidInput, "not a socket")
            }
            _ => error,
        }
    }
}

/// `sun_path` of `struct sockaddr_un` has 108 bytes, including the final NUL byte (unix(7)).
const MAX_PATH: usize = 107;

/// Parses the location after `unix:`; `None` if the argument is another address. A path is bytes,
/// and need not be UTF-8.
///
/// # Errors
/// The path or name is empty.
pub(super) fn parse(argument: &OsStr) -> Option<Result<UnixPlace, ParseError>> {
    let path = argument.as_bytes().strip_prefix(b"unix:")?;
    let path = path.strip_prefix(b"//").unwrap_or(path);
    Some(match path.strip_prefix(b"@") {
        Some([]) => Err(ParseError::EmptyPath),
        None if path.is_empty() => Err(ParseError::EmptyPath),
        Some(name) => Ok(UnixPlace::Abstract(name.to_owned())),
        None => Ok(UnixPlace::Path(OsStr::from_bytes(path).into())),
    })
}
