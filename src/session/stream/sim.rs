//! Simulated sessions: a whole session on one connection, to its exit code.

use std::sync::Arc;

use tokio::time::Instant as SimInstant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::net::relay::LineEnds;
use crate::net::relay::sim::{InputEnd, InputScript, OutputScript};
use crate::net::stream::sim::{
    FAR, NEAR, PeerScript, Random, SimKind, count, note, pair, pattern, run_schedules, tls,
};
use crate::net::tls::ServerName;
use crate::output::{ColorChoice, EventQueue, Format, Output, Verbosity};
use crate::session::observers::{ObserverSettings, WhenBlocked};
use crate::session::tls::TlsClient;

/// How much later than a limit a session may end: a blocked output may delay it by a second.
const SLACK: Duration = Duration::from_millis(1010);

/// What happens in one schedule.
#[derive(Clone, Debug)]
struct SessionCase {
    kind: SimKind,
    /// Whether the session uses TLS, and whether the peer performs the handshake.
    tls: Option<bool>,
    input: Option<InputScript>,
    output: OutputScript,
    peer: PeerScript,
    settings: SessionSettings,
    fin: FinRule,
    stop_rule: StopRule,
    handshake: Duration,
    deadline: Duration,
    stop: Option<Duration>,
}

impl SessionCase {
    fn random(random: &mut Random) -> Self {
        let size = random.pick(&[1, 100, 2000]);
        let settings = SessionSettings {
            idle: random.one_in(8).then(|| random.moment()),
            sends: true,
            receives: !random.one_in(6),
            shuts_down: !random.one_in(6),
            half_open: random.one_in(4),
            linger: random.one_in(4).then(|| random.moment()),
            line_ends: LineEnds::Unchanged,
            delay: None,
            raw: false,
        };
        let input = (!random.one_in(6)).then(|| InputScript::random(random, size));
        Self {
            kind: if random.one_in(6) { SimKind::Unix } else { SimKind::Tcp },
            tls: random.one_in(3).then(|| !random.one_in(5)),
            input,
            output: OutputScript::random(random),
            peer: PeerScript::random(random, size),
            settings,
            fin: random.pick(&[FinRule::InputEnd, FinRule::NonEmptyInputEnd]),
            stop_rule: StopRule { grace: random.moment(), waits_for_peer: random.one_in(2) },
            handshake: random.pick(&[Duration::from_secs(3), Duration::from_secs(10)]),
            deadline: random.pick(&[Duration::from_secs(1), Duration::from_mins(1)]),
            stop: random.one_in(4).then(|| random.moment()),
        }
    }
}

#[test]
fn the_exit_code_of_a_session_tells_what_the_peer_got_in_every_schedule() {
    let test = "the_exit_code_of_a_session_tells_what_the_peer_got_in_every_schedule";
    run_schedules(test, count(10), |mut random| async move {
        let case = SessionCase::random(&mut random);
        note(&case);
        run(&case, random).await;
    });
}

async fn run(case: &SessionCase, mut random: Random) {
    let (near, far, wire) = pair(&mut random, case.kind);
    wire.stall(FAR, case.peer.stall);
    let released = CancellationToken::new();
    let peer = {
        let (script, released, performs) = (case.peer.clone(), released.clone(), case.tls);
        let mut far = far.into_stream();
        tokio::spawn(async move {
            let secured = match performs {
                Some(true) => tls::server().accept(&mut far, "client", Deadline::NEVER).await.ok(),
                _ => None,
            };
            (script.play(far, &released).await, secured.is_some())
        })
    };
    let out = Output::new(Format::Json, ColorChoice::Never, Verbosity::Normal);
    let (events, captured) = EventQueue::capture(out);
    let client = TlsClient { client: tls::client(), host: ServerName::localhost(), starttls: None };
    let session = Session {
        settings: case.settings,
        script: None,
        exec: None,
        tls: case.tls.map(|_| Tls::client(client, true)),
        observers: {
            let settings = ObserverSettings::default();
            Observers::open(&settings, out, events.clone(), WhenBlocked::Wait).unwrap()
        },
        events,
        reports_peer: true,
        stop: case.stop_rule,
    };
    let input = case.input.as_ref().map(InputScript::start);
    let (sink, written) = case.output.start(&mut random);
    let addr = Addr::of_process(Some(1), 0);
    let began = SimInstant::now();
    let stream = SessionStream {
        stream: near.into_stream(),
        conn: 1,
        peer: &addr,
        local: &addr,
        timeline: Timeline::since(Instant::now()),
        input: input.map(|(input, _)| input.into()),
        sink: &sink,
        fin: case.fin,
        handshake: Deadline::after(case.handshake),
        deadline: Deadline::after(case.deadline),
    };
    let report = session.run(stream, Deadline::maybe(case.stop).passed()).await;
    let took = began.elapsed();
    released.cancel();
    let (peer, is_secured) = peer.await.unwrap();
    note(&(&report, took, peer.end, is_secured, peer.received.len()));
    tokio::time::sleep(Duration::from_mins(5)).await;

    assert!(took <= case.deadline + SLACK, "the deadline was exceeded");
    let grace = case.stop.and_then(|stop| stop.checked_add(case.stop_rule.grace));
    assert!(grace.is_none_or(|grace| took <= grace + SLACK), "grace was exceeded");
    let Event::Closed { bytes_in, reason, .. } = &report.closed else { panic!("no closed event") };
    let all = case.input.as_ref().map_or(0, InputScript::len);
    let is_plain = case.tls.is_none();
    let got = if is_plain { wire.arrived(NEAR) } else { peer.received };
    if is_plain || is_secured {
        assert!(got == pattern(0, got.len()), "other bytes arrived than were sent");
    }
    let written = written.bytes();
    assert!(written == pattern(0, written.len()), "other bytes were written than were received");
    assert!(*bytes_in >= written.len() as u64);
    if case.tls == Some(false) {
        assert!(report.exit.is_err() || case.stop.is_some(), "a handshake without a peer");
    }
    let is_success = matches!(report.exit, Ok(Exit::Success));
    // The reader of the output may close it; nothing else that fails is a success.
    let is_clean = ["eof", "sent", "stopped"].contains(&reason.as_str());
    let is_closed = reason.starts_with("cannot write output");
    assert!(!is_success || is_clean || is_closed, "exit 0 after {reason:?}");
    assert!(is_success || !is_clean, "a failure after {reason:?}");
    let is_read = peer.end.is_some() || is_plain;
    if is_success && ["eof", "sent"].contains(&reason.as_str()) && !report.input_left && is_read {
        let ended = case.input.as_ref().is_none_or(|input| input.end == InputEnd::Eof);
        assert!(ended && got.len() == all, "exit 0, and {} of {all} bytes arrived", got.len());
    }
    if is_success && reason == "eof" && case.settings.receives {
        assert_eq!(written.len() as u64, *bytes_in, "received bytes were lost");
    }
    // A peer that got a clean end has everything, except after a stop or an idle input.
    if peer.end == Some(Ok(())) && case.kind == SimKind::Tcp && (is_plain || is_secured) {
        let is_whole = got.len() == all || case.stop.is_some() || !case.settings.half_open;
        assert!(is_whole, "a false FIN");
    }
    let secured = captured().iter().any(|event| matches!(event, Event::Secured { .. }));
    assert!(!secured || case.tls == Some(true), "a handshake without a peer");
    drop(Arc::new(session));
}
