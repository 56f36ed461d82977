//! The bare epoll loop.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};
use socket2::{Domain, Socket, Type};

use crate::poll::{MAX_EVENTS, index_of, wait};

/// Runs a minimal echo server: one thread, one buffer, level-triggered epoll. It prints its port,
/// and exits at EOF on standard input, that is, when its parent process exits.
pub(crate) fn bare_loop() -> io::Result<()> {
    let listener = bare_listener()?;
    println!("{}", listener.local_addr()?.port());
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    watch(&epoll, &listener)?;
    watch(&epoll, &io::stdin())?;
    // Indexed by descriptor. The kernel assigns the lowest free one, so few entries are unused.
    let mut clients: Vec<Option<TcpStream>> = Vec::new();
    let mut events = Vec::with_capacity(MAX_EVENTS);
    // As large as the echo server's buffer.
    let mut buffer = vec![0; 64 * 1024];
    loop {
        wait(&epoll, &mut events)?;
        for event in events.drain(..) {
            let index = index_of(event);
            if index == descriptor(&listener) {
                accept_all(&epoll, &listener, &mut clients)?;
            } else if index == descriptor(&io::stdin()) {
                return Ok(());
            } else if let Some(client) = &mut clients[index] {
                let len = client.read(&mut buffer).unwrap_or(0);
                if len == 0 || client.write_all(&buffer[..len]).is_err() {
                    // Closing the socket also removes it from epoll.
                    clients[index] = None;
                }
            }
        }
    }
}

fn bare_listener() -> io::Result<TcpListener> {
    // The echo server's backlog, and the default maximum of Linux. std's 128 is too small for this
    // load.
    const BACKLOG: i32 = 4096;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn accept_all(
    epoll: &OwnedFd,
    listener: &TcpListener,
    clients: &mut Vec<Option<TcpStream>>,
) -> io::Result<()> {
    loop {
        let client = match accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok(client) => TcpStream::from(client),
            Err(Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        watch(epoll, &client)?;
        let index = descriptor(&client);
        if clients.len() <= index {
            clients.resize_with(index + 1, || None);
        }
        clients[index] = Some(client);
    }
}

/// Adds `source` to epoll for reading. The event's data is the descriptor.
fn watch(epoll: &OwnedFd, source: &(impl AsFd + AsRawFd)) -> io::Result<()> {
    let data = epoll::EventData::new_u64(descriptor(source) as u64);
    Ok(epoll::add(epoll, source, data, epoll::EventFlags::IN)?)
}

fn descriptor(source: &impl AsRawFd) -> usize {
    usize::try_from(source.as_raw_fd()).expect("an open descriptor is not negative")
}
