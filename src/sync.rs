//! Locks mutexes whose data a panic cannot leave half-updated.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Locks `mutex`, even if it is poisoned.
///
/// Callers must ensure that no panic can leave the guarded data half-updated, so that a poisoned
/// lock is safe to use.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Unlocks the mutex of `guard` until `condition` is notified, or for `limit`, and locks it again,
/// like [`lock`].
pub fn wait_timeout<'a, T>(
    condition: &Condvar,
    guard: MutexGuard<'a, T>,
    limit: Duration,
) -> MutexGuard<'a, T> {
    condition.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner).0
}
