//! Detection of sockets that are connected to themselves.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// Refuses a connection whose two ends have the same address.
///
/// The kernel allows such a connection: on a loopback port without a server, it may choose this
/// very port as the local one. `peer` must be the address that the kernel reports, not the one
/// requested, because the kernel replaces `0.0.0.0` by a concrete address when it connects.
///
/// # Errors
/// `ConnectionRefused`, as for a port without a server.
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
