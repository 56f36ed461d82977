//! The end of an exchange: waits until the output has everything that was received.

use std::time::Duration;

use crate::net::deadline::{Deadline, Elapsed};
use crate::net::end::ExchangeEnd;
use crate::net::relay::sink::Sink;

/// How long the final flush of the sink may take after a timeout or a stop.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Waits until everything that [`run`](super::run) has received is written to `sink`; returns
/// `end`, or instead the failure to write it before `deadline`. After a timeout or once `stop`
/// completes, an output that blocks delays the end by at most `FLUSH_TIMEOUT`.
pub async fn flush(
    sink: &Sink,
    deadline: Deadline,
    end: ExchangeEnd,
    stop: impl Future<Output = ()>,
) -> ExchangeEnd {
    let limit = if end.is_in_time() { deadline } else { Deadline::after(FLUSH_TIMEOUT) };
    let stopped = async {
        stop.await;
        Deadline::after(FLUSH_TIMEOUT).passed().await;
    };
    let flushed = tokio::select! {
        biased;
        flushed = limit.bound(sink.flush()) => flushed,
        () = stopped => Err(Elapsed),
    };
    match flushed {
        Ok(Err(error)) if !matches!(end, ExchangeEnd::Output(_)) => ExchangeEnd::Output(error),
        Err(Elapsed) if deadline.has_passed() && !end.is_stop() => ExchangeEnd::TimedOut,
        Err(Elapsed) if end.is_complete() => ExchangeEnd::Stopped,
        _ => end,
    }
}
