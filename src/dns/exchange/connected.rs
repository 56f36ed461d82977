//! UDP sockets that are connected to a server: the kernel then reports a closed port at once, and
//! drops datagrams from other addresses.

use std::io;
use std::net::SocketAddr;

use tokio::net::UdpSocket;

use crate::net::address::endpoint::SourceAddress;
use crate::net::self_connection;

/// Opens a socket that is connected to `addr`, and bound to `from`.
///
/// # Errors
/// The kernel has no socket or no route.
pub(super) async fn connect_udp(
    addr: SocketAddr,
    from: Option<SourceAddress>,
) -> io::Result<UdpSocket> {
    let from = from.unwrap_or(SourceAddress::Port(0));
    let socket = UdpSocket::bind(from.for_peer(addr)).await?;
    socket.connect(addr).await?;
    self_connection::refuse(socket.local_addr()?, socket.peer_addr()?)?;
    Ok(socket)
}
