//! Datagrams with one peer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::exit::Exit;
use crate::net::address::endpoint::{Address, Endpoint, LocalAddress};
use crate::net::address::names::{self, NameError};
use crate::net::datagram::{
    self, DatagramCounts, DatagramEnd, DatagramSocket, DatagramTarget, ExchangeSettings, OpenError,
    Outgoing, Split,
};
use crate::net::error::{ConnectAttempt, Span};
use crate::net::relay::Sink;
use crate::net::stream::observer::StreamObserver;
use crate::net::{self, Deadline};
use crate::options::dial::DialArgs;
use crate::output::{Event, Events, Output};
use crate::session;
use crate::session::datagrams::DatagramIo;
use crate::session::outcome;
use crate::session::settings::SessionSettings;
use crate::session::signals::SignalWatch;

/// How long answers are waited for after our input's end, where nothing else is asked for.
const LINGER: Duration = Duration::from_secs(1);

/// How long a refusal may take to come back where no answer is waited for: a round trip.
const REFUSAL: Duration = Duration::from_millis(250);

/// One peer to exchange datagrams with, and how.
pub(super) struct DatagramExchange<'a> {
    /// The peer.
    pub(super) endpoint: &'a Endpoint,
    /// The options for reaching it.
    pub(super) dial: &'a DialArgs,
    /// When the exchange must be over.
    pub(super) whole: Deadline,
    /// How it goes.
    pub(super) settings: SessionSettings,
    /// How the input becomes datagrams; none for the default.
    pub(super) split: Option<Split>,
}

/// Talks to the first of the peer's addresses that does not refuse: UDP says so, if at all, only
/// once something was sent, which the next address then gets as well.
///
/// # Errors
/// The peer has no address or refuses on all of them, or it does not end in order.
pub(crate) async fn connect(
    exchange: &DatagramExchange<'_>,
    ends: DatagramIo,
) -> anyhow::Result<Exit> {
    let DatagramIo { source, sink, mut tap, events, out, interactive } = ends;
    let mut outbox = session::datagrams::outgoing(source, exchange.split, &exchange.settings);
    let mut targets = exchange.targets().await?;
    let tells = interactive || out.is_verbose() || out.is_json();
    let mut attempts = Vec::new();
    let mut is_prompted = false;
    let began = Instant::now();
    let since = |started| Some(Span { started, ended: began.elapsed() });
    while let Some(target) = targets.pop_front() {
        let tried = began.elapsed();
        let (peer, failure) = match target {
            DatagramTarget::Net(addr) => (net::Addr::from(addr), exchange.open(target)),
            DatagramTarget::Unix(place) => (place.addr(), exchange.open(target)),
        };
        let socket = match failure {
            Ok(socket) => socket,
            Err(OpenError::Own(error)) => return Err(error.into()),
            Err(OpenError::Peer(error)) => {
                attempts.push(ConnectAttempt { addr: peer, error, span: since(tried) });
                continue;
            }
        };
        let name = peer.to_string();
        if tells {
            let local = socket.local().to_string();
            events.deliver(Event::Connected { peer: name.clone(), local })?;
        }
        if interactive && !std::mem::replace(&mut is_prompted, true) {
            out.prompt();
        }
        let conversation = PeerExchange { exchange, socket: &socket, peer: &name, sink: &sink };
        let started = Instant::now();
        let (counts, end, signal) = conversation.run(&mut outbox, &mut tap).await?;
        let is_over = !matches!(end, DatagramEnd::Refused(_)) || counts.datagrams_in > 0;
        if interactive && (is_over || targets.is_empty()) {
            out.end_conversation();
        }
        if tells {
            tell_closed(&events, &name, counts, started, &end);
        }
        match end {
            DatagramEnd::Refused(error) if !is_over => {
                out.detail(&format!("{name} {}", crate::reason::of(&error)));
                attempts.push(ConnectAttempt { addr: peer, error, span: since(tried) });
                if !outbox.rewind() {
                    break;
                }
            }
            end => {
                exchange.tell_silence(out, counts, &end);
                let exit = outcome::finish_datagrams(end, &name)?;
                return Ok(signal.unwrap_or(exit));
            }
        }
    }
    let target = exchange.endpoint.to_string();
    Err(net::Error::Connect { target, attempts, timed_out: false }.into())
}

fn tell_closed(
    events: &Events,
    peer: &str,
    counts: DatagramCounts,
    started: Instant,
    end: &DatagramEnd,
) {
    let (counts, lasted) = (outcome::byte_counts(counts), started.elapsed());
    events.send(outcome::closed_because(peer, counts, lasted, end.to_string()));
}

impl<'a> DatagramExchange<'a> {
    /// The addresses to try, in order.
    async fn targets(&self) -> Result<VecDeque<DatagramTarget<'a>>, net::Error> {
        let (host, port) = match &self.endpoint.address {
            Address::Unix(place) => return Ok(VecDeque::from([DatagramTarget::Unix(place)])),
            Address::Net(host, port) => (host, port),
        };
        let failed = |source| net::Error::Name { name: host.to_string(), source };
        let by = self.whole.earlier(Deadline::maybe(self.dial.connect_timeout()));
        let found = names::resolve(host, port.0, self.dial.family(), by).await;
        let mut addrs: Vec<SocketAddr> = found.map_err(failed)?;
        if let Some(LocalAddress::Net(from)) = self.dial.from() {
            addrs.retain(|addr| addr.is_ipv4() == from.is_ipv4());
        }
        if addrs.is_empty() {
            return Err(failed(NameError::NoneOfFamily));
        }
        Ok(addrs.into_iter().map(DatagramTarget::Net).collect())
    }

    fn open(&self, target: DatagramTarget<'_>) -> Result<DatagramSocket, OpenError> {
        DatagramSocket::connected(target, self.dial.from(), self.dial.socket_options())
    }

    /// How long to wait after our input's end; none for ever.
    fn linger(&self) -> Option<Duration> {
        let asked = self.settings.linger;
        let default = match (self.settings.sends, self.settings.receives) {
            (true, true) => Some(LINGER),
            (true, false) => Some(REFUSAL),
            (false, _) => None,
        };
        asked.or(default)
    }

    /// Says what a success does not: that UDP tells nobody whether anything arrived.
    fn tell_silence(&self, out: Output, counts: DatagramCounts, end: &DatagramEnd) {
        let is_of_interest = matches!(end, DatagramEnd::Quiet) && self.settings.receives;
        if !is_of_interest || counts.datagrams_in > 0 || !self.settings.sends {
            return;
        }
        let waited = self.linger().unwrap_or_default();
        let is_net = matches!(self.endpoint.address, Address::Net(..));
        out.note(&match (counts.datagrams_out, is_net) {
            (0, _) => "standard input was empty: nothing was sent".to_owned(),
            (_, true) => format!(
                "no answer came within {waited:?}; UDP does not say whether anything arrived"
            ),
            (_, false) => format!("no answer came within {waited:?}"),
        });
    }
}

/// The talk with one of the addresses.
struct PeerExchange<'a> {
    exchange: &'a DatagramExchange<'a>,
    socket: &'a DatagramSocket,
    peer: &'a str,
    sink: &'a Sink,
}

impl PeerExchange<'_> {
    async fn run(
        &self,
        outbox: &mut Outgoing,
        tap: &mut Option<Box<dyn StreamObserver>>,
    ) -> anyhow::Result<(DatagramCounts, DatagramEnd, Option<Exit>)> {
        let DatagramExchange { settings, whole, .. } = self.exchange;
        let policy = ExchangeSettings {
            linger: self.exchange.linger(),
            idle: settings.idle,
            deadline: *whole,
            receive: settings.receives,
        };
        // A signal ends a client the way it ends any program, unless there is something to remove.
        let interrupt = self.socket.has_file().then(SignalWatch::watch).transpose();
        let interrupt = interrupt
            .map_err(|source| net::Error::System { operation: "watch for signals", source })?;
        let stop = async {
            match &interrupt {
                Some(interrupt) => interrupt.stop().draining().await,
                None => std::future::pending().await,
            }
        };
        let (socket, peer, sink) = (self.socket, self.peer, self.sink);
        let talked = datagram::converse(socket, peer, outbox, sink, policy, tap, stop).await;
        let signal = interrupt.and_then(|interrupt| interrupt.exit());
        Ok((talked.0, talked.1, signal))
    }
}
