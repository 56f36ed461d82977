//! Connects and reports the attempts: notes on retries and, with `-v`, the result of each address.

use crate::net;
use crate::net::Deadline;
use crate::net::dial::{DialNotice, Dialed, Dialer};
use crate::net::error::ConnectAttempt;
use crate::output::Events;
use crate::output::figures::time;

/// Connects within `deadline` and reports the attempts.
///
/// # Errors
/// The host name has no address, or no address accepts the connection.
pub(crate) async fn dial(
    dialer: &Dialer,
    deadline: Deadline,
    events: &Events,
) -> Result<Dialed, net::Error> {
    dialer.dial(deadline, |notice| report(&notice, events)).await
}

fn report(notice: &DialNotice<'_>, events: &Events) {
    match notice {
        DialNotice::Retrying { error, pause, left } => {
            let retries = if *left == 0 { "last retry".to_owned() } else { format!("{left} more") };
            events.note(&format!("{error}; retrying in {pause:?} ({retries})"));
        }
        DialNotice::Raced(outcome) => report_race(outcome, events),
    }
}

/// Reports the result of each address, in the order in which the results were known.
fn report_race(dialed: &Result<Dialed, net::Error>, events: &Events) {
    let (failed, dialed) = match dialed {
        Ok(dialed) => (&dialed.failed, Some(dialed)),
        Err(net::Error::Connect { attempts, .. }) => (attempts, None),
        Err(_) => return,
    };
    for attempt in failed {
        let ConnectAttempt { addr, span, .. } = attempt;
        events.detail(&match span {
            Some(span) => format!("{addr} {} after {}", attempt.reason(), time(span.lasted())),
            None => format!("{addr} was not tried: timed out"),
        });
    }
    if let Some(Dialed { peer, span, unanswered, .. }) = dialed {
        events.detail(&format!("{peer} answered after {}", time(span.lasted())));
        for (addr, span) in unanswered {
            events.detail(&format!("{addr} had not answered after {}", time(span.lasted())));
        }
    }
}
