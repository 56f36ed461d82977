//! Connections whose two ends are the same socket.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// Refuses a connection whose two ends have the same address, which the kernel allows on a loopback
/// port that no server has: it chose this very port for our end. `peer` is the kernel's answer, not
/// the address asked for, since `0.0.0.0` stands for one that is known only after connecting.
///
/// # Errors
/// `ConnectionRefused`, as if the kernel had found no server.
pub fn refuse(local: SocketAddr, peer: SocketAddr) -> io::Result<()> {
    if (local.ip(), local.port()) == (peer.ip(), peer.port()) {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_connected_to_itself_is_refused() {
        let addr = |text: &str| text.parse::<SocketAddr>().unwrap();
        let refused = refuse(addr("127.0.0.1:4000"), addr("127.0.0.1:4000")).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        for peer in ["127.0.0.1:4001", "127.0.0.2:4000", "[::1]:4000"] {
            refuse(addr("127.0.0.1:4000"), addr(peer)).unwrap();
        }
    }
}
