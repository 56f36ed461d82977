//! Tests of the event queue.

use super::*;
use crate::output::{ColorChoice, Format, NetText};

/// Returns a queue that nothing prints, and its reader.
fn blocked_queue() -> (Events, WriteQueueReader<Message>) {
    let events = EventQueue::start(json_output(), WhenGone::Stop).events();
    let reader = lock(&events.shared.reader).take().unwrap();
    (events, reader)
}

fn json_output() -> Output {
    Output::new(Format::Json, ColorChoice::Never, Verbosity::Verbose)
}

#[test]
fn a_queue_without_an_event_starts_no_thread_and_prints_nothing_after_finish() {
    let queue = EventQueue::start(json_output(), WhenGone::Stop);
    let events = queue.events();
    assert!(lock(&events.shared.reader).is_some());
    assert_eq!(queue.finish(None).unwrap(), 0);
    let late = events.deliver_blocking(Event::Stopping { clients: 0 });
    assert!(late.unwrap_err().is_internal());
}

#[test]
fn a_blocked_output_never_blocks_the_sender_and_the_unprinted_events_are_counted() {
    let (events, _reader) = blocked_queue();
    let send = || events.send(Event::Stopping { clients: 0 });
    // A burst of ten thousand events fits.
    (0..10_000).for_each(|_| send());
    assert_eq!(events.queue.drain().len(), 10_000);
    (0..100_000).for_each(|_| send());
    let queue = EventQueue { events: events.clone() };
    let unprinted = queue.finish(Some(Duration::ZERO)).unwrap();
    assert_eq!(unprinted, 110_000);
    let kept = events.queue.drain().len();
    assert!(kept < 40_000, "{kept}");
}

#[test]
fn every_event_counts_with_the_bytes_that_a_peer_sent() {
    let long = || "x".repeat(10_000);
    let bytes = || NetText(long().into());
    let peer = String::new;
    let (stats, record) = (Box::default(), long());
    let events = [
        Event::Data { peer: peer(), data: bytes() },
        Event::Login {
            peer: peer(),
            conn: 1,
            r#try: 1,
            user: bytes(),
            password: bytes(),
            result: "recorded",
            record,
        },
        Event::Reply { result: "other", reply: bytes() },
        Event::Said { seq: 1, nick: peer(), line: long() },
        Event::Left { peer: peer(), nick: peer(), reason: long() },
        Event::Closed { peer: peer(), bytes_in: 0, bytes_out: 0, duration_us: 0, reason: long() },
        Event::Warning { message: long() },
    ];
    assert!(events.iter().all(|event| event.size() > 10_000), "{events:?}");
    assert!(Event::Stats { stats }.size() > size_of::<crate::output::Stats>());
    let (queue, _reader) = blocked_queue();
    for _ in 0..1000 {
        events.iter().cloned().for_each(|event| queue.send(event));
    }
    assert!(queue.queue.drain().len() < 1000);
}
