//! UDP and Unix datagram sockets with a deadline on every receive.

use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use crate::support::TIMEOUT;

/// A UDP socket with a deadline on every receive.
pub(crate) fn socket(addr: &str) -> UdpSocket {
    let socket = UdpSocket::bind(addr).unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    socket
}

/// A UDP client of `addr`, which receives from that address only.
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

/// A temporary directory, and the path of a socket in it.
pub(crate) fn socket_path() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    (directory, path)
}

pub(crate) fn unix_socket(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    socket
}
