//! One relayed stream with its own input and output.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::script::{InputEnd, InputScript, OutputScript, Production, Written};
use crate::allowance::Allowance;
use crate::net::deadline::Deadline;
use crate::net::end::ExchangeEnd;
use crate::net::relay;
use crate::net::relay::activity::ACTIVITY_CHECKS;
use crate::net::relay::settings::{FinRule, LineEnds, RelaySettings, StopRule};
use crate::net::relay::source::Source;
use crate::net::stream::sim::{
    FAR, NEAR, PeerEnd, PeerOutcome, PeerScript, Random, SMALLEST, SimKind, Wire, note, pair,
    pattern, run_schedules, tls,
};

/// How much later than a deadline a run may end.
const TICK: Duration = Duration::from_millis(5);

/// How long the relay waits for a blocked output after a timeout or a stop.
const FLUSH: Duration = Duration::from_secs(1);

/// What happens in one schedule.
#[derive(Clone, Debug)]
struct Case {
    kind: SimKind,
    is_tls: bool,
    is_small: bool,
    input: Option<InputScript>,
    output: Option<OutputScript>,
    peer: PeerScript,
    settings: RelaySettings,
    /// The time from the start to the deadline of the run, and to a stop.
    deadline: Option<Duration>,
    stop: Option<Duration>,
}

impl Case {
    fn random(random: &mut Random) -> Self {
        let size = random.pick(&[1, 50, 1000, 3000]);
        let input = (!random.one_in(8)).then(|| InputScript::random(random, size));
        let output = (!random.one_in(8)).then(|| OutputScript::random(random));
        let peer = PeerScript::random(random, size);
        let waits_for_peer = !random.one_in(5);
        let mut limit =
            |odds, longest| random.one_in(odds).then(|| random.pause(Duration::from_secs(longest)));
        let linger = limit(4, 3);
        let idle = limit(6, 5);
        let (mut deadline, stop) = (limit(6, 10), limit(4, 2));
        let fin = random.pick(&[
            FinRule::InputEnd,
            FinRule::InputEnd,
            FinRule::NonEmptyInputEnd,
            FinRule::PeerEnd,
        ]);
        let grace = match random.below(20) {
            0 => Duration::MAX,
            1 => Duration::ZERO,
            _ => random.moment(),
        };
        let stop_rule = StopRule { grace, waits_for_peer: random.one_in(2) };
        let settings = RelaySettings {
            fin,
            half_open: random.one_in(3),
            waits_for_peer,
            linger,
            line_ends: LineEnds::Unchanged,
            delay: random.one_in(10).then(|| random.pause(Duration::from_millis(50))),
            idle,
            stop: stop_rule,
            deadline: Deadline::NEVER,
        };
        let kind = if random.one_in(5) { SimKind::Unix } else { SimKind::Tcp };
        let is_tls = random.one_in(5);
        let is_small = false;
        let mut this =
            Self { kind, is_tls, is_small, input, output, peer, settings, deadline: None, stop };
        if random.one_in(2) {
            this.press(random);
        }
        if !this.ends_by_itself() {
            deadline = deadline.or_else(|| Some(random.pause(Duration::from_mins(1))));
        }
        this.deadline = deadline;
        this
    }

    /// Makes the case one that is rare otherwise: the sockets are full, and something else happens.
    fn press(&mut self, random: &mut Random) {
        // Together with `close_notify`, or alone, each of these fills the smallest socket.
        let len = random.pick(&[60, 70, 78, 1000]);
        self.input = Some(InputScript::burst(random, len));
        self.peer = PeerScript::slow(random);
        self.is_small = true;
        if random.one_in(2) {
            self.output = Some(OutputScript::slow(random));
        }
        self.is_tls = random.one_in(2);
        self.settings.delay = None;
        self.settings.stop.grace = Duration::from_millis(random.pick(&[60, 1_000, 5_000]));
        self.stop = self.stop.map(|_| random.moment());
        if random.one_in(2) {
            // Usually after a stop, the output or the peer fails while acknowledgements are owed.
            let ms = Duration::from_millis;
            let fails = OutputScript::Fails(0, ErrorKind::StorageFull, ms(300));
            let outputs = [fails, OutputScript::Slow(ms(200)), OutputScript::Slow(ms(1500))];
            self.output = Some(random.pick(&outputs));
            self.peer.writes = vec![(ms(2), 50); random.between(1, 12)];
            let later = PeerEnd::HalfClosesAndResets(random.pick(&[ms(60), ms(400)]));
            self.peer.end = random.pick(&[PeerEnd::HalfCloses, PeerEnd::Resets, later]);
            self.peer.stall = Duration::from_secs(1);
            let stop = random.pick(&[ms(20), ms(100), ms(250)]);
            self.stop = (!random.one_in(4)).then_some(stop);
            self.settings.stop.grace = Duration::from_secs(3);
        }
    }

    /// Returns whether both sides end without a limit, and nothing fails.
    fn ends_by_itself(&self) -> bool {
        let input = self.input.as_ref().map(|input| input.end);
        let sends_fin = match self.settings.fin {
            FinRule::InputEnd => input == Some(InputEnd::Eof),
            FinRule::NonEmptyInputEnd => {
                input == Some(InputEnd::Eof) && self.input.as_ref().is_some_and(|it| it.len() > 0)
            }
            FinRule::PeerEnd => false,
        };
        let is_clean = match input {
            None | Some(InputEnd::Eof) => true,
            Some(InputEnd::StaysOpen) => !self.settings.half_open,
            Some(InputEnd::Fails) => false,
        };
        let peer_ends = self.peer.end == PeerEnd::HalfCloses || sends_fin;
        let output = self.output.unwrap_or(OutputScript::Fast);
        let output_takes = matches!(output, OutputScript::Fast | OutputScript::Slow(_));
        is_clean && peer_ends && self.peer.takes_everything() && output_takes
    }
}

/// What a schedule led to.
struct Outcome {
    end: ExchangeEnd,
    began: Instant,
    ended: Instant,
    wire: Arc<Wire>,
    peer: PeerOutcome,
    produced: Production,
    written: Option<Written>,
}

async fn run(case: &Case, random: &mut Random) -> Outcome {
    let (near, far, wire) = pair(random, case.kind);
    let (mut near, mut far) = (near.into_stream(), far.into_stream());
    if case.is_tls {
        tls::secure(&mut near, &mut far).await;
    }
    if case.is_small {
        wire.resize(SMALLEST);
    }
    wire.stall(FAR, case.peer.stall);
    let began = Instant::now();
    let released = CancellationToken::new();
    let peer = {
        let (script, released) = (case.peer.clone(), released.clone());
        tokio::spawn(async move { script.play(far, &released).await })
    };
    let (input, produced) = case.input.as_ref().map(InputScript::start).unzip();
    let (sink, written) = case.output.map(|output| output.start(random)).unzip();
    let mut source = input.map(Source::from);
    let settings = RelaySettings { deadline: Deadline::maybe(case.deadline), ..case.settings };
    let stop = Deadline::maybe(case.stop);
    let (input, output, stopped) = (source.as_mut(), sink.as_ref(), stop.passed());
    let mut end = relay::run(&mut near, "peer", input, output, settings, stopped).await;
    if let Some(sink) = &sink {
        end =
            relay::flush(sink, settings.deadline, end, stop.passed(), &Allowance::default()).await;
    }
    let ended = Instant::now();
    drop(near);
    released.cancel();
    let peer = peer.await.unwrap();
    // What is on its way arrives.
    tokio::time::sleep(Duration::from_mins(10)).await;
    Outcome { end, began, ended, wire, peer, produced: produced.unwrap_or_default(), written }
}

impl Outcome {
    fn check(&self, case: &Case) {
        self.check_sent(case);
        self.check_received();
        self.check_time(case);
        self.check_reason(case);
    }

    /// A complete end means that everything has arrived, and FIN that the stream is complete.
    fn check_sent(&self, case: &Case) {
        let arrived =
            if case.is_tls { self.peer.received.clone() } else { self.wire.arrived(NEAR) };
        assert!(arrived == pattern(0, arrived.len()), "other bytes arrived than were sent");
        let input = case.input.as_ref();
        let all = input.map_or(0, InputScript::len);
        let input_ended = input.is_none_or(|it| it.end == InputEnd::Eof) && arrived.len() == all;
        let stop = case.stop.map(|after| self.began + after);
        if self.end.is_complete() {
            // Under TLS, `close_notify` may be lacking; the data is checked below.
            let arrived = case.is_tls || self.wire.has_everything_arrived(NEAR);
            assert!(arrived, "the peer lacks bytes");
            // A peer that has closed completely needs no FIN.
            let sent = self.wire.fin(NEAR).is_some() || self.peer.end.is_none();
            assert!(sent, "FIN was not sent");
        }
        if case.is_tls && self.peer.end.is_none() {
            // What arrived after the peer has closed cannot be decrypted.
            return;
        }
        match self.end {
            ExchangeEnd::Eof | ExchangeEnd::Sent => {
                assert!(input_ended, "{} of {all} bytes arrived", arrived.len());
            }
            ExchangeEnd::Stopped => {
                // An idle input may have counted as ended before.
                let stop = stop.unwrap();
                let until = self.wire.fin(NEAR).map_or(stop, |fin| fin.min(stop));
                assert!(arrived.len() >= self.produced.before(until), "input was left");
            }
            _ => {}
        }
        let fin = self.wire.fin(NEAR).filter(|_| self.wire.has_fin_arrived(NEAR));
        if let Some(fin) = fin
            && case.kind == SimKind::Tcp
        {
            let stopped = stop.is_some_and(|stop| stop <= fin);
            let peer_closed = self.wire.has_fin_arrived(FAR) && !case.settings.half_open;
            assert!(input_ended || stopped || peer_closed, "FIN before the end of the input");
            let until = stop.map_or(fin, |stop| stop.min(fin));
            assert!(arrived.len() >= self.produced.before(until), "FIN after a part of the input");
            let withheld = case.settings.fin == FinRule::PeerEnd && case.input.is_some();
            assert!(!withheld || stopped || self.wire.fin(FAR).is_some_and(|far| far <= fin));
        }
        if self.peer.end == Some(Ok(())) && case.kind == SimKind::Tcp {
            // Under TLS, the peer may close between `close_notify` and FIN.
            let ended = fin.is_some() || case.is_tls && self.wire.fin(NEAR).is_some();
            assert!(ended, "the peer took a part for everything");
            assert!(self.peer.received == arrived);
        }
    }

    /// Everything that was read is written, in order; a clean end means that it is everything.
    fn check_received(&self) {
        let Some(written) = &self.written else { return };
        let bytes = written.bytes();
        assert!(bytes == pattern(0, bytes.len()), "other bytes were written than were received");
        assert!(self.wire.reads(NEAR) >= written.writes());
        if matches!(self.end, ExchangeEnd::Eof | ExchangeEnd::IdleInput) {
            assert_eq!(bytes.len(), self.peer.sent, "received bytes were lost");
            assert!(self.wire.has_everything_arrived(FAR));
        }
    }

    /// No limit is exceeded, and none ends a run early.
    fn check_time(&self, case: &Case) {
        let took = self.ended - self.began;
        let is_fast = case.output.is_none_or(OutputScript::is_fast);
        let slack = if is_fast { TICK } else { FLUSH + TICK };
        let within = |limit: Option<Duration>, what: &str| {
            let Some(limit) = limit else { return };
            let latest = self.began.checked_add(limit).and_then(|at| at.checked_add(slack));
            assert!(latest.is_none_or(|latest| self.ended <= latest), "{what}: {took:?}");
        };
        within(case.deadline, "the run exceeded its deadline");
        let grace = case.settings.stop.grace;
        within(case.stop.and_then(|stop| stop.checked_add(grace)), "a stop exceeded its grace");
        let idle = self.wire.last_traffic(NEAR) - self.began;
        // Records of TLS without data do not count as traffic.
        if is_fast && !case.is_tls {
            let late = |limit| idle + limit + limit / ACTIVITY_CHECKS;
            within(case.settings.idle.map(late), "the run was idle for too long");
        }
        let fin = self.wire.fin(NEAR).filter(|at| *at < self.ended);
        if let (Some(fin), None, true) = (fin, case.stop, is_fast) {
            let linger = case.settings.linger;
            let limit = linger.map(|limit| fin - self.began + limit);
            within(limit, "the run waited too long for the peer");
        }
        match self.end {
            ExchangeEnd::TimedOut => assert!(case.deadline.is_some_and(|limit| took >= limit)),
            ExchangeEnd::Idle => {
                // While a slow output is flushed, the peer can still acknowledge bytes.
                let since = if case.is_tls || !is_fast { Duration::ZERO } else { idle };
                assert!(case.settings.idle.is_some_and(|limit| took >= since + limit));
            }
            ExchangeEnd::LingerExpired => {
                assert!(case.settings.linger.is_some_and(|limit| took >= limit));
            }
            ExchangeEnd::Stopped | ExchangeEnd::StoppedEarly => {
                assert!(case.stop.is_some_and(|stop| took >= stop));
            }
            _ => {}
        }
    }

    /// The reason of the end is what happened.
    fn check_reason(&self, case: &Case) {
        let input = case.input.as_ref().map(|input| input.end);
        let resets = matches!(case.peer.end, PeerEnd::Resets | PeerEnd::HalfClosesAndResets(_));
        let is_reset = resets || case.peer.end == PeerEnd::Closes;
        // A peer that has closed completely may answer FIN with a reset.
        let closes = is_reset || case.peer.end == PeerEnd::HalfCloses;
        match &self.end {
            ExchangeEnd::Input(_) => assert_eq!(input, Some(InputEnd::Fails)),
            ExchangeEnd::Output(_) => {
                assert!(matches!(case.output, Some(OutputScript::Fails(..))));
            }
            ExchangeEnd::Truncated => assert!(case.is_tls && is_reset, "close_notify was lost"),
            ExchangeEnd::Receive(_) => assert!(is_reset, "a reset that did not happen"),
            ExchangeEnd::Send(error) if error.kind() == ErrorKind::TimedOut => {
                let took = self.ended - self.began;
                assert!(case.settings.linger.is_some_and(|limit| took >= limit));
            }
            ExchangeEnd::Send(_) => assert!(closes, "a failure without a cause"),
            // Under TLS, `close_notify` arrives before FIN.
            ExchangeEnd::Eof => assert!(case.is_tls || self.wire.has_fin_arrived(FAR)),
            ExchangeEnd::Sent => assert!(!case.settings.waits_for_peer),
            ExchangeEnd::IdleInput => assert!(input.is_some() && !case.settings.half_open),
            ExchangeEnd::Idle
            | ExchangeEnd::TimedOut
            | ExchangeEnd::LingerExpired
            | ExchangeEnd::Stopped
            | ExchangeEnd::StoppedEarly => {}
            end => panic!("an impossible end: {end:?}"),
        }
        let has_limit = case.deadline.or(case.stop).or(case.settings.idle);
        let has_limit = has_limit.or(case.settings.linger).is_some();
        if case.ends_by_itself() && !has_limit {
            assert!(self.end.is_complete(), "nothing failed");
        }
        if case.ends_by_itself() {
            let failed = matches!(self.end, ExchangeEnd::Receive(_) | ExchangeEnd::Output(_));
            assert!(!failed, "nothing failed");
        }
    }
}

/// Runs the schedules of one stream.
pub(super) fn run_all(test: &str, runs: u64) {
    run_schedules(test, runs, |mut random| async move {
        let case = Case::random(&mut random);
        note(&case);
        let outcome = run(&case, &mut random).await;
        note(&(&outcome.end, outcome.ended - outcome.began, &outcome.peer.end));
        outcome.check(&case);
    });
}
