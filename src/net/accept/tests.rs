//! The accept loop with a service of every mood.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::{Arc, mpsc as channel};
use std::thread;
use std::time::Duration;

use super::*;
use crate::net::accept::access::Access;
use crate::net::accept::listener::Listener;
use crate::net::deadline::Deadline;
use crate::net::runtime::runtime;
use crate::net::socket_options::SocketOptions;
use crate::net::stop::Stop;
use crate::net::stream;

/// Panics at `p`, settles at `s`, hangs on after `h`, echoes anything else.
struct Moody(channel::Sender<&'static str>);

impl Service for Moody {
    async fn handle(self: Arc<Self>, connection: Connection) {
        loop {
            let read = stream::read(&connection.stream, <[u8]>::to_vec);
            let bytes = tokio::select! {
                bytes = read => bytes.unwrap_or_default(),
                why = connection.seat.leave() => {
                    if why == LeaveReason::Evicted {
                        stream::write_now(&connection.stream, self.refusal()).ok();
                    }
                    return;
                }
            };
            match bytes.first() {
                None => return,
                Some(b'p') => panic!("on purpose"),
                Some(b's') => assert!(connection.seat.settle()),
                Some(_) => {}
            }
            stream::write_all(&connection.stream, &bytes, Deadline::NEVER).await.ok();
            if bytes.starts_with(b"h") {
                std::future::pending::<()>().await;
            }
        }
    }

    fn notice(&self, notice: AcceptNotice) {
        let told = self.0.send(match notice {
            AcceptNotice::AcceptFailed(_) => "accept failed",
            AcceptNotice::Denied(_) => "denied",
            AcceptNotice::Refused(_) => "refused",
            AcceptNotice::Evicted(_) => "evicted",
            AcceptNotice::Panicked(_) => "panicked",
            AcceptNotice::Stopping(_) => "stopping",
        });
        // A test that has seen enough has dropped its end.
        told.ok();
    }

    fn refusal(&self) -> &'static [u8] {
        b"no"
    }
}

struct Running {
    addr: SocketAddr,
    /// Its second door.
    other: SocketAddr,
    stop: Stop,
    notices: channel::Receiver<&'static str>,
    thread: thread::JoinHandle<ServeSummary>,
}

fn start(when_full: WhenFull, max_clients: usize, workers: usize, total: Option<u64>) -> Running {
    let listeners: Vec<_> =
        (0..2).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let addrs: Vec<_> = listeners.iter().map(|door| door.local_addr().unwrap()).collect();
    for listener in &listeners {
        listener.set_nonblocking(true).unwrap();
    }
    let listeners = listeners.into_iter().map(Listener::Tcp).collect();
    let stop = Stop::new();
    let asked = stop.clone();
    let (sender, notices) = channel::channel();
    let grace = Duration::from_secs(20);
    let (access, options) = (Access::default(), SocketOptions::default());
    let rules = AcceptSettings { access, options, max_clients, when_full, total, grace, workers };
    let service = Arc::new(Moody(sender));
    let thread = thread::spawn(move || {
        runtime().unwrap().block_on(serve(listeners, rules, asked, service)).unwrap()
    });
    Running { addr: addrs[0], other: addrs[1], stop, notices, thread }
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

fn say(mut client: &std::net::TcpStream, byte: u8) {
    client.write_all(&[byte]).unwrap();
}

/// What comes back: a byte, or nothing at the end of the connection.
fn hear(mut client: &std::net::TcpStream) -> Option<u8> {
    let mut byte = [0];
    match client.read(&mut byte) {
        Ok(1..) => Some(byte[0]),
        Ok(0) => None,
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => None,
        Err(error) => panic!("{error}"),
    }
}

fn talk(client: &std::net::TcpStream, byte: u8) {
    say(client, byte);
    assert_eq!(hear(client), Some(byte));
}

#[test]
fn a_handler_that_panics_costs_its_own_client_only() {
    for workers in [1, 3] {
        let server = start(WhenFull::Wait, 2, workers, None);
        let good = server.client();
        for _ in 0..10 {
            let bad = server.client();
            say(&bad, b'p');
            assert_eq!(hear(&bad), None);
            assert_eq!(server.notice(), "panicked");
            talk(&good, b'x');
        }
        // Ten times one of two places was taken, and each time given back.
        assert_eq!(server.end().clients, 11);
    }
}

#[test]
fn connections_are_shared_among_workers_and_all_served() {
    let server = start(WhenFull::Wait, 100, 3, None);
    let clients: Vec<_> = (0..50).map(|_| server.client()).collect();
    for client in clients.iter().rev() {
        talk(client, b'x');
    }
    assert_eq!(server.end(), ServeSummary { clients: 50, cut_off: 0, forced: false });
}

#[test]
fn a_full_server_waits_refuses_or_throws_out_as_it_was_told() {
    let server = start(WhenFull::Wait, 1, 1, None);
    let first = server.client();
    talk(&first, b'x');
    let second = server.client();
    say(&second, b'y');
    drop(first);
    assert_eq!(hear(&second), Some(b'y'));
    server.end();

    let server = start(WhenFull::Refuse, 1, 1, None);
    let first = server.client();
    talk(&first, b'x');
    let second = server.client();
    assert_eq!((hear(&second), hear(&second), hear(&second)), (Some(b'n'), Some(b'o'), None));
    assert_eq!(server.notice(), "refused");
    talk(&first, b'x');
    server.end();

    let server = start(WhenFull::Evict, 2, 1, None);
    let (settled, oldest) = (server.client(), server.client());
    talk(&settled, b's');
    talk(&oldest, b'x');
    let next = server.client();
    talk(&next, b'x');
    assert_eq!(server.notice(), "evicted");
    assert_eq!((hear(&oldest), hear(&oldest)), (Some(b'n'), Some(b'o')));
    talk(&settled, b'x');
    // Whoever has settled stays: now there is nobody to throw out.
    talk(&next, b's');
    let late = server.client();
    assert_eq!(hear(&late), Some(b'n'));
    assert_eq!(server.notice(), "refused");
    server.end();
}

#[test]
fn a_full_server_waits_whichever_door_the_next_client_comes_to() {
    let server = start(WhenFull::Wait, 1, 1, None);
    let first = server.client();
    talk(&first, b'x');
    let second = Running::client_of(server.other);
    say(&second, b'y');
    // Its door has seen it by the time the first one is answered again.
    talk(&first, b'x');
    drop(first);
    assert_eq!(hear(&second), Some(b'y'));
    assert!(server.notices.try_recv().is_err(), "somebody was refused");
    server.end();
}

#[test]
fn after_the_last_of_a_number_of_clients_the_port_is_closed_and_the_run_ends() {
    let server = start(WhenFull::Wait, 10, 1, Some(2));
    let clients = [server.client(), server.client()];
    for client in &clients {
        talk(client, b'x');
    }
    let refused = std::net::TcpStream::connect(server.addr).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    drop(clients);
    assert_eq!(server.thread.join().unwrap().clients, 2);
}

#[test]
fn a_stop_lets_everybody_leave_and_a_second_one_does_not_wait() {
    let server = start(WhenFull::Wait, 10, 3, None);
    let clients: Vec<_> = (0..6).map(|_| server.client()).collect();
    for client in &clients {
        talk(client, b'x');
    }
    server.stop.request();
    assert_eq!(server.notice(), "stopping");
    assert!(clients.iter().all(|client| hear(client).is_none()));
    let end = server.thread.join().unwrap();
    assert_eq!(end, ServeSummary { clients: 6, cut_off: 0, forced: false });

    let server = start(WhenFull::Wait, 10, 1, None);
    let client = server.client();
    talk(&client, b'h');
    // It hangs on, for the twenty seconds of grace, if nobody insists.
    server.stop.request();
    assert_eq!(server.notice(), "stopping");
    server.stop.request();
    let end = server.thread.join().unwrap();
    assert_eq!(end, ServeSummary { clients: 1, cut_off: 1, forced: true });
}
