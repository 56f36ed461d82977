//! Where a terminal's line stands, so that nothing is glued to what stands there.
//!
//! There is one terminal, so there is one line: it may hold the prompt of a conversation, and
//! perhaps what somebody is typing behind it, or the beginning of a line a peer has not ended.
//! Nothing is ever erased: what comes next begins a line of its own.

use std::sync::atomic::{AtomicU8, Ordering};

/// As the course's client prompts.
pub(super) const PROMPT: &str = "> ";

/// What stands on the terminal's line.
static LINE: AtomicU8 = AtomicU8::new(EMPTY);

/// Nothing.
const EMPTY: u8 = 0;

/// The prompt.
const PROMPTED: u8 = 1;

/// A peer's bytes without a line end.
const BEGUN: u8 = 2;

/// Takes note that the prompt was printed.
pub(super) fn stands() {
    LINE.store(PROMPTED, Ordering::Relaxed);
}

/// Takes note of what a peer's `bytes` leave on the line.
pub(super) fn follows(bytes: &[u8]) {
    LINE.store(if bytes.ends_with(b"\n") { EMPTY } else { BEGUN }, Ordering::Relaxed);
}

/// Takes note that the line is over: somebody pressed Enter.
pub(super) fn is_answered() {
    LINE.store(EMPTY, Ordering::Relaxed);
}

/// Returns whether the prompt stands there, and so must be left alone by payload.
pub(super) fn is_prompted() -> bool {
    LINE.load(Ordering::Relaxed) == PROMPTED
}

/// Returns whether anything stands there, and whether that is the prompt; the line is left.
pub(super) fn leave() -> (bool, bool) {
    let was = LINE.swap(EMPTY, Ordering::Relaxed);
    (was != EMPTY, was == PROMPTED)
}
