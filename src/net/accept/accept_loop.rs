//! The accept loop: accepts connections and distributes them to the workers.
//!
//! The accepting thread distributes connections round-robin to the workers, itself included, as
//! `std` sockets that belong to no runtime; each worker is a single-threaded runtime. The loop
//! enforces the client limit, backs off when accept(2) fails (EMFILE must not make it spin), stops
//! and drains on request, and survives a handler that panics. The [`Service`] determines what a
//! client receives.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::io::Errno;
#[cfg(target_os = "linux")]
use rustix::net::SocketFlags;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixListener;

use crate::net::accept::listener::Listener;
use crate::net::accept::service::{AcceptNotice, AcceptSettings, ServeSummary, Service};
use crate::net::accept::slots::Slots;
use crate::net::accept::workers::{WorkerQueues, Workers};
use crate::net::address::addr::Addr;
use crate::net::error::Error;
use crate::net::socket_file::SocketFile;
use crate::net::stop::Stop;
use crate::net::stream::socket::{self, DetachedSocket};
use crate::sys;

/// Serves `listeners` until `stop`, or until [`AcceptSettings::total`] connections have ended.
///
/// # Errors
/// A listener cannot be registered with the runtime, or a worker cannot be started. A failure of a
/// single connection is not an error here.
pub async fn serve<S: Service>(
    listeners: Vec<Listener>,
    settings: AcceptSettings,
    stop: Stop,
    service: Arc<S>,
) -> Result<ServeSummary, Error> {
    let grace = settings.grace;
    let slots = Arc::new(Slots::new(settings, stop.clone(), Arc::clone(&service)));
    let workers = Workers::start(&slots).await?;
    let mut accept_loops = Vec::new();
    for listener in listeners {
        let registered = listener.addr().and_then(|addr| {
            let (slots, workers, local) = (Arc::clone(&slots), workers.queues(), Arc::new(addr));
            Ok((AcceptLoop { slots, workers, local }, AsyncListener::new(listener)?))
        });
        let (accept_loop, listener) =
            registered.map_err(Error::system("register a listening socket"))?;
        accept_loops.push(tokio::spawn(accept_loop.run(listener)));
    }
    for accept_loop in accept_loops {
        // A panic in an accept loop is a bug in sockkit, so it ends the run.
        if let Err(panic) = accept_loop.await {
            std::panic::resume_unwind(panic.into_panic());
        }
    }
    let stopped = stop.is_draining();
    if stopped {
        service.notice(AcceptNotice::Stopping(slots.clients()));
        slots.request_leave();
    }
    let drained = slots.drain(stopped.then_some(grace)).await;
    Ok(ServeSummary {
        clients: slots.admitted.load(Ordering::Relaxed),
        cut_off: if drained { 0 } else { slots.clients() },
        lost: slots.lost.load(Ordering::Relaxed),
    })
}

/// How many connections to accept before the accepting thread yields to its own clients.
const BURST: usize = 64;

/// The pause after accept(2) failed, doubled for each further failure up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// The longest pause after accept(2) failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A listener that is registered with this runtime.
enum AsyncListener {
    Tcp(AsyncFd<OwnedFd>),
    Unix(UnixListener, Option<SocketFile>),
}

impl AsyncListener {
    fn new(listener: Listener) -> io::Result<Self> {
        Ok(match listener {
            Listener::Tcp(listener) => Self::Tcp(sys::register(listener.into())?),
            Listener::Unix(listener, file) => Self::Unix(UnixListener::from_std(listener)?, file),
        })
    }

    async fn accept(&self) -> io::Result<(DetachedSocket, Addr)> {
        match self {
            Self::Tcp(listener) => {
                let (socket, peer) = listener.async_io(Interest::READABLE, accept_tcp).await?;
                Ok((DetachedSocket::Tcp(socket), Addr::canonical(peer)))
            }
            Self::Unix(listener, _file) => {
                let (socket, _) = listener.accept().await?;
                // A client's socket rarely has a name, so the process and user identify the client.
                let peer = socket.peer_cred()?;
                let peer = Addr::of_process(peer.pid(), peer.uid());
                Ok((DetachedSocket::Unix(socket.into_std()?.into()), peer))
            }
        }
    }
}

/// Accepts a connection as a non-blocking socket.
#[cfg(target_os = "linux")]
fn accept_tcp(listener: &OwnedFd) -> io::Result<(OwnedFd, SocketAddr)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (socket, peer) = rustix::net::acceptfrom_with(listener, flags)?;
    let peer = peer.map(SocketAddr::try_from).and_then(Result::ok);
    Ok((socket, peer.ok_or(ErrorKind::Unsupported)?))
}

/// Accepts a connection as a non-blocking socket.
#[cfg(not(target_os = "linux"))]
fn accept_tcp(listener: &OwnedFd) -> io::Result<(OwnedFd, SocketAddr)> {
    let (socket, peer) = SockRef::from(listener).accept()?;
    // Without the reset, closing the socket would look like a clean end to the client.
    socket.set_nonblocking(true).inspect_err(|_| drop(socket::reset_on_close(&socket)))?;
    Ok((socket.into(), peer.as_socket().ok_or(ErrorKind::Unsupported)?))
}

/// The accept loop of one listening socket.
struct AcceptLoop<S: Service> {
    slots: Arc<Slots<S>>,
    workers: WorkerQueues<S>,
    /// The local address of the last connection. It is usually that of the next one too.
    local: Arc<Addr>,
}

impl<S: Service> AcceptLoop<S> {
    async fn run(mut self, listener: AsyncListener) {
        let slots = Arc::clone(&self.slots);
        let mut stopped = pin!(slots.stop.draining());
        let mut total_reached = pin!(slots.total_reached.notified());
        // Registered before another accept loop can admit a connection.
        total_reached.as_mut().enable();
        let mut pause = FIRST_PAUSE;
        let mut accepts = 0_usize;
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => return,
                () = &mut total_reached => return,
                () = slots.wait_for_turn() => {}
            }
            let accepted = tokio::select! {
                biased;
                () = &mut stopped => return,
                () = &mut total_reached => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((socket, peer)) => {
                    pause = FIRST_PAUSE;
                    // Another accept loop may have taken the last slot since the first check.
                    tokio::select! {
                        biased;
                        () = &mut stopped => return,
                        () = slots.wait_for_turn() => {}
                    }
                    if slots.is_total_reached() {
                        return;
                    }
                    self.admit_or_refuse(socket, peer);
                }
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    // The connection stays in the backlog, so the loop would spin without a pause.
                    if pause == FIRST_PAUSE {
                        slots.service.notice(AcceptNotice::AcceptFailed(error));
                    }
                    tokio::select! {
                        () = &mut stopped => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
            if slots.is_total_reached() {
                return;
            }
            accepts += 1;
            if accepts.is_multiple_of(BURST) {
                tokio::task::yield_now().await;
            }
        }
    }

    fn admit_or_refuse(&mut self, socket: DetachedSocket, peer: Addr) {
        if !self.slots.settings.access.admits(&peer) {
            // Closed without a reply, so that the client does not learn which service listens here.
            self.slots.service.notice(AcceptNotice::Denied(peer));
            return;
        }
        if let (DetachedSocket::Tcp(_), Addr::Net(addr)) = (&socket, &peer) {
            // A connection is served even if its options cannot be set.
            self.slots.settings.options.apply_to_stream(&SockRef::from(&socket), *addr).ok();
        }
        let found = socket::local_addr(&socket).map(|local| {
            if local != *self.local {
                self.local = Arc::new(local);
            }
        });
        match (self.slots.admit(peer.clone(), Arc::clone(&self.local)), found) {
            (Some(guard), Ok(())) => self.workers.dispatch(socket, guard),
            (Some(guard), Err(error)) => {
                // The client must not take the end of a failed connection for a clean one.
                socket::reset_on_close(&socket).ok();
                guard.not_served(error);
            }
            (None, _) => {
                self.slots.service.notice(AcceptNotice::Refused(peer.clone()));
                tokio::spawn(self.slots.refuse(socket, peer));
            }
        }
    }
}

/// Returns whether an error of accept(2) concerns only the connection that was to be accepted, so
/// that the next one can be accepted at once.
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
