//! Requests to the kernel over netlink(7).

use std::io;
use std::time::Duration;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable,
};
use rustix::fd::OwnedFd;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};

/// The protocol of sockets.
pub(super) const SOCK_DIAG: Option<Protocol> = Some(netlink::SOCK_DIAG);

/// How long to wait for each part of a reply; the kernel answers at once.
const KERNEL_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest part of a reply: the kernel sends at most 32 KiB at once (`netlink_dump`).
const BUFFER: usize = 64 * 1024;

/// The most entries that are read: more than any machine has on which a user reads them.
const MAX_ENTRIES: usize = 100_000;

/// How often a dump is repeated if the kernel's list changed meanwhile.
const DUMP_TRIES: usize = 3;

/// Returns the kernel's list of what `request` asks for.
///
/// # Errors
/// The kernel does not support or permit the request, or sent a reply that cannot be read.
pub(super) fn dump<M>(protocol: Option<Protocol>, request: &M) -> io::Result<Vec<M>>
where
    M: NetlinkSerializable + NetlinkDeserializable + Clone,
{
    let mut outcome = exchange(protocol, request.clone(), NLM_F_REQUEST | NLM_F_DUMP);
    for _ in 1..DUMP_TRIES {
        match &outcome {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                outcome = exchange(protocol, request.clone(), NLM_F_REQUEST | NLM_F_DUMP);
            }
            _ => break,
        }
    }
    outcome
}

/// Returns the kernel's answer to `request`, one entry.
///
/// # Errors
/// As for [`dump`]; also the kernel's own error, such as `NetworkUnreachable` for a route.
pub(super) fn get<M>(protocol: Option<Protocol>, request: M) -> io::Result<M>
where
    M: NetlinkSerializable + NetlinkDeserializable,
{
    let entries = exchange(protocol, request, NLM_F_REQUEST)?;
    entries.into_iter().next().ok_or_else(|| io::Error::other("the kernel sent no entry"))
}

fn exchange<M>(protocol: Option<Protocol>, request: M, flags: u16) -> io::Result<Vec<M>>
where
    M: NetlinkSerializable + NetlinkDeserializable,
{
    let socket = open(protocol)?;
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(request));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    send(&socket, &bytes, SendFlags::empty())?;
    let mut entries = Vec::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        let (_, len) = recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        let is_last = read_messages(&buffer[..len], &mut entries)?;
        // The answer to a request that is no dump is a single message.
        if is_last || flags & NLM_F_DUMP != NLM_F_DUMP || entries.len() >= MAX_ENTRIES {
            return Ok(entries);
        }
    }
}

/// Opens a socket that is connected to the kernel: messages of other processes are not received.
fn open(protocol: Option<Protocol>) -> io::Result<OwnedFd> {
    let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, protocol)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(KERNEL_TIMEOUT))?;
    connect(&socket, &SocketAddrNetlink::new(0, 0))?;
    Ok(socket)
}

/// Reads the messages in `bytes`, and returns whether one of them ends the reply.
fn read_messages<M: NetlinkDeserializable>(
    mut bytes: &[u8],
    entries: &mut Vec<M>,
) -> io::Result<bool> {
    let broken = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    while !bytes.is_empty() {
        let message = NetlinkMessage::<M>::deserialize(bytes);
        let message = message.map_err(|error| broken(error.to_string()))?;
        if message.header.flags & DUMP_INTERRUPTED != 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match message.payload {
            NetlinkPayload::Done(done) if done.code != 0 => {
                return Err(io::Error::from_raw_os_error(done.code.saturating_abs()));
            }
            NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
            NetlinkPayload::Done(_) | NetlinkPayload::Error(_) => return Ok(true),
            NetlinkPayload::InnerMessage(entry) => entries.push(entry),
            _ => {}
        }
        // Each message begins at a multiple of 4 bytes (NLMSG_ALIGN).
        let len = usize::try_from(message.header.length).unwrap_or(usize::MAX);
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// `NLM_F_DUMP_INTR`: the list changed while the kernel sent it.
const DUMP_INTERRUPTED: u16 = 0x10;
