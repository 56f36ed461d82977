//! Locking a mutex whose data is whole after every step.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`.
///
/// Where this is used, no panic can leave the guarded data half-updated, so a poisoned lock is safe
/// to use.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
