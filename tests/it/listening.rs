//! Cases E06 to E36, L02 and L06: where a listener can be reached, by whom, and for how long.

use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};

use crate::process::Process;
use crate::support::{Client, Server, eventually, in_namespace, sockkit};

/// Whether this machine has `::1`: a container may not.
fn has_ipv6() -> bool {
    std::net::TcpListener::bind("[::1]:0").is_ok()
}

#[test]
fn e06_the_real_port_is_reported_and_is_one_for_both_families() {
    let listen = sockkit("listen 0 --keep-open").serve();
    let port = listen.port();
    assert_ne!(port, "0");
    let text = listen.running.stderr.text();
    if has_ipv6() {
        listen.running.stderr.wait_for_text(&format!("listening on [::1]:{port}"));
    }
    assert!(text.contains("only this machine can reach it"), "{text}");
    listen.stop().code(0);
    let running = sockkit("listen 0 --keep-open --json").start();
    let families = if has_ipv6() { 2 } else { 1 };
    let ports = running.stdout.wait_for(|text| {
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let ports = whole.map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(event["type"], "listening");
            event["port"].as_u64().unwrap()
        });
        let ports: Vec<u64> = ports.collect();
        (ports.len() == families).then_some(ports)
    });
    assert!(ports[0] != 0 && ports.iter().all(|port| *port == ports[0]), "{ports:?}");
}

#[test]
fn e06b_connecting_right_after_the_line_is_never_refused() {
    for _ in 0..100 {
        let listen = sockkit("listen 0 -4").serve();
        drop(listen.client());
    }
    let listen = sockkit("listen 0 -4 --keep-open").serve();
    for _ in 0..1000 {
        drop(listen.client());
    }
    listen.stop().code(0);
}

#[test]
fn e19_the_port_can_be_taken_again_at_once() {
    let mut port = "0".to_owned();
    for _ in 0..3 {
        let listen = sockkit(&format!("listen {port} -4")).serve();
        port = listen.port();
        let mut client = listen.client();
        let mut running = listen.running;
        // Who ends first keeps the connection in TIME_WAIT.
        running.write(b"bye");
        running.close_stdin();
        client.read_to_end();
        client.end();
        running.wait().code(0);
    }
}

#[test]
fn e19b_a_second_listener_on_the_port_fails() {
    let first = sockkit("listen 0 --keep-open").serve();
    let ran = sockkit(&format!("listen {}", first.port())).run().code(7);
    assert!(ran.stderr.contains("address already in use"), "{}", ran.stderr);
    first.stop().code(0);
}

#[test]
fn e20_both_families_are_reached_by_default_and_one_where_one_is_asked_for() {
    let reached = |listen: &Server, host: &str| {
        let addr = format!("{host}:{}", listen.port()).parse().unwrap();
        TcpStream::connect_timeout(&addr, Duration::from_secs(30)).is_ok()
    };
    for (flag, v4, v6) in [("", true, true), ("-4", true, false), ("-6", false, true)] {
        if v6 && !has_ipv6() {
            continue;
        }
        let listen = sockkit(&format!("listen 0 --keep-open {flag}")).serve();
        assert_eq!(reached(&listen, "127.0.0.1"), v4, "{flag}");
        assert_eq!(reached(&listen, "[::1]"), v6, "{flag}");
        listen.stop().code(0);
    }
}

#[test]
fn e20_a_family_this_machine_lacks_is_no_obstacle() {
    let setup = "ip link set lo up
        echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
        hosts=$(mktemp); printf '127.0.0.1 both.example\\n::1 both.example\\n' > $hosts
        mount --bind $hosts /etc/hosts; rm $hosts";
    for address in ["0", "both.example:0"] {
        let listen = format!("listen {address}");
        let Some(listen) = in_namespace("e20", setup, &listen) else { return };
        let running = listen.start();
        running.stderr.wait_for_text("listening on 127.0.0.1:");
        running.signal(Signal::TERM);
        running.wait().code(143);
    }
}

#[test]
fn e20b_a_client_on_ipv4_is_shown_as_such_where_both_families_listen() {
    let listen = sockkit("listen 0 --public").serve();
    let addr = ([127, 0, 0, 1], listen.addr.port()).into();
    let client = Client::connect(addr);
    let ours = client.stream.local_addr().unwrap();
    listen.running.stderr.wait_for_text(&format!("connected {ours}"));
    client.end();
    let ran = listen.running.wait().code(0);
    assert!(!ran.stderr.contains("::ffff"), "{}", ran.stderr);
}

#[test]
fn e20b_an_address_that_is_allowed_or_denied_is_so_on_both_families() {
    for (rules, comes_in) in [
        ("--allow 127.0.0.1", true),
        ("--allow 127.0.0.0/8 --deny 127.0.0.2", true),
        ("--allow 192.0.2.0/24", false),
        ("--deny 127.0.0.1", false),
        ("--allow 127.0.0.1 --deny 127.0.0.0/8", false),
    ] {
        let listen = sockkit(&format!("listen 0 --public --keep-open {rules}")).serve();
        let mut client = Client::connect(([127, 0, 0, 1], listen.addr.port()).into());
        let ours = client.stream.local_addr().unwrap();
        if comes_in {
            client.send(b"x");
            listen.running.stdout.wait_for_text("x");
        } else {
            assert_eq!(client.read_to_end(), b"");
            listen.running.stderr.wait_for_text(&format!("refused {ours}"));
        }
        listen.stop().code(0);
    }
}

#[test]
fn e21_without_descriptors_it_waits_idly_and_goes_on_when_there_are_some() {
    const CLIENTS: usize = 20;
    let listen = sockkit("listen 0 --keep-open -4").serve();
    let process = Process::of(&listen.running);
    let pid = Pid::from_raw(i32::try_from(listen.running.pid()).unwrap());
    let mut clients = vec![listen.client()];
    clients[0].send(b"first\n");
    listen.running.stdout.wait_for_text("first\n");
    // Room for three more, of twenty who come.
    let current = Some(process.descriptors() as u64 + 3);
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    prlimit(pid, Resource::Nofile, Rlimit { current, maximum }).unwrap();
    clients.extend((1..CLIENTS).map(|_| listen.client()));
    for client in &mut clients {
        client.send(b"hello\n");
    }
    listen.running.stderr.wait_for_text("too many open files");
    process.wait_until_it_rests();
    let served = |text: &str| text.matches("hello\n").count();
    assert!(served(&listen.running.stdout.text()) < CLIENTS);
    // Those who leave make room for those who wait.
    for mut client in clients {
        client.end();
        client.read_to_end();
    }
    listen.running.stdout.wait_for(|text| (served(text) == CLIENTS).then_some(()));
    listen.stop().code(0);
}

#[test]
fn e36_a_thousand_clients_leave_neither_descriptors_nor_processes_behind() {
    let listen = sockkit("listen 0 --keep-open -4 -q --port-file");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let running = listen.arg(&path).start();
    let port: u16 =
        eventually("the port file", || std::fs::read_to_string(&path).ok()?.trim().parse().ok());
    let serve_one = || {
        let mut client = Client::connect(([127, 0, 0, 1], port).into());
        client.send(b".");
        client.end();
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
fn l02_the_second_client_is_refused_while_the_first_is_served() {
    let listen = sockkit("listen 0 -4").serve();
    let mut client = listen.client();
    client.send(b"x");
    listen.running.stdout.wait_for_text("x");
    eventually("the port is closed", || TcpStream::connect(listen.addr).is_err().then_some(()));
    client.end();
    listen.running.wait().code(0);
}

#[test]
fn l06_many_clients_are_served_at_once_with_keep_open() {
    let listen = sockkit("listen 0 --keep-open").serve();
    let mut idle = listen.client();
    let mut clients: Vec<Client> = (0..50).map(|_| listen.client()).collect();
    for client in &mut clients {
        client.send(b"hello\n");
        client.end();
        client.read_to_end();
    }
    idle.send(b"still here\n");
    let out = listen.running.stdout.wait_for_text("still here\n");
    assert_eq!(out.matches("hello\n").count(), 50);
    let ran = listen.stop().code(0);
    assert!(ran.stderr.contains("stopping"), "{}", ran.stderr);
}
