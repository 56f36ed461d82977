//! UDP and Unix datagram sockets with a deadline on every receive.

use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use crate::support::PATIENCE;

/// A foreign UDP socket with a deadline on everything.
pub(crate) fn socket(addr: &str) -> UdpSocket {
    let socket = UdpSocket::bind(addr).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A foreign client of `addr`, which takes answers from there alone.
pub(crate) fn client(addr: SocketAddr) -> UdpSocket {
    let client = socket(if addr.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" });
    client.connect(addr).unwrap();
    client
}

pub(crate) fn receive(socket: &UdpSocket) -> Vec<u8> {
    receive_from(socket).0
}

pub(crate) fn receive_from(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 70_000];
    let (len, from) = socket.recv_from(&mut buffer).unwrap();
    buffer.truncate(len);
    (buffer, from)
}

/// A directory, and the path of a socket in it.
pub(crate) fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    (directory, path)
}

pub(crate) fn unix_socket(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}
