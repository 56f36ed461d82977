//! Tests of the accept loop, with a service that the client controls.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::{Arc, mpsc as channel};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::net::accept::access::Access;
use crate::net::accept::listener::Listener;
use crate::net::accept::sim::SimServer;
use crate::net::address::addr::Addr;
use crate::net::deadline::Deadline;
use crate::net::runtime::runtime;
use crate::net::socket_options::SocketOptions;
use crate::net::stop::Stop;
use crate::net::stream::sim::{Random, SimKind, pair, tls};
use crate::net::tls::{HANDSHAKE_TIMEOUT, ServerName};

/// A service that echoes what it receives. It panics if that begins with `p`, settles if it begins
/// with `s`, and settles, echoes and closes if it begins with `c`; after echoing an `h`, it ignores
/// requests to leave.
struct TestService(channel::Sender<&'static str>);

impl Service for TestService {
    async fn handle(self: Arc<Self>, connection: Connection) {
        let Connection { mut stream, client } = connection;
        loop {
            let read = stream.read(|_, bytes| bytes.to_vec());
            let bytes = tokio::select! {
                bytes = read => bytes.unwrap_or_default(),
                reason = client.slot.leave() => {
                    if reason == LeaveReason::Evicted {
                        client.slot.close(&mut stream, self.refusal(), CLOSE_TIMEOUT).await;
                    }
                    return;
                }
            };
            match bytes.first() {
                None => return,
                Some(b'p') => panic!("on purpose"),
                Some(b's') => assert!(client.slot.settle()),
                Some(b'c') => {
                    assert!(client.slot.settle());
                    return client.slot.close(&mut stream, &bytes, CLOSE_TIMEOUT).await;
                }
                Some(_) => {}
            }
            stream.write_all(&bytes, Deadline::NEVER).await.ok();
            if bytes.starts_with(b"h") {
                std::future::pending::<()>().await;
            }
        }
    }

    fn notice(&self, notice: AcceptNotice) {
        let sent = self.0.send(match notice {
            AcceptNotice::AcceptFailed(_) => "accept failed",
            AcceptNotice::Denied(_) => "denied",
            AcceptNotice::Refused(_) => "refused",
            AcceptNotice::Full(_) => return,
            AcceptNotice::Evicted(_) => "evicted",
            AcceptNotice::NotServed(..) => "not served",
            AcceptNotice::NotSecured(_) => "not secured",
            AcceptNotice::Panicked(_) => "panicked",
            AcceptNotice::Stopping(_) => "stopping",
        });
        // Sending fails if the test has ended and dropped the receiver.
        sent.ok();
    }

    fn refusal(&self) -> &'static [u8] {
        b"no"
    }
}

/// Longer than any test runs.
const CLOSE_TIMEOUT: Duration = Duration::from_mins(2);

/// How many connections may wait for their clients to close.
const MAX_CLOSING: usize = 8;

struct Running {
    addr: SocketAddr,
    /// The address of the second listener.
    second_addr: SocketAddr,
    stop: Stop,
    notices: channel::Receiver<&'static str>,
    thread: thread::JoinHandle<ServeSummary>,
}

fn start(when_full: WhenFull, max_clients: usize, workers: usize, total: Option<u64>) -> Running {
    let listeners: Vec<_> =
        (0..2).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let addrs: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    for listener in &listeners {
        listener.set_nonblocking(true).unwrap();
    }
    let listeners = listeners.into_iter().map(Listener::Tcp).collect();
    let stop = Stop::new();
    let server_stop = stop.clone();
    let (sender, notices) = channel::channel();
    let grace = Duration::from_secs(20);
    let (access, options) = (Access::default(), SocketOptions::default());
    let settings = AcceptSettings {
        access,
        options,
        max_clients,
        when_full,
        total,
        grace,
        max_closing: MAX_CLOSING,
        tls: None,
        observe: None,
        workers,
    };
    let service = Arc::new(TestService(sender));
    let thread = thread::spawn(move || {
        runtime().unwrap().block_on(serve(listeners, settings, server_stop, service)).unwrap()
    });
    Running { addr: addrs[0], second_addr: addrs[1], stop, notices, thread }
}

impl Running {
    fn client(&self) -> std::net::TcpStream {
        Self::client_of(self.addr)
    }

    fn client_of(addr: SocketAddr) -> std::net::TcpStream {
        let client = std::net::TcpStream::connect(addr).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client
    }

    fn notice(&self) -> &'static str {
        self.notices.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    fn end(self) -> ServeSummary {
        self.stop.request();
        self.thread.join().unwrap()
    }
}

fn send(mut client: &std::net::TcpStream, byte: u8) {
    client.write_all(&[byte]).unwrap();
}

/// Returns the next byte; `None` after EOF or a reset.
fn receive(mut client: &std::net::TcpStream) -> Option<u8> {
    let mut byte = [0];
    match client.read(&mut byte) {
        Ok(1..) => Some(byte[0]),
        Ok(0) => None,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
        Err(error) => panic!("{error}"),
    }
}

fn echo(client: &std::net::TcpStream, byte: u8) {
    send(client, byte);
    assert_eq!(receive(client), Some(byte));
}

#[test]
fn a_handler_that_panics_ends_only_its_own_client() {
    for workers in [1, 3] {
        let server = start(WhenFull::Wait, 2, workers, None);
        let good = server.client();
        for _ in 0..10 {
            let bad = server.client();
            send(&bad, b'p');
            assert_eq!(receive(&bad), None);
            assert_eq!(server.notice(), "panicked");
            echo(&good, b'x');
        }
        // One of the two slots was taken ten times and released each time.
        assert_eq!(server.end().clients, 11);
    }
}

#[test]
fn connections_are_distributed_to_the_workers_and_all_are_served() {
    let server = start(WhenFull::Wait, 100, 3, None);
    let clients: Vec<_> = (0..50).map(|_| server.client()).collect();
    for client in clients.iter().rev() {
        echo(client, b'x');
    }
    assert_eq!(server.end(), ServeSummary { clients: 50, cut_off: 0, lost: 0 });
}

#[test]
fn a_full_server_queues_refuses_or_evicts_as_configured() {
    let server = start(WhenFull::Wait, 1, 1, None);
    let first = server.client();
    echo(&first, b'x');
    let second = server.client();
    send(&second, b'y');
    drop(first);
    assert_eq!(receive(&second), Some(b'y'));
    server.end();

    let server = start(WhenFull::Refuse, 1, 1, None);
    let first = server.client();
    echo(&first, b'x');
    let second = server.client();
    assert_eq!(
        (receive(&second), receive(&second), receive(&second)),
        (Some(b'n'), Some(b'o'), None)
    );
    assert_eq!(server.notice(), "refused");
    echo(&first, b'x');
    server.end();

    let server = start(WhenFull::Evict, 2, 1, None);
    let (settled, oldest) = (server.client(), server.client());
    echo(&settled, b's');
    echo(&oldest, b'x');
    let next = server.client();
    echo(&next, b'x');
    assert_eq!(server.notice(), "evicted");
    assert_eq!((receive(&oldest), receive(&oldest)), (Some(b'n'), Some(b'o')));
    // Otherwise the server would wait for it until the end of the grace period.
    drop(oldest);
    echo(&settled, b'x');
    // Both clients have settled, so neither can be evicted.
    echo(&next, b's');
    let late = server.client();
    assert_eq!(receive(&late), Some(b'n'));
    assert_eq!(server.notice(), "refused");
    server.end();
}

#[test]
fn a_client_of_any_listener_waits_while_the_server_is_full() {
    let server = start(WhenFull::Wait, 1, 1, None);
    let first = server.client();
    echo(&first, b'x');
    let second = Running::client_of(server.second_addr);
    send(&second, b'y');
    // By the time the first client is answered again, the second listener has accepted `second`.
    echo(&first, b'x');
    drop(first);
    assert_eq!(receive(&second), Some(b'y'));
    assert!(server.notices.try_recv().is_err(), "a client was refused");
    server.end();
}

#[test]
fn after_the_total_number_of_clients_the_port_is_closed_and_the_run_ends() {
    let server = start(WhenFull::Wait, 10, 1, Some(2));
    let clients = [server.client(), server.client()];
    for client in &clients {
        echo(client, b'x');
    }
    let refused = std::net::TcpStream::connect(server.addr).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    drop(clients);
    assert_eq!(server.thread.join().unwrap().clients, 2);
}

#[test]
fn a_stop_asks_all_clients_to_leave_and_a_second_stop_does_not_wait() {
    let server = start(WhenFull::Wait, 10, 3, None);
    let clients: Vec<_> = (0..6).map(|_| server.client()).collect();
    for client in &clients {
        echo(client, b'x');
    }
    server.stop.request();
    assert_eq!(server.notice(), "stopping");
    assert!(clients.iter().all(|client| receive(client).is_none()));
    let end = server.thread.join().unwrap();
    assert_eq!(end, ServeSummary { clients: 6, cut_off: 0, lost: 0 });

    let server = start(WhenFull::Wait, 10, 1, None);
    let client = server.client();
    echo(&client, b'h');
    // Without a second stop, this client would stay for the 20 s of the grace period.
    server.stop.request();
    assert_eq!(server.notice(), "stopping");
    server.stop.request();
    let end = server.thread.join().unwrap();
    assert_eq!(end, ServeSummary { clients: 1, cut_off: 1, lost: 0 });
}

#[test]
fn a_client_that_does_not_close_after_its_last_reply_takes_no_slot() {
    for when_full in [WhenFull::Wait, WhenFull::Refuse, WhenFull::Evict] {
        let server = start(when_full, 1, 1, None);
        let mut open = Vec::new();
        for _ in 0..3 * MAX_CLOSING {
            let client = server.client();
            echo(&client, b'c');
            assert_eq!(receive(&client), None);
            open.push(client);
        }
        let client = server.client();
        echo(&client, b'x');
        drop((client, open));
        assert_eq!(server.end().clients, 3 * MAX_CLOSING as u64 + 1);
    }
}

#[test]
fn only_a_limited_number_of_connections_wait_for_their_clients_to_close() {
    for workers in [1, 3] {
        let server = start(WhenFull::Evict, 1, workers, None);
        let closing_client = || {
            let client = server.client();
            echo(&client, b'c');
            assert_eq!(receive(&client), None);
            client
        };
        let mut closing: Vec<_> = (0..MAX_CLOSING).map(|_| closing_client()).collect();
        // One more was evicted and one has been answered: both are closed at once.
        let evicted = server.client();
        echo(&evicted, b'x');
        let answered = closing_client();
        assert_eq!((receive(&evicted), receive(&evicted)), (Some(b'n'), Some(b'o')));
        assert_eq!(receive(&evicted), None);
        assert!([evicted, answered].iter().all(is_reset_after_more_data));
        // The others are not. When one of them closes, another connection can wait.
        assert!(closing.iter().all(is_still_read));
        drop(closing.pop());
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_still_read(&closing_client()) {
            assert!(Instant::now() < deadline);
        }
        drop(closing);
        server.end();
    }
}

/// Returns whether the server has closed its socket: the kernel then resets the connection when
/// more data arrives.
fn is_reset_after_more_data(mut client: &std::net::TcpStream) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if client.write_all(b"y").is_err() {
            return true;
        }
        thread::sleep(Duration::from_millis(1));
    }
    false
}

/// Returns whether the server still reads what the client sends, after its own FIN.
fn is_still_read(mut client: &std::net::TcpStream) -> bool {
    let written = (0..5).all(|_| {
        thread::sleep(Duration::from_millis(2));
        client.write_all(b"y").is_ok()
    });
    written && client.take_error().unwrap().is_none()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_completes_its_handshake_is_disconnected_and_occupies_no_slot() {
    let (sender, notices) = channel::channel();
    let (service, secure) = (Arc::new(TestService(sender)), Some(tls::server()));
    let limits = (1, MAX_CLOSING);
    let server = SimServer::start(service, limits, WhenFull::Refuse, CLOSE_TIMEOUT, secure);
    let mut random = Random::new(0);
    let mut connect = || {
        let (near, far, _) = pair(&mut random, SimKind::Tcp);
        server.connect(near, Addr::unnamed());
        far.into_stream()
    };
    let (mut silent, connected) = (connect(), tokio::time::Instant::now());
    let end = silent.read(|_, bytes| bytes.len()).await;
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let took = connected.elapsed();
    assert!((HANDSHAKE_TIMEOUT..HANDSHAKE_TIMEOUT * 2).contains(&took), "{took:?}");
    let mut next = connect();
    let host = ServerName::localhost();
    tls::client().connect(&mut next, &host, "server", Deadline::NEVER).await.unwrap();
    next.write_all(b"at last", Deadline::NEVER).await.unwrap();
    assert_eq!(next.read(|_, bytes| bytes.to_vec()).await.unwrap(), b"at last");
    assert_eq!(notices.try_iter().collect::<Vec<_>>(), ["not secured"]);
}
