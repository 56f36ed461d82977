//! Simulated schedules of the relay. Together they take every transition of [`Endings`].
//!
//! [`Endings`]: super::endings::Endings

mod one;
mod script;
mod shared;

use std::collections::BTreeSet;

pub(crate) use self::script::{InputEnd, InputScript, OutputScript};
use crate::net::relay::endings::transitions;
use crate::net::stream::sim::{count, is_whole_run};

#[test]
fn the_relay_keeps_its_promises_in_every_schedule() {
    let test = "the_relay_keeps_its_promises_in_every_schedule";
    shared::run_all(test, count(15));
    one::run_all(test, count(50));
    let (taken, possible) = (transitions::take(), possible());
    let impossible: Vec<_> = taken.difference(&possible).collect();
    assert!(impossible.is_empty(), "{impossible:#?}");
    let missing: Vec<_> = possible.difference(&taken).collect();
    assert!(missing.is_empty() || !is_whole_run(), "{missing:#?}");
}

/// Every state in which something can happen, and what can happen in it.
fn possible() -> BTreeSet<String> {
    // After a stop, nothing is withheld. A peer that closes ends what was `Nothing` or
    // `FinWithheld`, and the whole stream after `Acknowledged` or `Failed`.
    let states = [
        "Nothing Open",
        "Input Open",
        "Input Open stopping",
        "Input Closed",
        "Input Closed stopping",
        "FinWithheld Open",
        "Fin Open",
        "Fin Open stopping",
        "Fin Closed",
        "Fin Closed stopping",
        "Unacknowledged Open",
        "Unacknowledged Open stopping",
        "Unacknowledged Closed",
        "Unacknowledged Closed stopping",
        "Acknowledged Open",
        "Acknowledged Open stopping",
        "Failed Open",
        "Failed Open stopping",
    ];
    let mut all = BTreeSet::new();
    for state in states {
        let sending = state.split(' ').next().unwrap();
        let (is_open, is_stopping) = (state.contains("Open"), state.contains("stopping"));
        let mut events = vec!["expire"];
        // While bytes are received, a failure of the output is reported by the receiving side.
        events.extend(if is_open {
            &["peer_closed", "receive_failed"][..]
        } else {
            &["output_failed"]
        });
        if !is_stopping {
            events.push("stop");
        }
        match sending {
            "Input" => {
                events.extend(["input_sent", "send_failed"]);
                // After a stop, a failure of the input counts as more input, and so does what waits
                // for a client that would be cut off.
                events.extend(if is_stopping {
                    &["stopped_with_more_input"][..]
                } else {
                    &["input_failed", "cut_off"]
                });
                if !is_open && !is_stopping {
                    events.push("input_idle");
                }
            }
            "Fin" => events.extend(["fin_queued", "send_failed"]),
            "Unacknowledged" => events.extend(["acknowledged", "send_failed"]),
            _ => {}
        }
        all.extend(events.into_iter().map(|event| format!("{state}: {event}")));
    }
    all
}
