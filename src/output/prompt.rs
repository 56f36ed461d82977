//! The prompt of a conversation at a terminal, which whatever is printed must not be glued to.
//!
//! There is one terminal, so there is one prompt: while it stands alone on its line, talk and
//! payload first take it away and talk puts it back.

use std::sync::atomic::{AtomicBool, Ordering};

/// As the course's client prompts.
pub(super) const PROMPT: &str = "> ";

/// To the first column, and clear what stands there.
const ERASE_LINE: &str = "\r\u{1b}[K";

static STANDS: AtomicBool = AtomicBool::new(false);

/// Takes note that the prompt was printed.
pub(super) fn stands() {
    STANDS.store(true, Ordering::Relaxed);
}

/// Returns what takes the prompt away, where it stands.
pub(super) fn lift() -> Option<&'static str> {
    STANDS.swap(false, Ordering::Relaxed).then_some(ERASE_LINE)
}
