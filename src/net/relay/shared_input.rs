//! One source for many connections: what is read goes to everybody who is there at that moment.
//!
//! Nothing is read while nobody is there. Everybody gets every byte, so the slowest sets the pace;
//! but only for so long: a connection that takes nothing is cut off, and the others go on.

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

/// How long a connection may hold all others up.
const SHARED_INPUT_TIMEOUT: Duration = Duration::from_secs(5);

/// A source that is shared. It is read for as long as the runtime lives.
#[derive(Debug)]
pub struct SharedInput(Arc<SharedState>);

#[derive(Debug, Default)]
struct SharedState {
    state: Mutex<Subscribers>,
    joined: Notify,
    /// Since when the source is waited for.
    waiting: IdleClock,
}

#[derive(Debug, Default)]
struct Subscribers {
    listeners: Vec<Subscriber>,
    /// The source has ended, and how.
    ended: Option<Result<(), ErrorKind>>,
}

#[derive(Debug)]
struct Subscriber {
    chunks: mpsc::Sender<Arc<[u8]>>,
    cut_off: CancellationToken,
}

/// One connection's part in a broadcast, from now on.
#[derive(Debug)]
pub struct Subscription {
    chunks: mpsc::Receiver<Arc<[u8]>>,
    cut_off: CancellationToken,
    shared: Arc<SharedState>,
}

/// For how long a source has given nobody anything.
#[derive(Debug)]
pub(crate) struct InputIdleness(Arc<SharedState>);

impl InputIdleness {
    /// Waits until it is so long, or the source has ended.
    pub(crate) async fn is_past(&self, limit: Duration) {
        if self.0.state().ended.is_none() {
            self.0.waiting.is_past(Some(limit)).await;
        }
    }
}

impl SharedInput {
    /// Begins to share `source`, in this runtime.
    pub fn start(input: Input) -> Self {
        let shared = Arc::<SharedState>::default();
        tokio::spawn(Arc::clone(&shared).spread(input));
        Self(shared)
    }

    /// Returns what is read from now on.
    pub fn subscribe(&self) -> Subscription {
        let (sender, chunks) = mpsc::channel(BUFFERS);
        let cut_off = CancellationToken::new();
        let mut state = self.0.state();
        if state.ended.is_none() {
            state.listeners.push(Subscriber { chunks: sender, cut_off: cut_off.clone() });
        }
        drop(state);
        self.0.joined.notify_one();
        Subscription { chunks, cut_off, shared: Arc::clone(&self.0) }
    }
}

impl SharedState {
    fn state(&self) -> MutexGuard<'_, Subscribers> {
        lock(&self.state)
    }

    async fn spread(self: Arc<Self>, mut source: Input) {
        let ended = loop {
            self.somebody_listens().await;
            self.waiting.renew();
            let chunk = match source.next().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.kind()),
            };
            self.waiting.clear();
            // They may all have left meanwhile: it is for whoever comes next.
            self.somebody_listens().await;
            self.give_to_all(&Arc::from(&chunk[..])).await;
            source.give_back(chunk);
        };
        let mut state = self.state();
        state.ended = Some(ended);
        state.listeners.clear();
    }

    async fn somebody_listens(&self) {
        loop {
            let joined = self.joined.notified();
            if self.has_listeners() {
                return;
            }
            joined.await;
        }
    }

    /// Returns whether somebody is there, those left out who have gone.
    fn has_listeners(&self) -> bool {
        let mut state = self.state();
        state.listeners.retain(|listener| !listener.chunks.is_closed());
        !state.listeners.is_empty()
    }

    async fn give_to_all(&self, chunk: &Arc<[u8]>) {
        // Whoever joins meanwhile begins with the next chunk.
        let listeners = std::mem::take(&mut self.state().listeners);
        let deadline = Deadline::after(SHARED_INPUT_TIMEOUT);
        let mut staying = Vec::with_capacity(listeners.len());
        for listener in listeners {
            match deadline.bound(listener.chunks.send(Arc::clone(chunk))).await {
                Ok(Ok(())) => staying.push(listener),
                // It left.
                Ok(Err(_)) => {}
                Err(_) => listener.cut_off.cancel(),
            }
        }
        let mut state = self.state();
        staying.append(&mut state.listeners);
        state.listeners = staying;
    }
}

impl Subscription {
    /// Returns how idle the source is.
    pub(crate) fn idleness(&self) -> InputIdleness {
        InputIdleness(Arc::clone(&self.shared))
    }

    /// Waits until this connection is cut off, because it does not take what the others take.
    pub(crate) async fn cut_off(&self) {
        self.cut_off.cancelled().await;
    }

    /// Waits for what was read next; none at the end.
    ///
    /// # Errors
    /// The source failed; `TimedOut` where this connection did not take what the others took.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Arc<[u8]>>> {
        if let Some(chunk) = self.chunks.recv().await {
            return Ok(Some(chunk));
        }
        if self.cut_off.is_cancelled() {
            return Err(ErrorKind::TimedOut.into());
        }
        match self.shared.state().ended {
            Some(Err(kind)) => Err(kind.into()),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// Gives a piece each time it is told to.
    struct Told(std::sync::mpsc::Receiver<&'static [u8]>);

    impl Read for Told {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.0.recv().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn everybody_gets_what_is_read_while_they_are_there() {
        let (tell, told) = std::sync::mpsc::channel::<&[u8]>();
        let runtime = crate::net::runtime::runtime().unwrap();
        runtime.block_on(async {
            let broadcast = SharedInput::start(Input::start(Told(told)).unwrap());
            let mut first = broadcast.subscribe();
            tell.send(b"one").unwrap();
            assert_eq!(&*first.next().await.unwrap().unwrap(), b"one");
            let mut second = broadcast.subscribe();
            tell.send(b"two").unwrap();
            assert_eq!(&*first.next().await.unwrap().unwrap(), b"two");
            assert_eq!(&*second.next().await.unwrap().unwrap(), b"two");
            drop(tell);
            assert_eq!(first.next().await.unwrap(), None);
            assert_eq!(second.next().await.unwrap(), None);
            assert_eq!(broadcast.subscribe().next().await.unwrap(), None);
        });
    }

    #[test]
    fn who_takes_nothing_is_cut_off_and_the_others_go_on() {
        let (tell, told) = std::sync::mpsc::channel::<&[u8]>();
        let runtime = crate::net::runtime::runtime().unwrap();
        runtime.block_on(async {
            let broadcast = SharedInput::start(Input::start(Told(told)).unwrap());
            let mut stalled = broadcast.subscribe();
            let mut lively = broadcast.subscribe();
            for _ in 0..=BUFFERS {
                tell.send(b"x").unwrap();
                assert!(lively.next().await.unwrap().is_some());
            }
            tell.send(b"y").unwrap();
            stalled.cut_off().await;
            assert_eq!(&*lively.next().await.unwrap().unwrap(), b"y");
            for _ in 0..BUFFERS {
                assert!(stalled.next().await.unwrap().is_some());
            }
            assert_eq!(stalled.next().await.unwrap_err().kind(), ErrorKind::TimedOut);
        });
    }
}
