//! Worker threads, and the queues that pass connections to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::net::accept::service::Service;
use crate::net::accept::slots::{SlotGuard, Slots};
use crate::net::error::Error;
use crate::net::runtime::runtime;
use crate::net::stream::socket::DetachedSocket;
use crate::threads::ThreadLost;

/// The threads that serve clients besides the accepting one. Dropping this value stops them and
/// disconnects their clients.
pub(super) struct Workers<S: Service> {
    queues: Vec<mpsc::UnboundedSender<AcceptedClient<S>>>,
    threads: Vec<thread::JoinHandle<()>>,
    shutdown: CancellationToken,
    next: Arc<AtomicUsize>,
}

/// A connection in a worker's queue: a plain socket that belongs to no runtime.
type AcceptedClient<S> = (DetachedSocket, SlotGuard<S>);

/// The queues of the workers, as one accept loop uses them.
pub(super) struct WorkerQueues<S: Service> {
    /// The channels are unbounded, but hold no more connections than the client limit.
    queues: Vec<mpsc::UnboundedSender<AcceptedClient<S>>>,
    next: Arc<AtomicUsize>,
}

impl<S: Service> Workers<S> {
    pub(super) async fn start(slots: &Arc<Slots<S>>) -> Result<Self, Error> {
        let mut workers = Self {
            queues: Vec::new(),
            threads: Vec::new(),
            shutdown: CancellationToken::new(),
            next: Arc::default(),
        };
        for number in 1..slots.settings.workers {
            let (sender, receiver) = mpsc::unbounded_channel();
            let shutdown = workers.shutdown.clone();
            let (built, started) = oneshot::channel();
            // The runtime is built in its thread: if no thread can be started, it would otherwise
            // be dropped in this runtime, where tokio panics.
            let work = move || match runtime() {
                Ok(runtime) => {
                    built.send(Ok(())).ok();
                    runtime.block_on(serve_all(receiver, &shutdown));
                }
                Err(error) => drop(built.send(Err(error))),
            };
            let thread = thread::Builder::new().name(format!("worker-{number}")).spawn(work);
            let thread = thread.map_err(crate::reason::of_thread);
            workers.threads.push(thread.map_err(Error::system("start a worker thread"))?);
            // Without a report, the thread has panicked, which is a bug in sockkit.
            started.await.unwrap_or(Ok(()))?;
            workers.queues.push(sender);
        }
        Ok(workers)
    }

    pub(super) fn queues(&self) -> WorkerQueues<S> {
        WorkerQueues { queues: self.queues.clone(), next: Arc::clone(&self.next) }
    }
}

impl<S: Service> WorkerQueues<S> {
    pub(super) fn dispatch(&self, socket: DetachedSocket, guard: SlotGuard<S>) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % (self.queues.len() + 1);
        match turn.checked_sub(1).and_then(|worker| self.queues.get(worker)) {
            None => drop(tokio::spawn(guard.serve(socket))),
            Some(queue) => {
                if let Err(mpsc::error::SendError((_, guard))) = queue.send((socket, guard)) {
                    guard.not_served(ThreadLost::error());
                }
            }
        }
    }
}

impl<S: Service> Drop for Workers<S> {
    fn drop(&mut self) {
        self.shutdown.cancel();
        for thread in self.threads.drain(..) {
            // The panic of a worker is ignored: the run has ended anyway.
            thread.join().ok();
        }
    }
}

async fn serve_all<S: Service>(
    mut accepted: mpsc::UnboundedReceiver<AcceptedClient<S>>,
    shutdown: &CancellationToken,
) {
    let serving = async {
        while let Some((socket, guard)) = accepted.recv().await {
            tokio::spawn(guard.serve(socket));
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        // When all accept loops have ended, the current clients are served until the shutdown.
        () = async { serving.await; std::future::pending().await } => {}
    }
}

/// Returns the default number of workers: one for every two cores, since the kernel's share of the
/// work, and often the clients, need the other cores.
pub fn default_workers() -> usize {
    thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, MAX_WORKERS))
}

/// With more workers, the accepting thread is the bottleneck.
const MAX_WORKERS: usize = 4;
