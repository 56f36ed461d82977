//! One input for many connections: every connected subscriber receives each chunk.
//!
//! The input is read only while there is a subscriber, and at the pace of the slowest one that
//! makes progress, because each subscriber receives every byte. A subscriber that delays others and
//! whose peer acknowledges nothing for [`SHARED_INPUT_TIMEOUT`] is cut off.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::net::deadline::{Deadline, Elapsed};
use crate::net::idle_clock::IdleClock;
use crate::net::relay::buffers::BUFFERS;
use crate::net::relay::input::{IN_FLIGHT_TIMEOUT, Input, InputProbe};
use crate::net::stream::PeerProgress;
use crate::sync::lock;
use crate::threads::{FirstError, ThreadLost};

/// How long a subscriber's peer may acknowledge nothing while the subscriber delays others. A
/// receive window reopens in steps: peers that read 20 to 100 kB/s steadily were seen to
/// acknowledge nothing for up to 9.6 s.
const SHARED_INPUT_TIMEOUT: Duration = Duration::from_secs(30);

/// How often the progress of a slow subscriber is looked at.
const PROGRESS_CHECK: Duration = Duration::from_secs(1);

/// An input that several connections share. Its task runs until the input ends or the runtime shuts
/// down.
#[derive(Debug)]
pub struct SharedInput(Arc<SharedState>);

#[derive(Debug)]
struct SharedState {
    /// Tells whether the input has more while the task reads it.
    probe: InputProbe,
    has_produced: AtomicBool,
    state: Mutex<Subscribers>,
    /// Notified when a subscriber is added.
    subscribed: Notify,
    /// When the current read of the input began; cleared while a chunk is delivered.
    read_wait: IdleClock,
}

#[derive(Debug, Default)]
struct Subscribers {
    subscribers: Vec<Subscriber>,
    /// How the input ended; `None` while it is open.
    ended: Option<Result<(), FirstError>>,
}

/// The sender's side of a [`Subscription`].
#[derive(Debug)]
struct Subscriber {
    chunks: mpsc::Sender<Arc<[u8]>>,
    cut_off: CancellationToken,
    /// The progress of the peer, as the subscription last reported it.
    progress: Arc<AtomicU64>,
}

/// One connection's view of a shared input, from the moment it subscribed.
#[derive(Debug)]
pub struct Subscription {
    chunks: mpsc::Receiver<Arc<[u8]>>,
    cut_off: CancellationToken,
    progress: Arc<AtomicU64>,
    shared: Arc<SharedState>,
}

/// The subscription delayed the others for too long, and gets nothing more.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("cut off")]
pub(crate) struct CutOff;

impl CutOff {
    /// Returns whether `error` is a `CutOff`.
    pub(super) fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

/// How long a shared input has produced nothing.
#[derive(Debug)]
pub(crate) struct InputIdleness(Arc<SharedState>);

impl InputIdleness {
    /// Waits until the input has been idle for `limit`; returns at once if it has ended.
    pub(crate) async fn reaches(&self, limit: Duration) {
        if self.0.state().ended.is_none() {
            self.0.probe.runs_dry(&self.0.read_wait, limit).await;
        }
    }
}

impl SharedInput {
    /// Starts a task that reads `input` and sends each chunk to every subscriber.
    pub fn start(input: Input) -> Self {
        let shared = Arc::new(SharedState {
            probe: input.probe(),
            has_produced: AtomicBool::new(false),
            state: Mutex::default(),
            subscribed: Notify::new(),
            read_wait: IdleClock::default(),
        });
        tokio::spawn(Arc::clone(&shared).run(input));
        Self(shared)
    }

    /// Returns a subscription to everything that is read from now on.
    pub fn subscribe(&self) -> Subscription {
        let (sender, chunks) = mpsc::channel(BUFFERS);
        let (cut_off, progress) = (CancellationToken::new(), Arc::<AtomicU64>::default());
        let mut state = self.0.state();
        if state.ended.is_none() {
            let (cut_off, progress) = (cut_off.clone(), Arc::clone(&progress));
            state.subscribers.push(Subscriber { chunks: sender, cut_off, progress });
        }
        drop(state);
        self.0.subscribed.notify_one();
        Subscription { chunks, cut_off, progress, shared: Arc::clone(&self.0) }
    }
}

impl SharedState {
    fn state(&self) -> MutexGuard<'_, Subscribers> {
        lock(&self.state)
    }

    /// Reads `input` to its end and sends each chunk to the subscribers.
    async fn run(self: Arc<Self>, mut input: Input) {
        let ended = loop {
            self.wait_for_subscriber().await;
            self.read_wait.renew();
            let chunk = match input.next().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break Ok(()),
                Err(error) => {
                    let failure = FirstError::default();
                    failure.record(error);
                    break Err(failure);
                }
            };
            self.read_wait.clear();
            self.has_produced.store(true, Ordering::Relaxed);
            // All subscribers may have closed during the read; the next one then gets the chunk.
            self.wait_for_subscriber().await;
            self.send_to_all(&Arc::from(&chunk[..])).await;
            input.recycle(chunk);
        };
        let mut state = self.state();
        state.ended = Some(ended);
        state.subscribers.clear();
    }

    async fn wait_for_subscriber(&self) {
        loop {
            let subscribed = self.subscribed.notified();
            if self.has_subscriber() {
                return;
            }
            subscribed.await;
        }
    }

    /// Removes the subscribers that have closed, and returns whether any are left.
    fn has_subscriber(&self) -> bool {
        let mut state = self.state();
        state.subscribers.retain(|subscriber| !subscriber.chunks.is_closed());
        !state.subscribers.is_empty()
    }

    /// Sends `chunk` to every subscriber, at the pace of the slowest.
    async fn send_to_all(&self, chunk: &Arc<[u8]>) {
        // A subscriber added during the loop receives only later chunks.
        let subscribers = std::mem::take(&mut self.state().subscribers);
        let (mut kept, mut waiting) = (Vec::with_capacity(subscribers.len()), Vec::new());
        for subscriber in subscribers {
            let progress = PeerProgress::at(subscriber.progress.load(Ordering::Relaxed));
            waiting.push((subscriber, progress));
        }
        loop {
            // A sole subscriber delays no other.
            let is_sole = kept.len() + waiting.len() + self.state().subscribers.len() == 1;
            let mut still_waiting = Vec::new();
            for (subscriber, mut progress) in waiting {
                match subscriber.chunks.try_send(Arc::clone(chunk)) {
                    Ok(()) => kept.push(subscriber),
                    Err(mpsc::error::TrySendError::Closed(_)) => {}
                    Err(mpsc::error::TrySendError::Full(_)) => {
                        let count = subscriber.progress.load(Ordering::Relaxed);
                        if is_sole {
                            progress = PeerProgress::at(count);
                        }
                        if progress.update(count, SHARED_INPUT_TIMEOUT) {
                            subscriber.cut_off.cancel();
                        } else {
                            still_waiting.push((subscriber, progress));
                        }
                    }
                }
            }
            waiting = still_waiting;
            let Some((slowest, _)) = waiting.first() else { break };
            // The outcome is seen by the next round. The permit is given back at once.
            Deadline::after(PROGRESS_CHECK).bound(slowest.chunks.reserve()).await.ok();
        }
        let mut state = self.state();
        kept.append(&mut state.subscribers);
        state.subscribers = kept;
    }
}

impl Subscription {
    /// Returns the idleness of the shared input.
    pub(crate) fn idleness(&self) -> InputIdleness {
        InputIdleness(Arc::clone(&self.shared))
    }

    /// Waits until this connection is cut off because it delayed the others.
    pub(crate) async fn cut_off(&self) {
        self.cut_off.cancelled().await;
    }

    /// Reports the count of the peer's progress.
    pub(crate) fn report_progress(&self, count: u64) {
        self.progress.store(count, Ordering::Relaxed);
    }

    /// Returns whether the input has produced a byte, to any subscriber.
    pub(crate) fn has_produced(&self) -> bool {
        self.shared.has_produced.load(Ordering::Relaxed)
    }

    /// Returns whether one look finds more to read, or a failure. What it reads is lost.
    pub(crate) async fn has_more(&mut self) -> bool {
        match Deadline::after(IN_FLIGHT_TIMEOUT).bound(self.next()).await {
            Ok(read) => !matches!(read, Ok(None)),
            // While the clock is unset, a chunk is on its way to the subscribers.
            Err(Elapsed) => !self.shared.read_wait.is_set() || self.shared.probe.has_more(),
        }
    }

    /// Waits for the next chunk; returns `None` at the end of the input.
    ///
    /// # Errors
    /// Reading the input failed, or [`CutOff`].
    pub(crate) async fn next(&mut self) -> io::Result<Option<Arc<[u8]>>> {
        if let Some(chunk) = self.chunks.recv().await {
            return Ok(Some(chunk));
        }
        if self.cut_off.is_cancelled() {
            return Err(io::Error::other(CutOff));
        }
        match &self.shared.state().ended {
            Some(Ok(())) => Ok(None),
            Some(Err(failure)) => Err(failure.get().unwrap_or_else(ThreadLost::error)),
            // The task that reads the input has panicked.
            None => Err(ThreadLost::error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// A reader that returns one piece per message; EOF once the sender is dropped.
    struct ChannelReader(std::sync::mpsc::Receiver<&'static [u8]>);

    impl Read for ChannelReader {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.0.recv().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn each_subscriber_receives_what_is_read_after_it_subscribed() {
        let (sender, pieces) = std::sync::mpsc::channel::<&[u8]>();
        let runtime = crate::net::runtime::runtime().unwrap();
        runtime.block_on(async {
            let shared = SharedInput::start(Input::start(ChannelReader(pieces), None).unwrap());
            let mut first = shared.subscribe();
            sender.send(b"one").unwrap();
            assert_eq!(&*first.next().await.unwrap().unwrap(), b"one");
            let mut second = shared.subscribe();
            sender.send(b"two").unwrap();
            assert_eq!(&*first.next().await.unwrap().unwrap(), b"two");
            assert_eq!(&*second.next().await.unwrap().unwrap(), b"two");
            drop(sender);
            assert_eq!(first.next().await.unwrap(), None);
            assert_eq!(second.next().await.unwrap(), None);
            assert_eq!(shared.subscribe().next().await.unwrap(), None);
        });
    }

    #[test]
    fn a_stalled_subscriber_is_cut_off_and_the_others_continue() {
        let (sender, pieces) = std::sync::mpsc::channel::<&[u8]>();
        let runtime = crate::net::runtime::runtime().unwrap();
        runtime.block_on(async {
            let shared = SharedInput::start(Input::start(ChannelReader(pieces), None).unwrap());
            let mut stalled = shared.subscribe();
            let mut active = shared.subscribe();
            for _ in 0..=BUFFERS {
                sender.send(b"x").unwrap();
                assert!(active.next().await.unwrap().is_some());
            }
            sender.send(b"y").unwrap();
            stalled.cut_off().await;
            assert_eq!(&*active.next().await.unwrap().unwrap(), b"y");
            for _ in 0..BUFFERS {
                assert!(stalled.next().await.unwrap().is_some());
            }
            assert!(CutOff::is(&stalled.next().await.unwrap_err()));
        });
    }
}
