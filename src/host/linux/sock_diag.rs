//! TCP and UDP sockets, over `sock_diag(7)`.

use std::io;
use std::net::SocketAddr;

use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{
    AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP, TCP_CLOSE, TCP_LISTEN, TCP_TIME_WAIT,
};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags,
};

use crate::host::linux::netlink::{SOCK_DIAG, dump};
use crate::host::socket::sorted;
use crate::host::{BoundSocket, SocketProtocol, SocketState};

/// Returns the TCP and UDP sockets of this machine, sorted by port.
///
/// # Errors
/// The kernel does not list them.
pub fn sockets() -> io::Result<Vec<BoundSocket>> {
    let mut sockets = Vec::new();
    for protocol in [SocketProtocol::Tcp, SocketProtocol::Udp] {
        for (family, socket_id) in [(AF_INET, SocketId::new_v4()), (AF_INET6, SocketId::new_v6())] {
            let request = SockDiagMessage::InetRequest(InetRequest {
                family,
                protocol: match protocol {
                    SocketProtocol::Tcp => IPPROTO_TCP,
                    SocketProtocol::Udp => IPPROTO_UDP,
                },
                extensions: ExtensionFlags::empty(),
                states: StateFlags::all(),
                socket_id,
            });
            sockets.extend(dump(SOCK_DIAG, &request)?.into_iter().filter_map(
                |message| match message {
                    SockDiagMessage::InetResponse(response) => Some(socket(protocol, &response)),
                    _ => None,
                },
            ));
        }
    }
    Ok(sorted(sockets))
}

fn socket(protocol: SocketProtocol, response: &InetResponse) -> BoundSocket {
    let header = &response.header;
    let id = &header.socket_id;
    let state = match (protocol, header.state) {
        (SocketProtocol::Tcp, TCP_LISTEN) | (SocketProtocol::Udp, TCP_CLOSE) => {
            SocketState::Listening
        }
        (SocketProtocol::Tcp, TCP_TIME_WAIT | TCP_CLOSE) => SocketState::Closing,
        _ => SocketState::Connected,
    };
    let is_v6_only = response.nlas.iter().any(|nla| matches!(nla, Nla::SkV6Only(true)));
    BoundSocket {
        protocol,
        local: SocketAddr::new(id.source_address, id.source_port),
        device: Some(id.interface_id).filter(|index| *index != 0),
        state,
        is_dual_stack: id.source_address.is_ipv6()
            && id.source_address.is_unspecified()
            && !is_v6_only,
        waiting: header.recv_queue,
        backlog: (protocol == SocketProtocol::Tcp && state == SocketState::Listening)
            .then_some(header.send_queue),
        uid: header.uid,
        inode: header.inode.into(),
    }
}
