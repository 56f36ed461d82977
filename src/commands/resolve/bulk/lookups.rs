//! The lookups of a bulk run that are in progress, or whose results wait for an earlier one.

use std::collections::VecDeque;
use std::future::pending;

use tokio::task::{JoinHandle, JoinSet};

/// Tasks whose results are taken in the order in which the tasks were started, or as they end.
pub(super) enum Lookups<T> {
    InOrder(VecDeque<JoinHandle<T>>),
    AsTheyEnd(JoinSet<T>),
}

impl<T: Send + 'static> Lookups<T> {
    pub(super) fn new(is_ordered: bool) -> Self {
        if is_ordered { Self::InOrder(VecDeque::new()) } else { Self::AsTheyEnd(JoinSet::new()) }
    }

    /// Starts a task.
    pub(super) fn start(&mut self, lookup: impl Future<Output = T> + Send + 'static) {
        match self {
            Self::InOrder(tasks) => tasks.push_back(tokio::spawn(lookup)),
            Self::AsTheyEnd(tasks) => drop(tasks.spawn(lookup)),
        }
    }

    /// Returns the number of tasks.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::InOrder(tasks) => tasks.len(),
            Self::AsTheyEnd(tasks) => tasks.len(),
        }
    }

    /// Waits for the next result; for ever if there is no task. Returns `None` for a task that has
    /// panicked, which is a bug that the runtime has reported.
    pub(super) async fn next(&mut self) -> Option<T> {
        match self {
            Self::InOrder(tasks) => match tasks.front_mut() {
                Some(first) => {
                    let result = first.await;
                    tasks.pop_front();
                    result.ok()
                }
                None => pending().await,
            },
            Self::AsTheyEnd(tasks) => match tasks.join_next().await {
                Some(result) => result.ok(),
                None => pending().await,
            },
        }
    }
}
