//! The load generator.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::epoll;
use rustix::io::Errno;
use socket2::{Domain, SockRef, Socket, Type};

use crate::TIMEOUT;
use crate::poll::{MAX_EVENTS, index_of, wait};

/// The message that is sent and must be echoed: 64 different bytes, so that a lost or reordered
/// byte is noticed.
const MESSAGE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Time before each measurement for caches and the scheduler to settle, and to take the echoes that
/// arrived while the other server was measured.
const WARM_UP: Duration = Duration::from_millis(60);

/// How long echoes are counted: long compared with a scheduler tick; short compared with the time
/// for which other load on the machine stays the same.
const MEASURED: Duration = Duration::from_millis(300);

/// Maximum number of connections being opened at the same time: enough to keep a server busy, too
/// few to fill its backlog. A full backlog would make the kernel retransmit, and its retransmission
/// timer would dominate the result.
const MAX_OPENING: usize = 256;

/// Client connections to one server, all driven by the calling thread.
pub(crate) struct Clients {
    epoll: OwnedFd,
    /// The epoll data of a connection is its index here.
    streams: Vec<TcpStream>,
    /// For each connection, how many bytes of the current echo have arrived.
    received: Vec<usize>,
}

impl Clients {
    /// Opens `count` connections, and waits until each has sent a byte and received its echo. The
    /// TCP handshake alone would measure only the kernel.
    pub(crate) fn connect(addr: SocketAddr, count: u16) -> io::Result<Self> {
        let count = usize::from(count);
        let mut clients = Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            streams: Vec::with_capacity(count),
            received: vec![0; count],
        };
        let deadline = Instant::now() + TIMEOUT;
        let mut events = Vec::with_capacity(MAX_EVENTS);
        let mut answered = 0;
        while answered < count {
            while clients.streams.len() < count.min(answered + MAX_OPENING) {
                clients.start_connecting(addr)?;
            }
            wait(&clients.epoll, &mut events)?;
            for event in events.drain(..) {
                answered += usize::from(clients.handle_event(event)?);
            }
            if Instant::now() > deadline {
                let message = format!("only {answered} of {count} connections within {TIMEOUT:?}");
                return Err(io::Error::new(ErrorKind::TimedOut, message));
            }
        }
        Ok(clients)
    }

    /// Starts a connection, which epoll reports as writable once it is established.
    fn start_connecting(&mut self, addr: SocketAddr) -> io::Result<()> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&addr.into()) {
            Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => {
                return Err(error);
            }
            _ => {}
        }
        let data = epoll::EventData::new_u64(self.streams.len() as u64);
        epoll::add(&self.epoll, &socket, data, epoll::EventFlags::OUT)?;
        self.streams.push(socket.into());
        Ok(())
    }

    /// Sends the first byte once connected. Returns whether the echo of that byte has arrived.
    fn handle_event(&self, event: epoll::Event) -> io::Result<bool> {
        let mut stream = &self.streams[index_of(event)];
        let flags = event.flags;
        if flags.contains(epoll::EventFlags::OUT) {
            // If connecting failed, this write returns the error.
            stream.write_all(&MESSAGE[..1])?;
            epoll::modify(&self.epoll, stream, event.data, epoll::EventFlags::IN)?;
            return Ok(false);
        }
        stream.read_exact(&mut [0])?;
        Ok(true)
    }

    /// Sends the first message on each connection.
    pub(crate) fn start(&self) -> io::Result<()> {
        for mut stream in &self.streams {
            stream.write_all(MESSAGE)?;
        }
        Ok(())
    }

    /// Returns the total echoes per second, after [`Self::start`]. Each connection sends a message,
    /// waits for the whole echo and sends the next message.
    pub(crate) fn echo_rate(&mut self) -> io::Result<f64> {
        self.echo_for(WARM_UP)?;
        let started = Instant::now();
        let echoes = self.echo_for(MEASURED)?;
        Ok(f64::from(echoes) / started.elapsed().as_secs_f64())
    }

    /// Echoes for `duration` and returns the number of complete echoes.
    fn echo_for(&mut self, duration: Duration) -> io::Result<u32> {
        let end = Instant::now() + duration;
        let mut events = Vec::with_capacity(MAX_EVENTS);
        let mut buffer = [0; MESSAGE.len()];
        let mut echoes = 0;
        while Instant::now() < end {
            wait(&self.epoll, &mut events)?;
            for event in events.drain(..) {
                let mut stream = &self.streams[index_of(event)];
                let received = &mut self.received[index_of(event)];
                let missing = &MESSAGE[*received..];
                let len = stream.read(&mut buffer[..missing.len()])?;
                if len == 0 || buffer[..len] != missing[..len] {
                    return Err(io::Error::other("the echo differs from the message"));
                }
                *received += len;
                if *received == MESSAGE.len() {
                    *received = 0;
                    echoes += 1;
                    stream.write_all(MESSAGE)?;
                }
            }
        }
        Ok(echoes)
    }
}

impl Drop for Clients {
    /// Resets the connections. If they were closed normally, thousands of ports would stay in
    /// TIME-WAIT for a minute and slow down the next rounds.
    fn drop(&mut self) {
        for stream in &self.streams {
            // A failure only makes the measurements less stable.
            SockRef::from(stream).set_linger(Some(Duration::ZERO)).ok();
        }
    }
}
