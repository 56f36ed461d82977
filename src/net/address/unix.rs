//! Locations of Unix sockets: a path, or a name in the abstract namespace.

use std::io::{self, ErrorKind};
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
    Abstract(String),
}

impl UnixPlace {
    /// Returns the location as an address for output.
    pub fn addr(&self) -> Addr {
        match self {
            Self::Path(path) => Addr::of_path(path),
            Self::Abstract(name) => Addr::of_abstract(name.as_bytes()),
        }
    }

    /// Returns the location as a socket address.
    ///
    /// # Errors
    /// The path or name does not fit into a socket address.
    pub fn to_sockaddr(&self) -> io::Result<SockAddr> {
        let path = match self {
            Self::Path(path) => path.clone(),
            Self::Abstract(name) => PathBuf::from(format!("\0{name}")),
        };
        let len = path.as_os_str().len();
        if len > MAX_PATH {
            let message = format!("the path has {len} bytes; a Unix socket allows {MAX_PATH}");
            return Err(io::Error::new(ErrorKind::InvalidInput, message));
        }
        SockAddr::unix(path)
    }
}

/// `sun_path` of `struct sockaddr_un` has 108 bytes, including the final NUL byte (unix(7)).
const MAX_PATH: usize = 107;

/// Parses the text after `unix:`.
///
/// # Errors
/// The path or name is empty.
pub(super) fn parse(path: &str) -> Result<UnixPlace, ParseError> {
    let path = path.strip_prefix("//").unwrap_or(path);
    match path.strip_prefix('@') {
        Some("") => Err(ParseError::EmptyPath),
        None if path.is_empty() => Err(ParseError::EmptyPath),
        Some(name) => Ok(UnixPlace::Abstract(name.to_owned())),
        None => Ok(UnixPlace::Path(path.into())),
    }
}
