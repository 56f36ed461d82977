//! Which processes hold a socket.

use std::fmt;

use nix::unistd::{Uid, User};

use crate::host::process::Process;
use crate::host::socket::{BoundSocket, SocketState};
use crate::host::system;

/// A socket, and the processes that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketHolder {
    /// The socket.
    pub socket: BoundSocket,
    /// The processes; empty if they are not known.
    pub processes: Vec<Process>,
}

/// Returns the processes of each socket.
pub fn holders_of(sockets: Vec<BoundSocket>) -> Vec<SocketHolder> {
    let inodes = sockets.iter().map(|socket| socket.inode).filter(|inode| *inode != 0).collect();
    let mut processes = system::processes_by_socket(&inodes);
    let held_by = |socket: BoundSocket| {
        let processes = processes.remove(&socket.inode).unwrap_or_default();
        SocketHolder { socket, processes }
    };
    sockets.into_iter().map(held_by).collect()
}

/// Returns who holds a port that could not be bound, for an error; `None` if it cannot be found
/// out.
pub fn explain_busy_port(port: u16) -> Option<String> {
    let bound = system::sockets().ok()?.into_iter().filter(|socket| socket.local.port() == port);
    let mut holders = holders_of(bound.collect());
    // A socket that listens is the reason; connections only if there is none.
    let best = holders.iter().map(|holder| holder.socket.state).min()?;
    holders.retain(|holder| holder.socket.state == best);
    let mut texts: Vec<String> = Vec::new();
    for text in holders.iter().map(ToString::to_string) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    Some(texts.join("; "))
}

/// Returns the name of a user, or its number if it has none.
pub fn user_name(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}

impl fmt::Display for SocketHolder {
    /// Writes `tcp port 5666 is held by nginx (process 12), user root`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let socket = &self.socket;
        write!(f, "{} port {} is ", socket.protocol, socket.local.port())?;
        match socket.state {
            SocketState::Closing => return f.write_str("kept by a connection that has ended"),
            SocketState::Connected => f.write_str("used by a connection of ")?,
            SocketState::Listening => f.write_str("held by ")?,
        }
        if self.processes.is_empty() {
            f.write_str("a process that cannot be read")?;
        }
        for (at, process) in self.processes.iter().enumerate() {
            write!(f, "{}{process}", if at == 0 { "" } else { ", " })?;
        }
        write!(f, ", user {}", user_name(socket.uid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::socket::SocketProtocol;
    use std::net::{TcpListener, UdpSocket};

    #[test]
    fn a_busy_port_is_explained_by_the_process_that_listens_on_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let Some(text) = explain_busy_port(addr.port()) else {
            // A kernel without sock_diag(7).
            return;
        };
        let start = format!("tcp port {} is held by ", addr.port());
        assert!(text.contains(&start), "{text}");
        assert!(text.contains(&format!("(process {})", std::process::id())), "{text}");
    }

    #[test]
    fn sockets_of_both_protocols_and_families_are_listed() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let Ok(sockets) = system::sockets() else { return };
        let find = |protocol, addr| {
            let is = |socket: &&BoundSocket| socket.protocol == protocol && socket.local == addr;
            sockets.iter().find(is).unwrap()
        };
        let listening = find(SocketProtocol::Tcp, tcp.local_addr().unwrap());
        assert_eq!(listening.state, SocketState::Listening);
        assert!(listening.backlog.is_some_and(|backlog| backlog > 0));
        let bound = find(SocketProtocol::Udp, udp.local_addr().unwrap());
        assert_eq!((bound.state, bound.backlog), (SocketState::Listening, None));
    }
}
