//! An output stream of a process, collected by a thread so that a test can wait for its text.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use crate::support::TIMEOUT;

/// The output of a process so far, collected by a thread.
#[derive(Clone)]
pub(crate) struct Captured(Arc<(Mutex<Collected>, Condvar)>);

#[derive(Default)]
struct Collected {
    bytes: Vec<u8>,
    ended: bool,
}

impl Captured {
    pub(crate) fn of(mut stream: impl Read + Send + 'static) -> Self {
        let shared: Arc<(Mutex<Collected>, Condvar)> = Arc::default();
        let collected = Arc::clone(&shared);
        thread::spawn(move || {
            let mut buffer = [0; 64 * 1024];
            loop {
                let read = stream.read(&mut buffer);
                let mut state = collected.0.lock().unwrap();
                match read {
                    Ok(len @ 1..) => state.bytes.extend_from_slice(&buffer[..len]),
                    _ => state.ended = true,
                }
                collected.1.notify_all();
                if state.ended {
                    return;
                }
            }
        });
        Self(shared)
    }

    /// The output so far, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.0.lock().unwrap().bytes).into_owned()
    }

    /// Waits until `found` returns a value for the text so far.
    #[track_caller]
    pub(crate) fn wait_for<T>(&self, found: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + TIMEOUT;
        let mut state = self.0.0.lock().unwrap();
        loop {
            let text = String::from_utf8_lossy(&state.bytes).into_owned();
            if let Some(value) = found(&text) {
                return value;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !state.ended, "not found in {text:?}");
            state = self.0.1.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Waits until the text contains `part`.
    #[track_caller]
    pub(crate) fn wait_for_text(&self, part: &str) -> String {
        self.wait_for(|text| text.contains(part).then(|| text.to_owned()))
    }

    /// Waits until at least `len` bytes have arrived.
    #[track_caller]
    pub(crate) fn wait_for_bytes(&self, len: usize) {
        let state = self.0.0.lock().unwrap();
        let waits = |state: &mut Collected| state.bytes.len() < len && !state.ended;
        let state = self.0.1.wait_timeout_while(state, TIMEOUT, waits).unwrap().0;
        assert!(state.bytes.len() >= len, "{} bytes of {len}", state.bytes.len());
    }

    /// Waits for EOF and returns the whole output.
    pub(crate) fn to_end(&self) -> Vec<u8> {
        let state = self.0.0.lock().unwrap();
        let (state, timeout) =
            self.0.1.wait_timeout_while(state, TIMEOUT, |state| !state.ended).unwrap();
        assert!(!timeout.timed_out(), "the stream stayed open");
        state.bytes.clone()
    }
}
