//! The address of one end of a connection, as the kernel reports it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::path::Path;
use std::sync::Arc;

use crate::net::address::interface;
use crate::text;

/// The address of a socket, for output, logs and access rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addr {
    /// A network address. The address of an IPv4 client on a dual-stack socket is in IPv4 form.
    Net(SocketAddr),
    /// A Unix socket: `unix:PATH`, `unix:@NAME`, or for an unnamed one `unix:` or the process that
    /// owns it.
    Unix(Arc<str>),
}

impl Addr {
    /// Returns the address of a Unix socket at `path`, escaped for output.
    pub fn of_path(path: &Path) -> Self {
        use std::os::unix::ffi::OsStrExt as _;
        Self::Unix(format!("unix:{}", text::escape(path.as_os_str().as_bytes())).into())
    }

    /// Returns the address of a Unix socket in the abstract namespace, escaped for output.
    pub fn of_abstract(name: &[u8]) -> Self {
        Self::Unix(format!("unix:@{}", text::escape(name)).into())
    }

    /// Returns the address of a Unix socket, which may be unnamed.
    pub fn of_unix(addr: &UnixAddr) -> Self {
        if let Some(path) = addr.as_pathname() {
            return Self::of_path(path);
        }
        #[cfg(target_os = "linux")]
        if let Some(name) = addr.as_abstract_name() {
            return Self::of_abstract(name);
        }
        Self::unnamed()
    }

    /// Returns the address of an unnamed Unix socket: `unix:`, which no named socket has.
    pub fn unnamed() -> Self {
        Self::Unix("unix:".into())
    }

    /// Returns an address for the peer of a Unix socket that is unnamed: its process and user.
    pub fn of_process(pid: Option<i32>, uid: u32) -> Self {
        let pid = pid.map_or_else(|| "?".to_owned(), |pid| pid.to_string());
        Self::Unix(format!("unix:pid={pid},uid={uid}").into())
    }

    /// Returns the address `addr`, with an IPv4-mapped IPv6 address converted to IPv4.
    pub fn canonical(addr: SocketAddr) -> Self {
        Self::Net(match addr {
            SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
                Some(v4) => SocketAddr::new(v4.into(), v6.port()),
                None => addr,
            },
            SocketAddr::V4(_) => addr,
        })
    }

    /// Returns the IP address; `None` for a Unix socket.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Net(addr) => Some(addr.ip()),
            Self::Unix(_) => None,
        }
    }

    /// Returns the IP address as text, with the zone of a link-local address; `None` for a Unix
    /// socket.
    pub fn host(&self) -> Option<String> {
        match self {
            Self::Net(SocketAddr::V6(addr)) if addr.scope_id() != 0 => {
                Some(format!("{}%{}", addr.ip(), interface::zone(addr.scope_id())))
            }
            Self::Net(addr) => Some(addr.ip().to_string()),
            Self::Unix(_) => None,
        }
    }

    /// Returns the port; `None` for a Unix socket.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Net(addr) => Some(addr.port()),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        Self::Net(addr)
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // std writes the number of an interface, not its name.
            Self::Net(SocketAddr::V6(addr)) if addr.scope_id() != 0 => {
                write!(f, "[{}]:{}", self.host().unwrap_or_default(), addr.port())
            }
            Self::Net(addr) => addr.fmt(f),
            Self::Unix(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_as_ipv4_with_the_name_of_its_zone_or_escaped() {
        let canonical = |text: &str| Addr::canonical(text.parse().unwrap()).to_string();
        assert_eq!(canonical("[::ffff:127.0.0.1]:80"), "127.0.0.1:80");
        assert_eq!(canonical("[::1]:80"), "[::1]:80");
        let index = interface::index("lo").unwrap();
        assert_eq!(canonical(&format!("[fe80::1%{index}]:80")), "[fe80::1%lo]:80");
        assert_eq!(canonical("[fe80::1%4294967295]:80"), "[fe80::1%4294967295]:80");
        assert_eq!(Addr::of_path(Path::new("/run/\x1b[x")).to_string(), "unix:/run/\\u{1b}[x");
        assert_eq!(Addr::of_path(Path::new("unnamed")).to_string(), "unix:unnamed");
        assert_eq!(Addr::of_abstract(b"a").to_string(), "unix:@a");
        assert_eq!(Addr::unnamed().to_string(), "unix:");
        assert_eq!(Addr::of_process(Some(7), 0).to_string(), "unix:pid=7,uid=0");
    }
}
