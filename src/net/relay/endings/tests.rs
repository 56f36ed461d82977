//! How a connection ends: one test for each rule, with a paused clock and without sockets.

use super::*;
use crate::net::relay::settings::{LineEnds, StopRule};

const SECOND: Duration = Duration::from_secs(1);

fn settings() -> RelaySettings {
    RelaySettings {
        fin: FinRule::InputEnd,
        half_open: false,
        waits_for_peer: true,
        linger: None,
        line_ends: LineEnds::Unchanged,
        delay: None,
        idle: None,
        stop: StopRule { grace: SECOND * 5, waits_for_peer: false },
        deadline: Deadline::NEVER,
    }
}

/// A stream that sends an input.
fn sending(settings: RelaySettings) -> Endings {
    Endings::new(settings, true)
}

/// A stream that has sent its input and, because that has ended, FIN.
fn sent(settings: RelaySettings) -> Endings {
    let mut endings = sending(settings);
    endings.input_sent(true, Instant::now());
    assert_eq!(endings.sending(), Sending::Fin);
    endings.fin_queued(true, Instant::now());
    endings
}

/// Advances the clock to the next deadline, and lets it expire. `owes`: whether bytes are not
/// acknowledged.
async fn expire(endings: &mut Endings, owes: bool) {
    endings.deadline(Deadline::NEVER).passed().await;
    endings.expire(Deadline::NEVER, owes, Instant::now());
}

#[track_caller]
fn assert_open(endings: &mut Endings) {
    assert!(endings.take_end().is_none());
}

/// Asserts that the stream has ended so, and that the peer gets FIN if `is_complete`, else a reset.
macro_rules! assert_end {
    ($endings:expr, $end:pat, complete: $is_complete:expr) => {
        let end = $endings.take_end().expect("an end");
        assert!(matches!(end, $end), "{end:?}");
        assert_eq!(end.is_complete(), $is_complete);
    };
}

#[tokio::test(start_paused = true)]
async fn fin_follows_the_input_and_the_end_is_clean_once_everything_is_acknowledged_and_the_peer_has_closed()
 {
    for closes_first in [true, false] {
        let mut endings = sent(settings());
        assert_open(&mut endings);
        if closes_first {
            endings.peer_closed();
            assert_open(&mut endings);
            endings.acknowledged();
        } else {
            endings.acknowledged();
            assert_open(&mut endings);
            endings.peer_closed();
        }
        assert_end!(endings, ExchangeEnd::Eof, complete: true);
    }
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_the_input_is_sent_after_the_peer_has_closed() {
    let mut endings = sending(settings());
    endings.peer_closed();
    assert_open(&mut endings);
    assert_eq!(endings.sending(), Sending::Input);
    endings.input_sent(true, Instant::now());
    assert_eq!(endings.sending(), Sending::Fin);
    endings.fin_queued(true, Instant::now());
    endings.acknowledged();
    assert_end!(endings, ExchangeEnd::Eof, complete: true);
}

#[tokio::test(start_paused = true)]
async fn an_input_that_is_idle_after_the_peer_has_closed_counts_as_ended_unless_half_open() {
    let mut endings = sending(settings());
    assert!(!endings.ends_when_idle());
    endings.peer_closed();
    assert!(endings.ends_when_idle());
    endings.input_idle();
    endings.fin_queued(true, Instant::now());
    endings.acknowledged();
    assert_end!(endings, ExchangeEnd::IdleInput, complete: true);
    let mut endings = sending(RelaySettings { half_open: true, ..settings() });
    endings.peer_closed();
    assert!(!endings.ends_when_idle());
}

#[tokio::test(start_paused = true)]
async fn send_only_ends_once_everything_and_fin_are_acknowledged_without_waiting_for_the_peer() {
    for owes in [true, false] {
        let mut endings = sending(RelaySettings { waits_for_peer: false, ..settings() });
        endings.input_sent(owes, Instant::now());
        endings.fin_queued(owes, Instant::now());
        assert_eq!(endings.sending(), Sending::Unacknowledged);
        assert_open(&mut endings);
        endings.acknowledged();
        assert_end!(endings, ExchangeEnd::Sent, complete: true);
    }
}

#[tokio::test(start_paused = true)]
async fn receive_only_sends_fin_and_ends_when_the_peer_closes() {
    let mut endings = Endings::new(settings(), false);
    assert_eq!(endings.sending(), Sending::Nothing);
    endings.peer_closed();
    assert_eq!(endings.sending(), Sending::Fin);
    assert_open(&mut endings);
    endings.fin_queued(false, Instant::now());
    assert_end!(endings, ExchangeEnd::Eof, complete: true);
}

#[tokio::test(start_paused = true)]
async fn a_listener_sends_fin_after_an_empty_input_only_when_the_peer_closes() {
    let listener = RelaySettings { fin: FinRule::NonEmptyInputEnd, ..settings() };
    let mut endings = sending(listener);
    endings.input_sent(true, Instant::now());
    assert_eq!(endings.sending(), Sending::Fin);
    let mut endings = sending(listener);
    endings.input_sent(false, Instant::now());
    assert_eq!(endings.sending(), Sending::FinWithheld);
    endings.peer_closed();
    assert_eq!(endings.sending(), Sending::Fin);
}

#[tokio::test(start_paused = true)]
async fn without_shutdown_fin_is_sent_only_when_the_peer_closes() {
    let mut endings = sending(RelaySettings { fin: FinRule::PeerEnd, ..settings() });
    endings.input_sent(true, Instant::now());
    assert_eq!(endings.sending(), Sending::FinWithheld);
    assert_open(&mut endings);
    endings.peer_closed();
    assert_eq!(endings.sending(), Sending::Fin);
    endings.fin_queued(true, Instant::now());
    endings.acknowledged();
    assert_end!(endings, ExchangeEnd::Eof, complete: true);
    let mut endings = sending(RelaySettings { fin: FinRule::PeerEnd, ..settings() });
    endings.peer_closed();
    endings.input_sent(true, Instant::now());
    assert_eq!(endings.sending(), Sending::Fin);
}

#[tokio::test(start_paused = true)]
async fn linger_limits_the_wait_for_the_peer_to_close() {
    for (owes, withheld) in [(false, false), (true, false), (false, true)] {
        let fin = if withheld { FinRule::PeerEnd } else { FinRule::InputEnd };
        let began = Instant::now();
        let mut endings = sending(RelaySettings { fin, linger: Some(SECOND), ..settings() });
        endings.input_sent(true, began);
        if !withheld {
            endings.fin_queued(true, began);
        }
        if !owes && !withheld {
            endings.acknowledged();
        }
        expire(&mut endings, owes).await;
        assert_eq!(began.elapsed(), SECOND);
        if owes {
            assert_end!(endings, ExchangeEnd::Send(_), complete: false);
        } else {
            assert_end!(endings, ExchangeEnd::LingerExpired, complete: false);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_run_ends_the_stream_with_a_reset_whatever_its_state() {
    let with_deadline =
        || RelaySettings { deadline: Deadline::after(SECOND), linger: Some(SECOND), ..settings() };
    for mut endings in
        [Endings::new(with_deadline(), false), sending(with_deadline()), sent(with_deadline())]
    {
        expire(&mut endings, false).await;
        assert_end!(endings, ExchangeEnd::TimedOut, complete: false);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_traffic_ends_at_the_idle_timeout() {
    let mut endings = sending(settings());
    let idle = Deadline::after(SECOND);
    assert_eq!(endings.deadline(idle), idle);
    endings.expire(idle, false, Instant::now());
    assert_open(&mut endings);
    idle.passed().await;
    endings.expire(idle, false, Instant::now());
    assert_end!(endings, ExchangeEnd::Idle, complete: false);
}

#[tokio::test(start_paused = true)]
async fn an_input_that_fails_ends_the_stream_with_a_reset() {
    let mut endings = sending(settings());
    endings.input_failed(ErrorKind::Other.into());
    assert_end!(endings, ExchangeEnd::Input(_), complete: false);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_cut_off_is_reset() {
    let mut endings = sending(settings());
    endings.cut_off();
    assert_end!(endings, ExchangeEnd::CutOff, complete: false);
}

#[tokio::test(start_paused = true)]
async fn an_output_that_fails_ends_the_stream_with_a_reset() {
    let mut endings = sending(settings());
    endings.output_failed(ErrorKind::BrokenPipe.into());
    assert_end!(endings, ExchangeEnd::Output(_), complete: false);
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_receiving_ends_the_stream_at_once() {
    let ends = [ExchangeEnd::Truncated, ExchangeEnd::Receive(ErrorKind::ConnectionReset.into())];
    for end in ends {
        let mut endings = sent(settings());
        endings.receive_failed(end);
        assert_end!(endings, ExchangeEnd::Truncated | ExchangeEnd::Receive(_), complete: false);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_write_the_peers_data_is_read_until_it_closes_or_a_second_has_passed() {
    for closes in [true, false] {
        let began = Instant::now();
        let mut endings = sending(settings());
        endings.send_failed(ErrorKind::BrokenPipe.into(), began);
        assert!(endings.is_receiving());
        assert_open(&mut endings);
        if closes {
            endings.peer_closed();
        } else {
            expire(&mut endings, false).await;
            assert_eq!(began.elapsed(), LAST_READ_TIMEOUT);
        }
        assert_end!(endings, ExchangeEnd::Send(_), complete: false);
    }
    let mut endings = sending(settings());
    endings.peer_closed();
    endings.send_failed(ErrorKind::BrokenPipe.into(), Instant::now());
    assert_end!(endings, ExchangeEnd::Send(_), complete: false);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_closed_and_acknowledges_nothing_ends_the_stream() {
    let mut endings = sent(settings());
    endings.peer_closed();
    endings.send_failed(ErrorKind::TimedOut.into(), Instant::now());
    assert_end!(endings, ExchangeEnd::Send(_), complete: false);
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_the_input_has_more_resets_the_connection_at_once() {
    let mut endings = sending(settings());
    endings.stop(Instant::now());
    assert!(endings.is_stopping());
    assert_open(&mut endings);
    endings.stopped_with_more_input();
    assert_end!(endings, ExchangeEnd::StoppedEarly, complete: false);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_finds_nothing_to_read_sends_the_owed_bytes_and_fin_whatever_the_fin_rule() {
    for fin in [FinRule::InputEnd, FinRule::NonEmptyInputEnd, FinRule::PeerEnd] {
        let mut endings = sending(RelaySettings { fin, ..settings() });
        endings.stop(Instant::now());
        endings.input_sent(false, Instant::now());
        assert_eq!(endings.sending(), Sending::Fin);
        endings.fin_queued(true, Instant::now());
        assert_open(&mut endings);
        endings.acknowledged();
        assert_end!(endings, ExchangeEnd::Stopped, complete: true);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_sends_a_withheld_fin() {
    let mut withheld = sending(RelaySettings { fin: FinRule::PeerEnd, ..settings() });
    withheld.input_sent(true, Instant::now());
    for mut endings in [withheld, Endings::new(settings(), false)] {
        endings.stop(Instant::now());
        assert_eq!(endings.sending(), Sending::Fin);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_after_everything_is_acknowledged_ends_at_once_unless_it_waits_for_the_peer() {
    let mut endings = sent(settings());
    endings.acknowledged();
    endings.stop(Instant::now());
    assert_end!(endings, ExchangeEnd::Stopped, complete: true);
    let stop = StopRule { waits_for_peer: true, ..settings().stop };
    let mut endings = sent(RelaySettings { stop, ..settings() });
    endings.acknowledged();
    endings.stop(Instant::now());
    assert_open(&mut endings);
    endings.peer_closed();
    assert_end!(endings, ExchangeEnd::Stopped, complete: true);
}

#[tokio::test(start_paused = true)]
async fn grace_limits_a_stop_and_bytes_that_are_owed_then_make_it_early() {
    for owes in [true, false] {
        let stop = StopRule { waits_for_peer: true, ..settings().stop };
        let began = Instant::now();
        let mut endings = sent(RelaySettings { stop, ..settings() });
        endings.stop(began);
        expire(&mut endings, owes).await;
        assert_eq!(began.elapsed(), stop.grace);
        if owes {
            assert_end!(endings, ExchangeEnd::StoppedEarly, complete: false);
        } else {
            assert_end!(endings, ExchangeEnd::Stopped, complete: true);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn grace_that_ends_before_fin_is_queued_makes_a_stop_early() {
    let mut endings = sending(settings());
    endings.stop(Instant::now());
    expire(&mut endings, false).await;
    assert_end!(endings, ExchangeEnd::StoppedEarly, complete: false);
}

#[tokio::test(start_paused = true)]
async fn a_stop_after_a_failed_write_ends_at_once_with_the_failure() {
    let mut endings = sending(settings());
    endings.send_failed(ErrorKind::BrokenPipe.into(), Instant::now());
    endings.stop(Instant::now());
    assert_end!(endings, ExchangeEnd::Send(_), complete: false);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_during_linger_or_grace_does_not_extend_it() {
    let short = SECOND / 2;
    let stop = StopRule { grace: short, ..settings().stop };
    let limited = RelaySettings { linger: Some(short), stop, ..settings() };
    for stops in [true, false] {
        let began = Instant::now();
        let mut endings = sent(limited);
        if stops {
            endings.stop(began);
        }
        endings.send_failed(ErrorKind::ConnectionReset.into(), began);
        expire(&mut endings, true).await;
        assert_eq!(began.elapsed(), short);
        assert_end!(endings, ExchangeEnd::Send(_), complete: false);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_extend_linger() {
    let began = Instant::now();
    let stop = StopRule { waits_for_peer: true, ..settings().stop };
    let mut endings = sent(RelaySettings { linger: Some(SECOND), stop, ..settings() });
    endings.acknowledged();
    endings.stop(began);
    expire(&mut endings, false).await;
    assert_eq!(began.elapsed(), SECOND);
    assert_end!(endings, ExchangeEnd::Stopped, complete: true);
}

#[tokio::test(start_paused = true)]
async fn a_grace_or_linger_beyond_the_clock_is_no_limit() {
    let stop = StopRule { grace: Duration::MAX, waits_for_peer: true };
    let mut endings = sent(RelaySettings { linger: Some(Duration::MAX), stop, ..settings() });
    assert_eq!(endings.deadline(Deadline::NEVER), Deadline::NEVER);
    endings.stop(Instant::now());
    assert_eq!(endings.deadline(Deadline::NEVER), Deadline::NEVER);
    endings.acknowledged();
    assert_open(&mut endings);
}

#[tokio::test(start_paused = true)]
async fn one_deadline_applies_at_a_time_the_earliest() {
    let began = Instant::now();
    let deadline = Deadline::after(SECOND * 4);
    let limited = RelaySettings { linger: Some(SECOND * 3), deadline, ..settings() };
    let mut endings = sending(limited);
    assert_eq!(endings.deadline(Deadline::NEVER), deadline);
    endings.input_sent(true, began);
    endings.fin_queued(true, began);
    assert_eq!(endings.deadline(Deadline::NEVER), Deadline::at(began + SECOND * 3));
    assert_eq!(endings.deadline(Deadline::after(SECOND)), Deadline::after(SECOND));
}
