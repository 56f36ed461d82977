//! Locks mutexes whose data a panic cannot leave half-updated.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, even if it is poisoned.
///
/// Callers must ensure that no panic can leave the guarded data half-updated, so that a poisoned
/// lock is safe to use.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
