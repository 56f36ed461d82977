//! The threads that serve beside the accepting one, and how connections reach them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::net::accept::service::Service;
use crate::net::accept::slots::{SlotGuard, Slots};
use crate::net::error::Error;
use crate::net::runtime::runtime;
use crate::net::stream::{Detached, Stream};

/// The threads that serve beside the accepting one. Dropping them ends them and their clients.
pub(super) struct Workers<S: Service> {
    queues: Vec<mpsc::UnboundedSender<AcceptedClient<S>>>,
    threads: Vec<thread::JoinHandle<()>>,
    over: CancellationToken,
    next: Arc<AtomicUsize>,
}

/// A connection on its way to a worker: a plain socket, bound to no runtime.
type AcceptedClient<S> = (Detached, SlotGuard<S>);

/// The way to the workers, for one door.
pub(super) struct WorkerQueues<S: Service> {
    /// Unbounded, but never longer than the client limit.
    queues: Vec<mpsc::UnboundedSender<AcceptedClient<S>>>,
    next: Arc<AtomicUsize>,
}

impl<S: Service> Workers<S> {
    pub(super) fn start(room: &Arc<Slots<S>>) -> Result<Self, Error> {
        let mut workers = Self {
            queues: Vec::new(),
            threads: Vec::new(),
            over: CancellationToken::new(),
            next: Arc::default(),
        };
        for number in 1..room.rules.workers {
            let (sender, receiver) = mpsc::unbounded_channel();
            let over = workers.over.clone();
            let runtime = runtime()?;
            let work = move || runtime.block_on(attend_all(receiver, &over));
            let thread = thread::Builder::new().name(format!("worker-{number}")).spawn(work);
            workers.threads.push(thread.map_err(Error::system("start a worker"))?);
            workers.queues.push(sender);
        }
        Ok(workers)
    }

    pub(super) fn hands(&self) -> WorkerQueues<S> {
        WorkerQueues { queues: self.queues.clone(), next: Arc::clone(&self.next) }
    }
}

impl<S: Service> WorkerQueues<S> {
    pub(super) fn hand_over(&self, stream: Stream, admission: SlotGuard<S>) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % (self.queues.len() + 1);
        match turn.checked_sub(1).and_then(|worker| self.queues.get(worker)) {
            None => {
                tokio::spawn(admission.attend(stream));
            }
            Some(queue) => {
                // A socket that cannot leave its runtime, or whose worker is gone with the whole
                // server, is closed here.
                if let Ok(stream) = stream.detach() {
                    queue.send((stream, admission)).ok();
                }
            }
        }
    }
}

impl<S: Service> Drop for Workers<S> {
    fn drop(&mut self) {
        self.over.cancel();
        for thread in self.threads.drain(..) {
            // A worker that panicked has nothing left to give.
            thread.join().ok();
        }
    }
}

async fn attend_all<S: Service>(
    mut arrivals: mpsc::UnboundedReceiver<AcceptedClient<S>>,
    over: &CancellationToken,
) {
    let serving = async {
        while let Some((stream, admission)) = arrivals.recv().await {
            if let Ok(stream) = stream.attach() {
                tokio::spawn(admission.attend(stream));
            }
        }
    };
    tokio::select! {
        () = over.cancelled() => {}
        // All doors are closed: what is being served goes on until it is over.
        () = async { serving.await; std::future::pending().await } => {}
    }
}

/// Returns how many workers suit this machine: one for two cores, since the kernel's share of the
/// work, and often the clients, need the other.
pub fn default_workers() -> usize {
    thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, MAX_WORKERS))
}

/// Beyond this the accepting thread is what limits.
const MAX_WORKERS: usize = 4;
