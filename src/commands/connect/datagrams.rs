//! `connect` for datagrams: an exchange with one peer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::allowance::Allowance;
use crate::exit::Exit;
use crate::net::address::endpoint::{Address, Endpoint, LocalAddress};
use crate::net::address::names::{self, NameError};
use crate::net::datagram::{
    self, DatagramCounts, DatagramObserver, DatagramSocket, DatagramTarget, ExchangePeer,
    ExchangeSettings, OpenError, Outgoing, Split,
};
use crate::net::error::{ConnectAttempt, Span, destination_reason};
use crate::net::relay::Sink;
use crate::net::{self, Deadline, ExchangeEnd, Stop};
use crate::options::dial::DialArgs;
use crate::output::{Event, Events};
use crate::session;
use crate::session::datagrams::DatagramIo;
use crate::session::outcome;
use crate::session::settings::SessionSettings;
use crate::session::standard_io;
use crate::session::terminal::{self, until};

/// After the input ends, how long to wait for replies unless `--linger` sets it.
const LINGER: Duration = Duration::from_secs(1);

/// With `--send-only`, how long to wait after the input ends for a refusal, such as an ICMP error.
const PEER_REFUSAL_TIMEOUT: Duration = Duration::from_millis(250);

/// The peer of an exchange, and its settings.
pub(super) struct DatagramExchange<'a> {
    /// The peer.
    pub(super) endpoint: &'a Endpoint,
    /// The options for reaching the peer.
    pub(super) dial: &'a DialArgs,
    /// The deadline of the whole run.
    pub(super) deadline: Deadline,
    /// The options of the session.
    pub(super) settings: SessionSettings,
    /// How the input is divided into datagrams; `None` for the default.
    pub(super) split: Option<Split>,
    /// After a timeout or a stop, how long an output that blocks may delay the end.
    pub(super) allowance: &'static Allowance,
}

/// Exchanges datagrams with the first of the peer's addresses that does not refuse them. An address
/// can refuse only after something was sent to it; the next address then receives the same data.
///
/// # Errors
/// The peer has no address, all of its addresses refuse, or the exchange fails.
pub(crate) async fn connect(
    exchange: &DatagramExchange<'_>,
    io: DatagramIo,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let DatagramIo { source, sink, mut observer, events, out, interactive } = io;
    let mut outgoing = session::datagrams::outgoing(source, exchange.split, &exchange.settings);
    let Some(targets) = until(stop, exchange.targets()).await.transpose()? else {
        return Ok(Exit::Success);
    };
    let mut targets = targets;
    let reports_peer = interactive || out.is_verbose() || out.is_json();
    let mut attempts = Vec::new();
    let mut is_prompted = false;
    let began = Instant::now();
    let since = |started| Some(Span { started, ended: began.elapsed() });
    while let Some(target) = targets.pop_front() {
        let tried = began.elapsed();
        let (peer, opened) = match target {
            DatagramTarget::Net(addr) => (net::Addr::from(addr), exchange.open(target)),
            DatagramTarget::Unix(place) => (place.addr(), exchange.open(target)),
        };
        let socket = match opened {
            Ok(socket) => socket,
            Err(OpenError::Local(error)) => return Err(error.into()),
            Err(OpenError::Peer(error)) => {
                attempts.push(ConnectAttempt { addr: peer, error, span: since(tried) });
                continue;
            }
        };
        let name = peer.to_string();
        if reports_peer {
            let local = socket.local().to_string();
            let connected = Event::Connected { peer: name.clone(), local, name: None };
            if !interactive && !out.is_json() {
                events.send(connected);
            } else {
                let announced =
                    terminal::announce(&events, connected, &name, exchange.deadline, stop);
                if announced.await?.is_none() {
                    return Ok(Exit::Success);
                }
            }
        }
        if interactive && !std::mem::replace(&mut is_prompted, true) {
            until(stop, exchange.deadline.bound(events.prompt())).await;
        }
        let peer_exchange = PeerExchange {
            exchange,
            socket: &socket,
            peer: &name,
            sink: &sink,
            events: &events,
            stop,
        };
        let started = Instant::now();
        let (counts, end) = peer_exchange.run(&mut outgoing, &mut observer).await;
        let is_over = !matches!(end, ExchangeEnd::Refused(_)) || counts.datagrams_in > 0;
        if interactive && (is_over || targets.is_empty()) {
            events.end_session();
        }
        if reports_peer {
            report_closed(&events, &name, counts, started, &end);
        }
        match end {
            ExchangeEnd::Refused(error) if !is_over => {
                events.detail(&format!("{name} {}", destination_reason(&peer, &error)));
                attempts.push(ConnectAttempt { addr: peer, error, span: since(tried) });
                if !outgoing.rewind() {
                    break;
                }
            }
            end => {
                exchange.note_missing_reply(&events, counts, &end);
                return standard_io::check_written(&sink, &events, outcome::exit_of(end, &name));
            }
        }
    }
    let target = exchange.endpoint.to_string();
    Err(net::Error::Connect { target, attempts, timed_out: false }.into())
}

fn report_closed(
    events: &Events,
    peer: &str,
    counts: DatagramCounts,
    started: Instant,
    end: &ExchangeEnd,
) {
    let (counts, lasted) = (outcome::byte_counts(counts), started.elapsed());
    events.send(outcome::closed_because(peer, counts, lasted, end.to_string()));
}

impl<'a> DatagramExchange<'a> {
    /// Returns the addresses to try, in order.
    async fn targets(&self) -> Result<VecDeque<DatagramTarget<'a>>, net::Error> {
        let (host, port) = match &self.endpoint.address {
            Address::Unix(place) => return Ok(VecDeque::from([DatagramTarget::Unix(place)])),
            Address::Net(host, port) => (host, port),
        };
        let failed = |source| net::Error::Name { name: host.to_string(), source };
        let deadline = self.deadline.earlier(Deadline::maybe(self.dial.connect_timeout()));
        let found = names::resolve(host, port.0, self.dial.family(), deadline).await;
        let mut addrs: Vec<SocketAddr> = found.map_err(failed)?;
        if let Some(LocalAddress::Net(from)) = self.dial.from() {
            addrs.retain(|addr| from.family().admits(addr.ip()));
        }
        if addrs.is_empty() {
            return Err(failed(NameError::NoneOfFamily));
        }
        Ok(addrs.into_iter().map(DatagramTarget::Net).collect())
    }

    fn open(&self, target: DatagramTarget<'_>) -> Result<DatagramSocket, OpenError> {
        DatagramSocket::connected(target, self.dial.from(), self.dial.socket_options())
    }

    /// Returns how long to wait after the input ends; `None` for no limit.
    fn linger(&self) -> Option<Duration> {
        let default = match (self.settings.sends, self.settings.receives) {
            (true, true) => Some(LINGER),
            (true, false) => Some(PEER_REFUSAL_TIMEOUT),
            (false, _) => None,
        };
        self.settings.linger.or(default)
    }

    /// Notes that no reply was received: the exit code is 0, but does not prove that the peer
    /// received the data.
    fn note_missing_reply(&self, events: &Events, counts: DatagramCounts, end: &ExchangeEnd) {
        let expects_reply = self.settings.sends && self.settings.receives;
        if !expects_reply || counts.datagrams_in > 0 || !matches!(end, ExchangeEnd::Quiet) {
            return;
        }
        let waited = self.linger().unwrap_or_default();
        let is_net = matches!(self.endpoint.address, Address::Net(..));
        events.note(&match (counts.datagrams_out, is_net) {
            (0, _) => "standard input was empty; nothing was sent".to_owned(),
            (_, true) => format!(
                "no reply within {waited:?}; UDP does not report whether the peer received the data"
            ),
            (_, false) => format!("no reply within {waited:?}"),
        });
    }
}

/// An exchange with one of the peer's addresses.
struct PeerExchange<'a> {
    exchange: &'a DatagramExchange<'a>,
    socket: &'a DatagramSocket,
    peer: &'a str,
    sink: &'a Sink,
    events: &'a Events,
    stop: &'a Stop,
}

impl PeerExchange<'_> {
    async fn run(
        &self,
        outgoing: &mut Outgoing,
        observer: &mut Option<Box<dyn DatagramObserver>>,
    ) -> (DatagramCounts, ExchangeEnd) {
        let DatagramExchange { settings, deadline, .. } = self.exchange;
        let exchange_settings = ExchangeSettings {
            linger: self.exchange.linger(),
            idle: settings.idle,
            deadline: *deadline,
            receive: settings.receives,
            allowance: self.exchange.allowance,
        };
        datagram::exchange_datagrams(
            self.socket,
            ExchangePeer {
                name: self.peer,
                member_found: &|member| self.events.note(&format!("answer from {member}")),
            },
            outgoing,
            self.sink,
            exchange_settings,
            observer,
            self.stop.draining(),
        )
        .await
    }
}
