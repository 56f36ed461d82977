//! The peers of sockkit: clients and servers that share no code with it.

pub(crate) mod datagram;
pub(crate) mod dns_server;
pub(crate) mod https;
#[cfg(feature = "doh3")]
pub(crate) mod quic;
pub(crate) mod signed_zones;
pub(crate) mod tls;
pub(crate) mod unix;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::RecvFlags;

use crate::support::TIMEOUT;
use crate::support::procfs::kernel_buffers;

/// A connection over TCP, or over TLS on it, with a deadline on every operation.
pub(crate) struct Client<S = TcpStream> {
    pub stream: S,
    read: Vec<u8>,
}

impl Client {
    #[track_caller]
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        Self::of(TcpStream::connect_timeout(&addr, TIMEOUT).unwrap())
    }

    /// Our address, which the server sees as its client's.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    pub(crate) fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TIMEOUT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new() }
    }

    /// Reads to EOF or to a reset.
    #[track_caller]
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut read = std::mem::take(&mut self.read);
        match self.stream.read_to_end(&mut read) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
            _ => read,
        }
    }

    /// Whether something has arrived that was not read.
    pub(crate) fn has_received_something(&self) -> bool {
        rustix::net::recv(&self.stream, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT)
            .is_ok_and(|(len, _)| len > 0)
    }

    pub(crate) fn shut_down(&self) {
        self.stream.shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn on(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// Takes what was read but not returned yet.
    fn take_read(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.read)
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self.stream.flush().unwrap();
    }

    /// Receives once, up to 1024 bytes, as the course's programs do.
    #[track_caller]
    pub(crate) fn recv(&mut self) -> Vec<u8> {
        if !self.read.is_empty() {
            return std::mem::take(&mut self.read);
        }
        let mut buffer = [0; 1024];
        let len = self.stream.read(&mut buffer).unwrap();
        buffer[..len].to_vec()
    }

    /// Reads until `end` has arrived, and returns everything up to its last byte.
    #[track_caller]
    pub(crate) fn read_until(&mut self, end: &str) -> String {
        let end = end.as_bytes();
        let mut searched = 0;
        loop {
            let fresh = &self.read[searched..];
            if let Some(at) = fresh.windows(end.len()).position(|window| window == end) {
                let rest = self.read.split_off(searched + at + end.len());
                let read = std::mem::replace(&mut self.read, rest);
                return String::from_utf8_lossy(&read).into_owned();
            }
            searched = self.read.len().saturating_sub(end.len() - 1);
            let mut buffer = [0; 64 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(len @ 1..) => self.read.extend_from_slice(&buffer[..len]),
                other => panic!(
                    "{other:?} before {:?}; read {:?}",
                    end.escape_ascii().to_string(),
                    self.read.escape_ascii().to_string()
                ),
            }
        }
    }

    /// Reads one line and returns it without its line ending.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        self.read_until("\n").trim_end().to_owned()
    }
}

/// Writes until every buffer on the way is full, and returns the number of bytes written.
#[track_caller]
pub(crate) fn fill_buffers(client: &Client) -> usize {
    // On a busy machine a write may time out early, which only makes the sum smaller.
    client.stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let most = kernel_buffers() + MAX_HELD;
    let mut sent = 0;
    loop {
        match (&client.stream).write(&[b'x'; 65536]) {
            Ok(len) => sent += len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return sent,
            Err(error) => panic!("{error} after {sent} bytes"),
        }
        assert!(sent < most, "the sender is never blocked");
    }
}

/// The most bytes that sockkit may buffer of a stream that its reader does not read.
const MAX_HELD: usize = 8_000_000;

/// A TCP server for one client; `join` returns the result of `serve`.
pub(crate) struct Peer<T> {
    pub addr: SocketAddr,
    thread: thread::JoinHandle<T>,
}

impl<T: Send + 'static> Peer<T> {
    pub(crate) fn start(serve: impl FnOnce(Client) -> T + Send + 'static) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").unwrap(), serve)
    }

    /// Serves one client of a listener that the test has prepared.
    pub(crate) fn at(
        listener: TcpListener,
        serve: impl FnOnce(Client) -> T + Send + 'static,
    ) -> Self {
        let addr = listener.local_addr().unwrap();
        let thread = thread::spawn(move || serve(Client::of(accept(&listener).unwrap())));
        Self { addr, thread }
    }

    pub(crate) fn port(&self) -> String {
        self.addr.port().to_string()
    }

    #[track_caller]
    pub(crate) fn join(self) -> T {
        self.thread.join().unwrap()
    }
}

/// Accepts one connection within [`TIMEOUT`].
fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let deadline = Instant::now() + TIMEOUT;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
}

/// A port that refuses connections while this value exists: its socket is bound, but does not
/// listen.
pub(crate) struct ClosedPort(socket2::Socket);

impl ClosedPort {
    pub(crate) fn new() -> Self {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any.into()).unwrap();
        Self(socket)
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }

    /// Starts listening.
    pub(crate) fn open(self) -> TcpListener {
        self.0.listen(1).unwrap();
        self.0.into()
    }
}
