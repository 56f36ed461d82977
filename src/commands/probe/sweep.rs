//! Probes many ports, a bounded number of them at once.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::task::JoinSet;

use crate::commands::probe::attempt::probe;
use crate::commands::probe::jobs::ProbeJob;
use crate::commands::probe::plan::ProbePlan;
use crate::commands::probe::result::ProbeResult;
use crate::net::{Error, Stop};

/// The results of a sweep.
#[derive(Debug)]
pub(super) struct Swept {
    /// The results in the order of the ports, without those that were not known in time.
    pub(super) results: Vec<ProbeResult>,
    /// How many ports there are.
    pub(super) total: usize,
}

impl Swept {
    /// Returns whether every port was probed.
    pub(super) fn is_complete(&self) -> bool {
        self.results.len() == self.total
    }
}

/// How many probes may end without waiting before other tasks run: on loopback, the kernel refuses
/// a connection at once.
const PROBE_BURST: usize = 64;

/// Probes all ports of `jobs` and calls `tell` with each result. Ends early at the deadline of the
/// run, and after a signal.
///
/// # Errors
/// This machine cannot open a socket.
pub(super) async fn sweep(
    jobs: &[ProbeJob],
    plan: &Arc<ProbePlan>,
    stop: &Stop,
    mut tell: impl FnMut(&ProbeResult),
) -> Result<Swept, Error> {
    let mut results: Vec<Option<ProbeResult>> = Vec::new();
    results.resize_with(jobs.len(), || None);
    let mut running = JoinSet::new();
    let mut next = jobs.iter().enumerate();
    let mut is_last = false;
    while !(is_last && running.is_empty()) {
        if !is_last && running.len() < plan.concurrency {
            for _ in 0..PROBE_BURST {
                let Some((at, job)) = next.next() else {
                    is_last = true;
                    break;
                };
                let (job, plan_of_task) = (job.clone(), Arc::clone(plan));
                let mut task = Box::pin(async move { probe(job, &plan_of_task).await });
                if let Poll::Ready(result) = poll_now(task.as_mut()).await {
                    let result = result?;
                    tell(&result);
                    results[at] = Some(result);
                } else {
                    running.spawn(async move { (at, task.await) });
                    if running.len() >= plan.concurrency {
                        break;
                    }
                }
            }
            tokio::task::yield_now().await;
            if stop.is_draining() || plan.deadline.has_passed() {
                break;
            }
        }
        // Takes what has ended, and waits only if nothing else can start.
        let can_start = !is_last && running.len() < plan.concurrency;
        while !running.is_empty() {
            let ended = if can_start {
                match running.try_join_next() {
                    None => break,
                    ended => ended,
                }
            } else {
                tokio::select! {
                    biased;
                    () = stop.draining() => None,
                    () = plan.deadline.passed() => None,
                    ended = running.join_next() => ended,
                }
            };
            let Some(ended) = ended else {
                return Ok(finish(results));
            };
            // A task fails only if it panics, which is a bug that the runtime has reported.
            if let Ok((at, result)) = ended {
                let result = result?;
                tell(&result);
                results[at] = Some(result);
            }
            if !can_start && !is_last {
                break;
            }
        }
    }
    Ok(finish(results))
}

fn finish(results: Vec<Option<ProbeResult>>) -> Swept {
    let total = results.len();
    Swept { results: results.into_iter().flatten().collect(), total }
}

/// Polls `task` once.
async fn poll_now<F: Future>(mut task: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(task.as_mut().poll(context))).await
}
