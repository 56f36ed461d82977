//! Several streams that send one shared input.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::script::{InputEnd, InputScript, Production};
use crate::net::deadline::Deadline;
use crate::net::end::ExchangeEnd;
use crate::net::relay;
use crate::net::relay::buffers::BUFFERS;
use crate::net::relay::settings::{FinRule, LineEnds, RelaySettings, StopRule};
use crate::net::relay::shared_input::SharedInput;
use crate::net::relay::source::Source;
use crate::net::stream::sim::{
    FAR, NEAR, PeerEnd, PeerOutcome, PeerReads, PeerScript, Random, SimKind, Wire, note, pair,
    pattern, run_schedules,
};

/// The most bytes of one chunk, and those that the two sockets of a connection hold.
const LARGEST_CHUNK: usize = 1500;
const SOCKETS: usize = 2 * 4096;

/// How long a stalled client may delay the others, and how much longer a schedule may take for
/// other reasons, such as its slow network.
const CUT_OFF_AFTER: Duration = Duration::from_secs(31);
const SLACK: Duration = Duration::from_secs(30);

/// What happens in one schedule.
#[derive(Clone, Debug)]
struct SharedCase {
    input: InputScript,
    clients: Vec<SharedClient>,
    half_open: bool,
    grace: Duration,
    stop: Option<Duration>,
    deadline: Option<Duration>,
}

/// One client.
#[derive(Clone, Debug)]
struct SharedClient {
    /// When it connects.
    connects: Duration,
    kind: SimKind,
    peer: PeerScript,
}

impl SharedClient {
    /// Returns whether the client reads steadily and ends cleanly.
    fn is_steady(&self) -> bool {
        let stalls = self.peer.stall > Duration::from_secs(20);
        self.peer.reads == PeerReads::Steadily && self.peer.takes_everything() && !stalls
    }
}

impl SharedCase {
    fn random(random: &mut Random) -> Self {
        let input = InputScript::long(random, LARGEST_CHUNK);
        let clients = (0..random.between(1, 4)).map(|_| SharedClient {
            connects: random.moment().min(Duration::from_secs(3)),
            kind: if random.one_in(5) { SimKind::Unix } else { SimKind::Tcp },
            peer: PeerScript::random(random, 300),
        });
        let clients = clients.collect();
        let mut limit = |odds| random.one_in(odds).then(|| random.moment());
        let [stop, deadline] = [4, 8].map(&mut limit);
        // Nothing else ends a schedule with a peer that never closes.
        let deadline = deadline.unwrap_or(Duration::from_mins(5));
        let (half_open, grace) = (random.one_in(3), random.moment());
        Self { input, clients, half_open, grace, stop, deadline: Some(deadline) }
    }
}

/// What one client led to.
struct SharedOutcome {
    end: ExchangeEnd,
    ended: Instant,
    wire: Arc<Wire>,
    peer: PeerOutcome,
}

async fn serve(
    client: SharedClient,
    wires: (crate::net::stream::sim::SimSocket, crate::net::stream::sim::SimSocket, Arc<Wire>),
    shared: Arc<SharedInput>,
    settings: RelaySettings,
    stop: Deadline,
) -> SharedOutcome {
    sleep(client.connects).await;
    let (near, far, wire) = wires;
    wire.stall(FAR, client.peer.stall);
    let released = CancellationToken::new();
    let peer = {
        let (script, released) = (client.peer.clone(), released.clone());
        tokio::spawn(async move { script.play(far.into_stream(), &released).await })
    };
    let (mut near, mut source) = (near.into_stream(), Source::from(shared.subscribe()));
    let end = relay::run(&mut near, "peer", Some(&mut source), None, settings, stop.passed()).await;
    let ended = Instant::now();
    drop((near, source));
    released.cancel();
    let peer = peer.await.unwrap();
    sleep(Duration::from_mins(10)).await;
    SharedOutcome { end, ended, wire, peer }
}

fn check(case: &SharedCase, began: Instant, produced: &Production, outcomes: &[SharedOutcome]) {
    let first = case.clients.iter().map(|client| client.connects).min().unwrap();
    let stop = case.stop.map(|after| began + after);
    for (client, outcome) in case.clients.iter().zip(outcomes) {
        let SharedOutcome { end, ended, wire, peer } = outcome;
        let arrived = wire.arrived(NEAR);
        // The client gets everything from a chunk on that was not produced before it connected.
        let earlier = produced.before(began + client.connects);
        let starts = case
            .input
            .boundaries()
            .into_iter()
            .filter(|start| *start <= earlier && pattern(*start, arrived.len()) == arrived);
        let starts: Vec<usize> = starts.collect();
        assert!(!starts.is_empty(), "a client lacks bytes");
        if client.connects == first && arrived.len() > 250 {
            assert!(starts.contains(&0), "the first client lacks bytes");
        }
        let is_all = |start: &usize| start + arrived.len() == case.input.len();
        let is_whole = case.input.end == InputEnd::Eof && starts.iter().any(is_all);
        if end.is_complete() {
            assert!(wire.has_everything_arrived(NEAR), "the client lacks bytes");
        }
        match end {
            // A client that connects after the end of the input gets nothing.
            ExchangeEnd::Eof => assert!(is_whole || arrived.is_empty()),
            ExchangeEnd::CutOff => {
                assert!(case.clients.len() > 1, "a sole client was cut off");
                assert!(!client.is_steady(), "a client that reads was cut off");
                assert!(*ended >= began + client.connects + Duration::from_secs(30));
                assert!(wire.fin(NEAR).is_none_or(|fin| fin >= *ended), "FIN before the cut");
            }
            _ => {}
        }
        let has_fin = wire.has_fin_arrived(NEAR) && client.kind == SimKind::Tcp;
        if has_fin {
            let fin = wire.fin(NEAR).unwrap();
            let stopped = stop.is_some_and(|stop| stop <= fin);
            let peer_closed = wire.has_fin_arrived(FAR) && !case.half_open;
            assert!(is_whole || arrived.is_empty() || stopped || peer_closed, "a false FIN");
        }
        if peer.end == Some(Ok(())) && client.kind == SimKind::Tcp {
            assert!(has_fin, "the client took a part for everything");
        }
        let within = |limit: Option<Duration>| {
            let latest = limit.map(|limit| began + limit + Duration::from_millis(5));
            assert!(latest.is_none_or(|latest| *ended <= latest), "a limit was exceeded");
        };
        within(case.deadline.map(|deadline| deadline.max(client.connects)));
        within(case.stop.map(|stop| stop.max(client.connects) + case.grace));
    }
    check_pace(case, began, outcomes);
    if let [client] = &case.clients[..]
        && matches!(client.peer.reads, PeerReads::UpTo(_))
        && client.peer.end == PeerEnd::Never
    {
        let most = (2 * BUFFERS + 3) * LARGEST_CHUNK + SOCKETS;
        assert!(produced.before(outcomes[0].ended) <= most, "a queue is not bounded");
    }
}

/// No steady client waits longer for the others than until they are cut off.
fn check_pace(case: &SharedCase, began: Instant, outcomes: &[SharedOutcome]) {
    let is_measured = case
        .clients
        .iter()
        .all(|client| client.is_steady() || matches!(client.peer.reads, PeerReads::UpTo(_)));
    let is_sent = case.input.end == InputEnd::Eof && case.input.len() > 0;
    if !is_measured || case.stop.is_some() || !is_sent {
        return;
    }
    let stalled = case.clients.iter().filter(|client| !client.is_steady()).count();
    let limit = case.input.duration() + CUT_OFF_AFTER * u32::try_from(stalled).unwrap() + SLACK;
    for (client, outcome) in case.clients.iter().zip(outcomes) {
        if client.is_steady() && case.deadline.is_some_and(|deadline| deadline > limit) {
            let took = outcome.ended - began;
            assert!(took <= limit, "a client waited {took:?} for the others");
            assert!(outcome.end.is_complete(), "a steady client failed: {:?}", outcome.end);
        }
    }
}

/// Runs the schedules of a shared input.
pub(super) fn run_all(test: &str, runs: u64) {
    run_schedules(test, runs, |mut random| async move {
        let case = SharedCase::random(&mut random);
        note(&case);
        let began = Instant::now();
        let (input, produced) = case.input.start();
        let shared = Arc::new(SharedInput::start(input));
        let settings = RelaySettings {
            fin: FinRule::NonEmptyInputEnd,
            half_open: case.half_open,
            waits_for_peer: true,
            linger: None,
            line_ends: LineEnds::Unchanged,
            delay: None,
            idle: None,
            stop: StopRule { grace: case.grace, waits_for_peer: true },
            deadline: Deadline::maybe(case.deadline),
        };
        let stop = Deadline::maybe(case.stop);
        let clients = case.clients.iter().map(|client| {
            let wires = pair(&mut random, client.kind);
            tokio::spawn(serve(client.clone(), wires, Arc::clone(&shared), settings, stop))
        });
        let clients: Vec<_> = clients.collect();
        let mut outcomes = Vec::new();
        for client in clients {
            outcomes.push(client.await.unwrap());
        }
        let ends = outcomes.iter().map(|it| (&it.end, it.ended - began, &it.peer.end));
        note(&ends.collect::<Vec<_>>());
        check(&case, began, &produced, &outcomes);
    });
}
