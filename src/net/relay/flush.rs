//! The end of an exchange: waits until the output has everything that was received.

use crate::allowance::Allowance;
use crate::net::deadline::{Deadline, Elapsed};
use crate::net::end::ExchangeEnd;
use crate::net::relay::sink::Sink;

/// Waits until everything that [`run`](super::run) has received is written to `sink`; returns
/// `end`, or instead the failure to write it before `deadline`. After a timeout or once `stop`
/// completes, an output that blocks delays the end by at most what is left of `allowance`.
pub async fn flush(
    sink: &Sink,
    deadline: Deadline,
    end: ExchangeEnd,
    stop: impl Future<Output = ()>,
    allowance: &Allowance,
) -> ExchangeEnd {
    let is_in_time = end.is_in_time();
    let too_late = async {
        if is_in_time {
            tokio::select! {
                () = deadline.passed() => return,
                () = stop => {}
            }
        }
        allowance.used_up().await;
    };
    let flushed = tokio::select! {
        biased;
        flushed = sink.flush() => Ok(flushed),
        () = too_late => Err(Elapsed),
    };
    match flushed {
        Ok(Err(error)) if !matches!(end, ExchangeEnd::Output(_)) => ExchangeEnd::Output(error),
        Err(Elapsed) if deadline.has_passed() && !end.is_stop() => ExchangeEnd::TimedOut,
        Err(Elapsed) if end.is_complete() => ExchangeEnd::Stopped,
        _ => end,
    }
}
