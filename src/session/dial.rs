//! Connecting with a report of each attempt: notes on retries and, with `-v`, the race.

use crate::net;
use crate::net::Deadline;
use crate::net::dial::{DialNotice, Dialed, Dialer};
use crate::net::error::ConnectAttempt;
use crate::output::Output;
use crate::output::figures::time;
use crate::reason;

/// Connects within `deadline` and reports what was tried.
///
/// # Errors
/// The name has no address, or none of its addresses could be reached.
pub(crate) async fn dial(
    dialer: &Dialer,
    deadline: Deadline,
    out: Output,
) -> Result<Dialed, net::Error> {
    dialer.dial(deadline, |notice| report(&notice, out)).await
}

fn report(notice: &DialNotice<'_>, out: Output) {
    match notice {
        DialNotice::Retrying { error, pause, left } => {
            let tries = if *left == 0 { "last try".to_owned() } else { format!("{left} more") };
            out.note(&format!("{error}; trying again in {pause:?} ({tries})"));
        }
        DialNotice::Raced(outcome) => report_race(outcome, out),
    }
}

/// Says what became of each address, in the order in which it was known.
fn report_race(dialed: &Result<Dialed, net::Error>, out: Output) {
    let (failed, dialed) = match dialed {
        Ok(dialed) => (&dialed.failed, Some(dialed)),
        Err(net::Error::Connect { attempts, .. }) => (attempts, None),
        Err(_) => return,
    };
    for ConnectAttempt { addr, error, span } in failed {
        out.detail(&match span {
            Some(span) => format!("{addr} {} after {}", reason::of(error), time(span.lasted())),
            None => format!("{addr} was not tried: time was up"),
        });
    }
    if let Some(Dialed { peer, span, unanswered, .. }) = dialed {
        out.detail(&format!("{peer} answered after {}", time(span.lasted())));
        for (addr, span) in unanswered {
            out.detail(&format!("{addr} had not answered after {}", time(span.lasted())));
        }
    }
}
