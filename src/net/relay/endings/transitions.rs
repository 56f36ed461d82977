//! A record of the transitions that are taken on this thread.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::Endings;

thread_local! {
    static TAKEN: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// Records that `event` occurs in the state of `endings`.
pub(super) fn note(event: &str, endings: &Endings) {
    let Endings { sending, receiving, stopping, .. } = endings;
    let stopping = if *stopping { " stopping" } else { "" };
    TAKEN.with_borrow_mut(|taken| {
        taken.insert(format!("{sending:?} {receiving:?}{stopping}: {event}"));
    });
}

/// Returns the transitions since the last call.
pub(crate) fn take() -> BTreeSet<String> {
    TAKEN.take()
}
