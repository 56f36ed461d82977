//! Waits for the peer's TCP to acknowledge what was sent.

use std::io::ErrorKind;
use std::time::Duration;

use crate::net::deadline::Deadline;
use crate::net::relay::end::StreamEnd;
use crate::net::stream::Stream;
use crate::sys;

/// How long the peer's TCP may take to acknowledge the last bytes if the run has no earlier
/// deadline.
const ACKNOWLEDGEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Waits until the peer's TCP has acknowledged every byte; returns at once without a stream.
///
/// # Errors
/// [`StreamEnd::TimedOut`] if `run_deadline` passes first; [`StreamEnd::Send`] if the connection
/// fails or the peer acknowledges too slowly.
pub(crate) async fn wait(stream: Option<&Stream>, run_deadline: Deadline) -> Result<(), StreamEnd> {
    let Some(stream) = stream else { return Ok(()) };
    let deadline = run_deadline.earlier(Deadline::after(ACKNOWLEDGEMENT_TIMEOUT));
    let mut interval = Duration::from_micros(100);
    loop {
        match stream.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => return Err(StreamEnd::Send(error)),
        }
        match sys::unacknowledged(stream) {
            Ok(0) => return Ok(()),
            Ok(_) if run_deadline.has_passed() => return Err(StreamEnd::TimedOut),
            Ok(_) if deadline.has_passed() => {
                return Err(StreamEnd::Send(ErrorKind::TimedOut.into()));
            }
            Ok(_) => {}
            Err(error) => return Err(StreamEnd::Send(error)),
        }
        // The kernel reports no event for an acknowledgement, so the counter is polled.
        tokio::time::sleep(interval).await;
        interval = (interval * 2).min(Duration::from_millis(20));
    }
}
