//! The addresses that `listen` binds, and the ports it reports.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Client, Server, in_namespace, sockkit};

/// Whether this machine has `::1`; some containers lack it.
fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

#[test]
fn e06_the_actual_port_is_reported_and_is_the_same_on_both_families() {
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
fn e06b_connecting_right_after_the_listening_line_is_never_refused() {
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
fn e19_the_port_can_be_bound_again_at_once() {
    let mut port = "0".to_owned();
    for _ in 0..3 {
        let listen = sockkit(&format!("listen {port} -4")).serve();
        port = listen.port();
        let mut client = listen.client();
        let mut running = listen.running;
        // The side that closes first keeps the connection in TIME_WAIT.
        running.write(b"bye");
        running.close_stdin();
        client.read_to_end();
        client.shut_down();
        running.wait().code(0);
    }
}

#[test]
fn e19b_a_second_listener_on_the_same_port_fails() {
    let first = sockkit("listen 0 --keep-open").serve();
    let ran = sockkit(&format!("listen {}", first.port())).run().code(7);
    assert!(ran.stderr.contains("address already in use"), "{}", ran.stderr);
    first.stop().code(0);
}

#[test]
fn e20_both_families_are_bound_by_default_and_one_with_a_flag() {
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
fn e20_a_family_that_the_machine_lacks_is_skipped() {
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
fn e20b_an_ipv4_client_of_a_dual_stack_listener_is_shown_with_its_ipv4_address() {
    let listen = sockkit("listen 0 --public").serve();
    let addr = ([127, 0, 0, 1], listen.addr.port()).into();
    let client = Client::connect(addr);
    let addr = client.stream.local_addr().unwrap();
    listen.running.stderr.wait_for_text(&format!("connected {addr}"));
    client.shut_down();
    let ran = listen.running.wait().code(0);
    assert!(!ran.stderr.contains("::ffff"), "{}", ran.stderr);
}

#[test]
fn l04_a_busy_port_exits_7_with_a_hint() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let ran = sockkit(&format!("listen {}", addr.port())).run().code(7);
    let expected = format!("error: cannot listen on {addr}: address already in use\n");
    assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("try: port 0 for any free port\n"), "{}", ran.stderr);
    let ran = sockkit("listen 192.0.2.1:0").run().code(7);
    assert!(ran.stderr.contains("not an address of this machine"), "{}", ran.stderr);
}

#[test]
fn public_lists_the_addresses_that_other_machines_can_connect_to() {
    let test = "public_lists_the_addresses_that_other_machines_can_connect_to";
    let setup = "ip link set lo up; ip addr add 192.0.2.7/24 dev lo\n\
                 ip addr add 198.51.100.7/24 dev lo; ip addr add 2001:db8::7/64 dev lo nodad";
    let Some(server) = in_namespace(test, setup, "echo-server 0 --public") else { return };
    let server = server.start();
    let shown =
        server.stderr.wait_for(|text| (text.matches('\n').count() == 2).then(|| text.to_owned()));
    let port = shown.split([':', ' ']).nth(3).unwrap();
    let expected = format!(
        "listening on 0.0.0.0:{port} (other machines: 192.0.2.7:{port}, 198.51.100.7:{port})\n\
         listening on [::]:{port} (other machines: [2001:db8::7]:{port})\n"
    );
    assert_eq!(shown, expected);
    // A machine without such an address says so.
    let server = in_namespace(test, "ip link set lo up", "echo-server 0 --public -4").unwrap();
    server.start().stderr.wait_for_text("(this machine has no IPv4 address that others can reach)");
}
