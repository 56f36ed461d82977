//! The accept loop: takes connections and hands them to the workers.
//!
//! The accepting thread takes connections and hands them round-robin to the workers, itself among
//! them, as the `std` sockets that no runtime owns; each worker is a single-threaded runtime. The
//! loop holds the client limit, backs off when the machine refuses (EMFILE must not spin), stops
//! and drains when asked, and outlives a handler that panics. What is said to a client is the
//! [`Service`]'s business.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::io::Errno;
use socket2::SockRef;
use tokio::net::{TcpListener, UnixListener};

use crate::net::accept::listener::Listener;
use crate::net::accept::service::{AcceptNotice, AcceptSettings, ServeSummary, Service, WhenFull};
use crate::net::accept::slots::Slots;
use crate::net::accept::workers::{WorkerQueues, Workers};
use crate::net::address::addr::Addr;
use crate::net::error::Error;
use crate::net::socket_file::SocketFile;
use crate::net::stop::Stop;
use crate::net::stream::Stream;

/// Serves `listeners` until `stop`, or until [`AcceptSettings::total`] connections are over.
///
/// # Errors
/// A listener cannot be watched, or a worker cannot be started. What single connections do is no
/// error here.
pub async fn serve<S: Service>(
    listeners: Vec<Listener>,
    rules: AcceptSettings,
    stop: Stop,
    service: Arc<S>,
) -> Result<ServeSummary, Error> {
    let grace = rules.grace;
    let room = Arc::new(Slots::new(rules, stop.clone(), Arc::clone(&service)));
    let workers = Workers::start(&room)?;
    let mut doors = Vec::new();
    for listener in listeners {
        let door = AcceptLoop { room: Arc::clone(&room), workers: workers.hands() };
        let watched = AsyncListener::new(listener).map_err(Error::system("watch a listener"))?;
        doors.push(tokio::spawn(door.accept_all(watched)));
    }
    for door in doors {
        // A door that panicked is a bug of ours: it ends this run as one.
        if let Err(panic) = door.await {
            std::panic::resume_unwind(panic.into_panic());
        }
    }
    let stopped = stop.is_draining();
    if stopped {
        service.notice(AcceptNotice::Stopping(room.clients()));
        room.ask_all_to_leave();
    }
    let drained = room.drain(stopped.then_some(grace)).await;
    Ok(ServeSummary {
        clients: room.admitted.load(Ordering::Relaxed),
        cut_off: if drained { 0 } else { room.clients() },
        forced: stop.is_forced(),
    })
}

/// Connections accepted in a row before the clients of the accepting thread get their turn.
const BURST: usize = 64;

/// The first pause after the machine refused a connection; doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// The longest pause between two tries to accept.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A listener in this runtime.
enum AsyncListener {
    Tcp(TcpListener),
    Unix(UnixListener, Option<SocketFile>),
}

impl AsyncListener {
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
struct AcceptLoop<S: Service> {
    room: Arc<Slots<S>>,
    workers: WorkerQueues<S>,
}

impl<S: Service> AcceptLoop<S> {
    async fn accept_all(self, listener: AsyncListener) {
        let room = Arc::clone(&self.room);
        let mut stopped = pin!(room.stop.draining());
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
                        room.service.notice(AcceptNotice::AcceptFailed(error));
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

    async fn wait_for_room(room: &Slots<S>) {
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
            self.room.service.notice(AcceptNotice::Denied(peer));
            return;
        }
        if let (Stream::Tcp(_), Addr::Net(family)) = (&stream, &peer) {
            // A connection that takes no option is still one.
            self.room.rules.options.apply_to_stream(&SockRef::from(&stream), *family).ok();
        }
        if let Some(admission) = self.room.admit(peer.clone()) {
            self.workers.hand_over(stream, admission);
        } else {
            self.room.service.notice(AcceptNotice::Refused(peer));
            let room = Arc::clone(&self.room);
            tokio::spawn(async move { room.dismiss(&stream).await });
        }
    }
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
