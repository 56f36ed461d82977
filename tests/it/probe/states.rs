//! The states of ports: which answers of the network mean what.

use std::net::UdpSocket;
use std::thread;

use super::{json, probe};
use crate::support::{in_namespace, sockkit};

/// Loopback, and a host that drops packets: 192.0.2.1 has a route, but no machine answers.
const SILENT_HOST: &str = "ip link set lo up
ip link add v0 type veth peer name v1
ip addr add 192.0.2.2/24 dev v0
ip link set v0 up
ip link set v1 up
ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev v0";

#[test]
fn a_host_that_never_answers_is_filtered_and_one_without_a_route_unreachable() {
    let args = "probe --json 192.0.2.1:80 198.51.100.1:80 --connect-timeout 200ms";
    let Some(ran) = in_namespace("filtered and unreachable", SILENT_HOST, args) else { return };
    let ran = ran.run().code(1);
    let lines = json(&ran);
    assert_eq!(
        (&lines[0]["state"], &lines[0]["reason"]),
        (&"filtered".into(), &"no answer within 200ms".into())
    );
    assert_eq!(
        (&lines[1]["state"], &lines[1]["reason"]),
        (&"unreachable".into(), &"network unreachable".into())
    );
}

#[test]
fn a_route_of_this_machine_that_discards_or_forbids_packets_is_named() {
    let setup = "ip link set lo up
ip route add blackhole 192.0.2.0/25
ip route add prohibit 192.0.2.128/25
ip route add unreachable 198.51.100.0/24";
    let args = "probe --json 192.0.2.1:80 192.0.2.129:80 198.51.100.1:80";
    let Some(ran) = in_namespace("routes that discard packets", setup, args) else { return };
    let ran = ran.run().code(1);
    let reasons = ["a route on this machine discards", "forbids packets", "host unreachable"];
    for (line, reason) in json(&ran).iter().zip(reasons) {
        assert_eq!(line["state"], "unreachable", "{line}");
        assert!(line["reason"].as_str().unwrap().contains(reason), "{line}");
    }
}

#[test]
fn the_whole_run_can_be_limited_and_an_unfinished_run_is_no_result() {
    let args = "probe 192.0.2.1:80 --timeout 200ms";
    let Some(ran) = in_namespace("the limit of a run", SILENT_HOST, args) else { return };
    let ran = ran.run().code(5);
    assert!(ran.stderr.contains("only 0 of 1 ports were probed in 200ms"), "{}", ran.stderr);
}

#[test]
fn a_filtered_port_of_many_delays_no_other() {
    let args = "probe --plain 192.0.2.1:1-300 --connect-timeout 500ms";
    let Some(ran) = in_namespace("many filtered ports", SILENT_HOST, args) else { return };
    let ran = ran.run().code(1);
    assert_eq!(ran.out().lines().filter(|line| line.contains("\tfiltered\t")).count(), 300);
}

/// A UDP socket that answers the first datagram with `reply`, and its port.
fn answering(reply: &'static [u8]) -> (thread::JoinHandle<Vec<u8>>, u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(crate::support::TIMEOUT)).unwrap();
    let port = socket.local_addr().unwrap().port();
    let serve = move || {
        let mut buffer = [0; 512];
        let (len, peer) = socket.recv_from(&mut buffer).unwrap();
        socket.send_to(reply, peer).unwrap();
        buffer[..len].to_vec()
    };
    (thread::spawn(serve), port)
}

#[test]
fn u03_a_udp_port_is_open_only_if_it_answers() {
    let (server, port) = answering(b"pong");
    let ran = probe(["-u", "--json", &format!("127.0.0.1:{port}"), "--payload=hex:70696e67"]);
    let ran = ran.code(0);
    let line = &json(&ran)[0];
    assert_eq!(
        (&line["state"], &line["reason"]),
        (&"open".into(), &"answered with 4 bytes".into())
    );
    assert_eq!(server.join().unwrap(), b"ping");
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let target = format!("udp://127.0.0.1:{port}");
    let ran = probe(["--json", &target, "--connect-timeout=200ms"]).code(1);
    let line = &json(&ran)[0];
    assert_eq!(
        (&line["state"], &line["connect_us"]),
        (&"open|filtered".into(), &serde_json::Value::Null)
    );
    // Neither open nor shut is proven.
    probe([&target, "--connect-timeout=200ms", "--invert"]).code(1);
    drop(silent);
    let ran = probe(["--json", &target]).code(1);
    assert_eq!(json(&ran)[0]["state"], "closed");
}

#[test]
fn u03_dns_and_ntp_are_asked_in_their_protocols() {
    for (payload, len, first) in [("dns", 17, 0x53), ("ntp", 48, 0x23)] {
        let (server, port) = answering(b"x");
        sockkit(&format!("probe udp://127.0.0.1:{port} --payload {payload}")).run().code(0);
        let question = server.join().unwrap();
        assert_eq!((question.len(), question[0]), (len, first), "{payload}");
    }
}
