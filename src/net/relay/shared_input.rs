//! One input for many connections: every connected subscriber receives each chunk.
//!
//! The input is read only while there is a subscriber, and at the pace of the slowest one, because
//! each subscriber receives every byte. A subscriber that accepts nothing for
//! [`SHARED_INPUT_TIMEOUT`] is cut off, so that it does not delay the others further.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::net::deadline::Deadline;
use crate::net::idle_clock::IdleClock;
use crate::net::relay::buffers::BUFFERS;
use crate::net::relay::input::Input;
use crate::sync::lock;
use crate::threads::{FirstError, ThreadLost};

/// How long one subscriber may delay the others before it is cut off.
const SHARED_INPUT_TIMEOUT: Duration = Duration::from_secs(5);

/// An input that several connections share. Its task runs until the input ends or the runtime shuts
/// down.
#[derive(Debug)]
pub struct SharedInput(Arc<SharedState>);

#[derive(Debug, Default)]
struct SharedState {
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
}

/// One connection's view of a shared input, from the moment it subscribed.
#[derive(Debug)]
pub struct Subscription {
    chunks: mpsc::Receiver<Arc<[u8]>>,
    cut_off: CancellationToken,
    shared: Arc<SharedState>,
}

/// How long a shared input has produced nothing.
#[derive(Debug)]
pub(crate) struct InputIdleness(Arc<SharedState>);

impl InputIdleness {
    /// Waits until the input has been idle for `limit`; returns at once if it has ended.
    pub(crate) async fn reaches(&self, limit: Duration) {
        if self.0.state().ended.is_none() {
            self.0.read_wait.expired(Some(limit)).await;
        }
    }
}

impl SharedInput {
    /// Starts a task that reads `input` and sends each chunk to every subscriber.
    pub fn start(input: Input) -> Self {
        let shared = Arc::<SharedState>::default();
        tokio::spawn(Arc::clone(&shared).run(input));
        Self(shared)
    }

    /// Returns a subscription to everything that is read from now on.
    pub fn subscribe(&self) -> Subscription {
        let (sender, chunks) = mpsc::channel(BUFFERS);
        let cut_off = CancellationToken::new();
        let mut state = self.0.state();
        if state.ended.is_none() {
            state.subscribers.push(Subscriber { chunks: sender, cut_off: cut_off.clone() });
        }
        drop(state);
        self.0.subscribed.notify_one();
        Subscription { chunks, cut_off, shared: Arc::clone(&self.0) }
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

    /// Sends `chunk` to every subscriber; cuts off those that do not accept it in time.
    async fn send_to_all(&self, chunk: &Arc<[u8]>) {
        // A subscriber added during the loop receives only later chunks.
        let subscribers = std::mem::take(&mut self.state().subscribers);
        let deadline = Deadline::after(SHARED_INPUT_TIMEOUT);
        let mut kept = Vec::with_capacity(subscribers.len());
        for subscriber in subscribers {
            match deadline.bound(subscriber.chunks.send(Arc::clone(chunk))).await {
                Ok(Ok(())) => kept.push(subscriber),
                // The subscriber has closed.
                Ok(Err(_)) => {}
                Err(_) => subscriber.cut_off.cancel(),
            }
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

    /// Waits for the next chunk; returns `None` at the end of the input.
    ///
    /// # Errors
    /// Reading the input failed; `TimedOut` if this connection was cut off.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Arc<[u8]>>> {
        if let Some(chunk) = self.chunks.recv().await {
            return Ok(Some(chunk));
        }
        if self.cut_off.is_cancelled() {
            return Err(ErrorKind::TimedOut.into());
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
            let shared = SharedInput::start(Input::start(ChannelReader(pieces)).unwrap());
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
            let shared = SharedInput::start(Input::start(ChannelReader(pieces)).unwrap());
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
            assert_eq!(stalled.next().await.unwrap_err().kind(), ErrorKind::TimedOut);
        });
    }
}
