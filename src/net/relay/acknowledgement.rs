//! Whether what was sent has arrived.

use std::io::ErrorKind;
use std::time::Duration;

use crate::net::deadline::Deadline;
use crate::net::relay::end::StreamEnd;
use crate::net::stream::Stream;
use crate::sys;

/// How long the peer's TCP may take to acknowledge the last bytes, where nothing else limits it.
const ACKNOWLEDGEMENT: Duration = Duration::from_secs(30);

/// Waits until the peer's TCP has everything, or has thrown it away.
pub(crate) async fn wait(stream: Option<&Stream>, whole: Deadline) -> Result<(), StreamEnd> {
    let Some(stream) = stream else { return Ok(()) };
    let deadline = whole.earlier(Deadline::after(ACKNOWLEDGEMENT));
    let mut pause = Duration::from_micros(100);
    loop {
        match stream.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => return Err(StreamEnd::Send(error)),
        }
        match sys::unacknowledged(stream) {
            Ok(0) => return Ok(()),
            Ok(_) if whole.has_passed() => return Err(StreamEnd::TimedOut),
            Ok(_) if deadline.has_passed() => {
                return Err(StreamEnd::Send(ErrorKind::TimedOut.into()));
            }
            Ok(_) => {}
            Err(error) => return Err(StreamEnd::Send(error)),
        }
        // Nothing announces an acknowledgement: usually it is there at the first look.
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
