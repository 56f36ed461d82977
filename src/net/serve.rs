//! The one accept loop: every server of this program runs in it.
//!
//! The accepting thread takes connections and hands them round-robin to the workers, itself among
//! them, as the `std` sockets that no runtime owns; each worker is a single-threaded runtime. The loop holds the client
//! limit, backs off when the machine refuses (EMFILE must not spin), stops and drains when asked,
//! and outlives a handler that panics. What is said to a client is the [`Service`]'s business.

mod room;
mod workers;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::SockRef;
use tokio::net::{TcpListener, UnixListener};

use self::room::{Place, Room};
use self::workers::{Hands, Workers};
use super::access::Access;
use super::addr::Addr;
use super::error::Error;
use super::options::Options;
use super::socket::Listener;
use super::stop::{Stage, Stop};
use super::stream::Stream;
use super::unix::SocketFile;

/// What a server does with a connection.
pub trait Service: Send + Sync + 'static {
    /// Serves one client until it has left, or until [`Seat::leave`] asks.
    fn handle(self: Arc<Self>, connection: Connection) -> impl Future<Output = ()> + Send;

    /// Takes note of what the loop itself has to say. Must not block.
    fn notice(&self, notice: Notice);

    /// Returns what is said to a client there is no place for.
    fn refusal(&self) -> &'static [u8] {
        b""
    }
}

/// What a server's loop goes by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Who may connect.
    pub access: Access,
    /// What is set on every connection.
    pub options: Options,
    /// Clients at once.
    pub max_clients: usize,
    /// What happens to the next one.
    pub when_full: WhenFull,
    /// Connections served in all; none for no end. The listeners close after the last.
    pub total: Option<u64>,
    /// How long clients may take to finish once a stop was asked for.
    pub grace: Duration,
    /// Threads that serve, the accepting one included; at least one.
    pub workers: usize,
}

/// What happens to a client that comes when the server is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It stays in the kernel's backlog until there is a place.
    Wait,
    /// It is told so and closed.
    Refuse,
    /// The oldest client that has not settled is thrown out for it; where all have, it is refused.
    Evict,
}

/// Something the accept loop did.
#[derive(Debug)]
pub enum Notice {
    /// The machine gave no connection; said once until it does again.
    AcceptFailed(io::Error),
    /// This client may not connect.
    Denied(Addr),
    /// There was no place for this client.
    Refused(Addr),
    /// This client made place for another.
    Evicted(Addr),
    /// The handler of this client panicked.
    Panicked(Addr),
    /// No connection is taken any more; so many clients are still served.
    Stopping(usize),
}

/// A client, as a handler gets it.
#[derive(Debug)]
pub struct Connection {
    /// The socket.
    pub stream: Stream,
    /// The other end.
    pub peer: Addr,
    /// Our end.
    pub local: Addr,
    /// The number of this connection in this run, from 1.
    pub id: u64,
    /// When it was accepted.
    pub accepted: Instant,
    /// Its place in the server.
    pub seat: Seat,
}

/// A client's place in the server, and what may become of it.
#[derive(Debug)]
pub struct Seat {
    place: Arc<Place>,
    stop: Stop,
}

/// Why a client should leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// The server stops.
    Stopping,
    /// Its place is taken away for another.
    Evicted,
}

impl Seat {
    /// Makes the client one that is not thrown out for another. False where that has happened
    /// already: what it asked for must not be done any more.
    pub fn settle(&self) -> bool {
        self.place.settle()
    }

    /// Waits until the client should leave, and says why. One such future serves the whole
    /// connection.
    pub async fn leave(&self) -> Leave {
        // Not `Stop::reached`: its list of waiters is one for all workers, and larger.
        if self.stop.stage() < Stage::Draining {
            self.place.asked.notified().await;
        }
        if self.place.is_evicted() { Leave::Evicted } else { Leave::Stopping }
    }
}

/// How a server's run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// Connections accepted and not refused.
    pub clients: u64,
    /// Clients cut off because a second stop was asked for, or the grace was over.
    pub cut_off: usize,
    /// Whether a second stop ended it.
    pub forced: bool,
}

/// Serves `listeners` until `stop`, or until [`Rules::total`] connections are over.
///
/// # Errors
/// A listener cannot be watched, or a worker cannot be started. What single connections do is no
/// error here.
pub async fn serve<S: Service>(
    listeners: Vec<Listener>,
    rules: Rules,
    stop: Stop,
    service: Arc<S>,
) -> Result<Served, Error> {
    let grace = rules.grace;
    let room = Arc::new(Room::new(rules, stop.clone(), Arc::clone(&service)));
    let workers = Workers::start(&room)?;
    let mut doors = Vec::new();
    for listener in listeners {
        let door = Door { room: Arc::clone(&room), workers: workers.hands() };
        let watched = Watched::new(listener).map_err(system("watch a listener"))?;
        doors.push(tokio::spawn(door.accept_all(watched)));
    }
    for door in doors {
        // A door that panicked is a bug of ours: it ends this run as one.
        if let Err(panic) = door.await {
            std::panic::resume_unwind(panic.into_panic());
        }
    }
    let stopped = stop.stage() > Stage::Running;
    if stopped {
        service.notice(Notice::Stopping(room.clients()));
        room.ask_all_to_leave();
    }
    let drained = room.drain(stopped.then_some(grace)).await;
    Ok(Served {
        clients: room.admitted.load(Ordering::Relaxed),
        cut_off: if drained { 0 } else { room.clients() },
        forced: stop.stage() == Stage::Forced,
    })
}

/// Returns how many workers suit this machine: one for two cores, since the kernel's share of the
/// work, and often the clients, need the other.
pub fn default_workers() -> usize {
    thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, MAX_WORKERS))
}

/// Beyond this the accepting thread is what limits.
const MAX_WORKERS: usize = 4;

/// Connections accepted in a row before the clients of the accepting thread get their turn.
const BURST: usize = 64;

/// The first pause after the machine refused a connection; doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// The longest pause between two tries to accept.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A listener in this runtime.
enum Watched {
    Tcp(TcpListener),
    Unix(UnixListener, Option<SocketFile>),
}

impl Watched {
    fn new(listener: Listener) -> io::Result<Self> {
        Ok(match listener {
            Listener::Tcp(listener) => Self::Tcp(TcpListener::from_std(listener)?),
            Listener::Unix(listener, file) => Self::Unix(UnixListener::from_std(listener)?, file),
        })
    }

    async fn accept(&self) -> io::Result<(Stream, Addr)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Stream::Tcp(stream), Addr::canonical(peer)))
            }
            Self::Unix(listener, _file) => {
                let (stream, _) = listener.accept().await?;
                // A client's socket hardly ever has a name; who it is says more.
                let peer = stream.peer_cred()?;
                Ok((Stream::Unix(stream), Addr::of_process(peer.pid(), peer.uid())))
            }
        }
    }
}

/// One listening socket's loop.
struct Door<S: Service> {
    room: Arc<Room<S>>,
    workers: Hands<S>,
}

impl<S: Service> Door<S> {
    async fn accept_all(self, listener: Watched) {
        let room = Arc::clone(&self.room);
        let mut stopped = pin!(room.stop.reached(Stage::Draining));
        let mut sold_out = pin!(room.sold_out.notified());
        // Registered before the first connection can be taken at another door.
        sold_out.as_mut().enable();
        let mut pause = FIRST_PAUSE;
        let mut taken = 0_usize;
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => return,
                () = &mut sold_out => return,
                () = Self::wait_for_room(&room) => {}
            }
            let accepted = tokio::select! {
                biased;
                () = &mut stopped => return,
                () = &mut sold_out => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = FIRST_PAUSE;
                    // Another door may have given the last place away meanwhile.
                    tokio::select! {
                        biased;
                        () = &mut stopped => return,
                        () = Self::wait_for_room(&room) => {}
                    }
                    if room.is_sold_out() {
                        return;
                    }
                    self.welcome(stream, peer);
                }
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    // The connection stays in the backlog: without a pause this would spin.
                    if pause == FIRST_PAUSE {
                        room.service.notice(Notice::AcceptFailed(error));
                    }
                    tokio::select! {
                        () = &mut stopped => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
            if room.is_sold_out() {
                return;
            }
            taken += 1;
            if taken.is_multiple_of(BURST) {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn wait_for_room(room: &Room<S>) {
        while room.rules.when_full == WhenFull::Wait && room.is_full() {
            let mut left = pin!(room.left.notified());
            left.as_mut().enable();
            if room.is_full() {
                left.await;
            }
        }
    }

    fn welcome(&self, stream: Stream, peer: Addr) {
        if !self.room.rules.access.admits(&peer) {
            // Closed without a word: it is none of this client's business what listens here.
            self.room.service.notice(Notice::Denied(peer));
            return;
        }
        if let (Stream::Tcp(_), Addr::Net(family)) = (&stream, &peer) {
            // A connection that takes no option is still one.
            self.room.rules.options.apply_to_stream(&SockRef::from(&stream), *family).ok();
        }
        if let Some(admission) = self.room.admit(peer.clone()) {
            self.workers.hand_over(stream, admission);
        } else {
            self.room.service.notice(Notice::Refused(peer));
            let room = Arc::clone(&self.room);
            tokio::spawn(async move { room.dismiss(&stream).await });
        }
    }
}

/// Builds the single-threaded runtime each worker is.
///
/// # Errors
/// The kernel gave no descriptor for it.
pub fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(system("start a worker"))
}

/// Errors of accept(2) that say something about the connection that was to be taken, not about
/// this machine: the next one can be tried at once.
fn concerns_one_connection(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| {
        [
            Errno::CONNABORTED,
            Errno::INTR,
            Errno::PROTO,
            Errno::NETDOWN,
            Errno::NOPROTOOPT,
            Errno::HOSTDOWN,
            Errno::HOSTUNREACH,
            Errno::OPNOTSUPP,
            Errno::NETUNREACH,
            Errno::PERM,
        ]
        .contains(&errno)
    })
}

fn system(operation: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::System { operation, source }
}

#[cfg(test)]
mod tests;
