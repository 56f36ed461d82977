//! Which clients `listen` accepts, how many at once, and what they leave behind.

use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};

use crate::support::procfs::Process;
use crate::support::{Client, eventually, sockkit};

#[test]
fn e20b_allow_and_deny_match_ipv4_clients_of_a_dual_stack_listener() {
    for (rules, comes_in) in [
        ("--allow 127.0.0.1", true),
        ("--allow 127.0.0.0/8 --deny 127.0.0.2", true),
        ("--allow 192.0.2.0/24", false),
        ("--deny 127.0.0.1", false),
        ("--allow 127.0.0.1 --deny 127.0.0.0/8", false),
    ] {
        let listen = sockkit(&format!("listen 0 --public --keep-open {rules}")).serve();
        let mut client = Client::connect(([127, 0, 0, 1], listen.addr.port()).into());
        let addr = client.stream.local_addr().unwrap();
        if comes_in {
            client.send(b"x");
            listen.running.stdout.wait_for_text("x");
        } else {
            assert_eq!(client.read_to_end(), b"");
            listen.running.stderr.wait_for_text(&format!("refused {addr}"));
        }
        listen.stop().code(0);
    }
}

#[test]
fn e21_without_free_descriptors_listen_idles_and_recovers() {
    const CLIENTS: usize = 20;
    let listen = sockkit("listen 0 --keep-open -4").serve();
    let process = Process::of(&listen.running);
    let pid = Pid::from_raw(i32::try_from(listen.running.pid()).unwrap());
    let mut clients = vec![listen.client()];
    clients[0].send(b"first\n");
    listen.running.stdout.wait_for_text("first\n");
    // The limit allows three more descriptors for twenty clients.
    let current = Some(process.descriptors() as u64 + 3);
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    prlimit(pid, Resource::Nofile, Rlimit { current, maximum }).unwrap();
    clients.extend((1..CLIENTS).map(|_| listen.client()));
    for client in &mut clients {
        client.send(b"hello\n");
    }
    listen.running.stderr.wait_for_text("too many open files");
    process.wait_until_idle();
    let served = |text: &str| text.matches("hello\n").count();
    assert!(served(&listen.running.stdout.text()) < CLIENTS);
    // A client that closes frees a descriptor for the next one.
    for mut client in clients {
        client.shut_down();
        client.read_to_end();
    }
    listen.running.stdout.wait_for(|text| (served(text) == CLIENTS).then_some(()));
    listen.stop().code(0);
}

#[test]
fn e36_a_thousand_clients_leak_neither_descriptors_nor_processes() {
    let listen = sockkit("listen 0 --keep-open -4 -q --port-file");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let running = listen.arg(&path).start();
    let port: u16 =
        eventually("the port file", || std::fs::read_to_string(&path).ok()?.trim().parse().ok());
    let serve_one = || {
        let mut client = Client::connect(([127, 0, 0, 1], port).into());
        client.send(b".");
        client.shut_down();
        assert_eq!(client.read_to_end(), b"");
    };
    serve_one();
    let process = Process::of(&running);
    let before = eventually("the first client is gone", || {
        let open = process.descriptors();
        std::thread::sleep(Duration::from_millis(50));
        (process.descriptors() == open).then_some(open)
    });
    (0..1000).for_each(|_| serve_one());
    eventually("no more is open than before", || (process.descriptors() <= before).then_some(()));
    assert_eq!(process.children(), 0);
    running.stdout.wait_for(|text| (text.len() == 1001).then_some(()));
    running.signal(Signal::TERM);
    running.wait().code(0);
}

#[test]
fn l02_a_second_client_is_refused_while_the_first_is_served() {
    let listen = sockkit("listen 0 -4").serve();
    let mut client = listen.client();
    client.send(b"x");
    listen.running.stdout.wait_for_text("x");
    eventually("the port is closed", || TcpStream::connect(listen.addr).is_err().then_some(()));
    client.shut_down();
    listen.running.wait().code(0);
}

#[test]
fn l06_many_clients_are_served_at_once_with_keep_open() {
    let listen = sockkit("listen 0 --keep-open").serve();
    let mut idle = listen.client();
    let mut clients: Vec<Client> = (0..50).map(|_| listen.client()).collect();
    for client in &mut clients {
        client.send(b"hello\n");
        client.shut_down();
        client.read_to_end();
    }
    idle.send(b"still here\n");
    let out = listen.running.stdout.wait_for_text("still here\n");
    assert_eq!(out.matches("hello\n").count(), 50);
    let ran = listen.stop().code(0);
    assert!(ran.stderr.contains("stopping"), "{}", ran.stderr);
}

#[test]
fn l03_a_reset_exits_4_for_a_single_client_and_does_not_stop_keep_open() {
    for first_words in ["", "x"] {
        let listen = sockkit("listen 0").serve();
        let mut client = listen.client();
        client.send(first_words);
        listen.running.stdout.wait_for_text(first_words);
        client.reset();
        let ran = listen.running.wait().code(4);
        assert!(ran.stderr.contains("connection reset by peer"), "{}", ran.stderr);
    }
    let listen = sockkit("listen 0 --keep-open").serve();
    listen.client().reset();
    let mut client = listen.client();
    client.send(b"alive");
    listen.running.stdout.wait_for_text("alive");
    listen.stop().code(0);
}

#[test]
fn idle_timeout_closes_a_silent_client_with_keep_open() {
    let listen = sockkit("listen 0 -k --max-clients 1 --idle-timeout 200ms -4").serve();
    let mut silent = listen.client();
    let mut next = listen.client();
    next.send(b"heard");
    assert_eq!(silent.read_to_end(), b"");
    listen.running.stdout.wait_for_text("heard");
}
