//! `doctor`: in networks with one broken layer, and without a network.

mod network;
mod tls;

use std::net::{TcpListener, UdpSocket};

use serde_json::Value;

use self::network::{RESOLV_CONF, dns, doctor, echo, network, right_dns, router};
use crate::support::peers::dns_server::DnsServer;
use crate::support::{Client, ClosedPort, Peer, in_namespace, sockkit};

#[test]
fn a_healthy_network_is_not_blamed() {
    network("doctor on a healthy network", RESOLV_CONF, "", "", || {
        let (_dns, _servers) = (right_dns(), echo());
        let healthy = doctor("www.example:8000");
        healthy.blames_none();
        for layer in ["self", "address", "route", "gateway", "dns", "name", "tcp", "app"] {
            let results = healthy.results(layer);
            assert!(!results.is_empty() && results.iter().all(|it| *it == "ok"), "{healthy:#?}");
        }
        let direct = doctor("203.0.113.1:8000");
        assert_eq!(direct.blames_none().results("dns"), ["skip"]);
        doctor("[2001:db8:2::1]:8000").blames_none();
        doctor("").blames_none();
    });
}

#[test]
fn an_interface_that_is_down_is_named() {
    let fault = "ip -n client link set eth0 down";
    network("doctor without an interface", RESOLV_CONF, "", fault, || {
        let (_dns, _servers) = (right_dns(), echo());
        doctor("www.example:8000").blames("interface").says("eth0");
        doctor("203.0.113.1:8000").blames("interface");
    });
}

#[test]
fn a_missing_address_is_named() {
    let fault = "ip -n client addr flush dev eth0";
    network("doctor without an address", RESOLV_CONF, "", fault, || {
        let (_dns, _servers) = (right_dns(), echo());
        doctor("www.example:8000").blames("address");
        doctor("203.0.113.1:8000").blames("address");
    });
}

#[test]
fn a_missing_route_is_named() {
    let fault = "ip -n client route del default; ip -n client -6 route del default";
    network("doctor without a route", RESOLV_CONF, "", fault, || {
        let (_dns, _servers) = (right_dns(), echo());
        doctor("www.example:8000").blames("route").says("no route");
        doctor("203.0.113.1:8000").blames("route");
        let local = doctor("");
        assert_eq!((local.exit, &local.conclusion["layer"]), (0, &"route".into()), "{local:#?}");
    });
}

#[test]
fn a_missing_route_is_named_on_a_machine_that_has_only_a_private_ipv6_address() {
    let fault = "
        ip -n client addr flush dev eth0
        ip -n client -6 route flush dev eth0
        ip -n client -6 addr add fd00:1::7/64 dev eth0 nodad
    ";
    let resolv_conf = "nameserver fd00:2::1\n";
    network("doctor with private IPv6 and no route", resolv_conf, "", fault, || {
        doctor("[fd00:2::1]:8000").blames("route").says("no route");
        doctor("www.example:8000").blames("route").says("no route");
    });
}

#[test]
fn a_machine_with_ipv6_only_needs_no_default_route_for_ipv4() {
    let fault = "ip -n client -4 addr flush dev eth0";
    let resolv_conf = "nameserver 2001:db8:1::1\n";
    network("doctor with IPv6 only", resolv_conf, "", fault, || {
        let addr = "[2001:db8:1::1]:53".parse().unwrap();
        let server = DnsServer::with_records_at(addr, Vec::new());
        doctor("").blames_none();
        drop(server);
    });
}

#[test]
fn without_a_target_the_route_to_a_dns_server_is_named() {
    let fault = "ip -n client route add blackhole 203.0.113.0/24";
    network("doctor without a route to DNS", "nameserver 203.0.113.1\n", "", fault, || {
        let local = doctor("");
        assert_eq!((local.exit, &local.conclusion["layer"]), (0, &"route".into()), "{local:#?}");
        local.says("blackhole");
    });
}

#[test]
fn a_route_that_rejects_packets_is_named_with_its_kind() {
    for kind in ["blackhole", "unreachable", "prohibit"] {
        let fault = format!("ip -n client route add {kind} 203.0.113.0/24");
        network("doctor with a rejecting route", RESOLV_CONF, "", &fault, || {
            let _servers = echo();
            doctor("203.0.113.1:8000").blames("route").says(kind);
        });
    }
}

#[test]
fn a_gateway_that_does_not_exist_is_named() {
    let fault = "ip -n client route replace default via 198.51.100.99";
    network("doctor with a dead gateway", RESOLV_CONF, "", fault, || {
        let (_dns, _servers) = (right_dns(), echo());
        doctor("203.0.113.1:8000").blames("gateway").says("198.51.100.99");
        // The IPv6 gateway is alive, and IPv6 is all that this target needs.
        doctor("[2001:db8:2::1]:8000").blames_none();
    });
}

#[test]
fn a_resolv_conf_without_a_server_is_named() {
    network("doctor without a resolver", "# empty\n", "", "", || {
        let _servers = echo();
        doctor("www.example:8000").blames("dns").says("resolv.conf names no server");
        doctor("203.0.113.1:8000").blames_none();
    });
}

#[test]
fn a_dns_server_whose_port_is_closed_or_that_is_silent_is_named() {
    network("doctor with a dead resolver", RESOLV_CONF, "203.0.113.1 known.example\n", "", || {
        let _servers = echo();
        doctor("www.example:8000").blames("dns").says("198.51.100.1");
        let _silent = UdpSocket::bind(router(53)).unwrap();
        doctor("www.example:8000").blames("dns");
        // A name in the hosts file needs no server.
        doctor("known.example:8000").blames_none();
    });
}

#[test]
fn a_dns_server_that_answers_only_over_tcp_is_named() {
    network("doctor with a resolver on TCP only", RESOLV_CONF, "", "", || {
        let server = DnsServer::with_records_at(([203, 0, 113, 1], 53).into(), Vec::new());
        let _silent = UdpSocket::bind(router(53)).unwrap();
        let _relay = Peer::at(TcpListener::bind(router(53)).unwrap(), |client: Client| {
            relay_once(client, ([203, 0, 113, 1], 53).into());
        });
        doctor("www.example:8000").blames("dns").says("over TCP");
        drop(server);
    });
}

/// Passes one DNS message over TCP to another server, and its reply back.
fn relay_once(client: Client, to: std::net::SocketAddr) {
    use std::io::{Read as _, Write as _};
    let mut client = client.stream;
    let mut server = std::net::TcpStream::connect(to).unwrap();
    let pass = |from: &mut std::net::TcpStream, to: &mut std::net::TcpStream| {
        let mut message = vec![0; 2];
        from.read_exact(&mut message).unwrap();
        let len = usize::from(u16::from_be_bytes([message[0], message[1]]));
        message.resize(2 + len, 0);
        from.read_exact(&mut message[2..]).unwrap();
        to.write_all(&message).unwrap();
    };
    pass(&mut client, &mut server);
    pass(&mut server, &mut client);
}

#[test]
fn a_dns_server_that_contradicts_the_hosts_file_is_named() {
    let hosts = "203.0.113.1 www.example\n";
    network("doctor with a lying resolver", RESOLV_CONF, hosts, "", || {
        let _servers = echo();
        let lying = dns([203, 0, 113, 9], "2001:db8:2::9");
        doctor("www.example:8000").blames("name").says("/etc/hosts says 203.0.113.1");
        drop(lying);
    });
}

#[test]
fn a_name_that_does_not_exist_is_named() {
    network("doctor with an unknown name", RESOLV_CONF, "", "", || {
        let _dns = right_dns();
        doctor("nosuch.example:8000").blames("name").says("NXDOMAIN");
    });
}

#[test]
fn a_closed_port_and_a_dropped_packet_are_told_apart() {
    network("doctor with a closed port", RESOLV_CONF, "", "", || {
        let _dns = right_dns();
        doctor("www.example:8000").blames("tcp").says("closed");
        // The router forwards nothing, and says nothing about it.
        doctor("203.0.113.5:8000").blames("tcp").says("no answer");
        doctor("198.51.100.5:8000").blames("tcp").says("no machine on this link");
    });
}

#[test]
fn broken_ipv6_is_named_although_ipv4_works() {
    let fault = "ip -n client -6 route replace default via 2001:db8:1::99";
    network("doctor with a dead IPv6 gateway", RESOLV_CONF, "", fault, || {
        let (_dns, _servers) = (right_dns(), echo());
        doctor("www.example:8000").blames("gateway").says("IPv4 works");
        doctor("-4 www.example:8000").blames_none();
    });
    network("doctor with an IPv6 server that is off", RESOLV_CONF, "", "", || {
        let (_dns, _servers) = (dns([203, 0, 113, 1], "2001:db8:2::5"), echo());
        doctor("www.example:8000").blames("tcp").says("IPv4 works");
    });
}

#[test]
fn a_machine_without_ipv6_is_not_blamed_for_it() {
    let fault = "ip -n client -6 addr flush dev eth0; ip -n client -6 route flush dev eth0";
    network("doctor without IPv6", RESOLV_CONF, "", fault, || {
        let (_dns, _servers) = (right_dns(), echo());
        doctor("www.example:8000").blames_none();
    });
}

#[test]
fn a_server_that_accepts_and_sends_nothing_is_named() {
    network("doctor with a silent server", RESOLV_CONF, "", "", || {
        let _dns = right_dns();
        let _silent = TcpListener::bind(("203.0.113.1", 8000)).unwrap();
        doctor("-4 www.example:8000").blames("app").says("sends nothing");
        let _greeting = TcpListener::bind(("203.0.113.1", 25)).unwrap();
        doctor("-4 www.example:25 --timeout 4s").blames("app");
    });
}

/// A bridge on the way whose second port has a smaller MTU: it drops what is too long, silently.
const BLACK_HOLE: &str = "
    ip link del srv0
    ip netns add mid
    ip link add srv0 type veth peer name s0 netns mid
    ip -n client link add eth0 type veth peer name c0 netns mid
    ip -n mid link add br0 type bridge
    for port in s0 c0; do
        ip -n mid link set $port master br0
        ip -n mid link set $port up
    done
    ip -n mid link set c0 mtu 1000
    ip -n mid link set br0 up
    ip addr add 198.51.100.1/24 dev srv0
    ip link set srv0 up
    ip -n client addr add 198.51.100.7/24 dev eth0
    ip -n client link set eth0 up
    ip -n client route add default via 198.51.100.1
";

#[test]
fn a_path_that_loses_large_packets_is_named() {
    network("doctor with an MTU black hole", RESOLV_CONF, "", BLACK_HOLE, || {
        let listener = TcpListener::bind(("203.0.113.1", 8000)).unwrap();
        let server = Peer::at(listener, |mut client: Client| {
            // One packet: the kernel passes several at once, which no bridge would drop.
            client.send(vec![b'a'; 1400]);
            client.read_to_end()
        });
        doctor("203.0.113.1:8000").blames("route").says("packets of 1500 bytes are lost");
        drop(server);
    });
}

#[test]
fn large_packets_that_this_machine_drops_itself_are_named() {
    // The kernel reports the loss to a sender of IPv6 pings (ENOBUFS).
    let fault = "ip link set srv0 mtu 1300";
    network("doctor with a drop at the interface", RESOLV_CONF, "", fault, || {
        let _silent = TcpListener::bind(("2001:db8:2::1", 8000)).unwrap();
        let verdict = doctor("[2001:db8:2::1]:8000 --timeout 6s");
        verdict.blames("route").says("packets of 1500 bytes are lost");
    });
}

#[test]
fn without_a_network_the_self_test_passes_and_the_run_is_green() {
    let up = "ip link set lo up";
    let Some(doctor) = in_namespace("doctor without a network", up, "doctor") else {
        return;
    };
    let out = doctor.run().code(0).out();
    assert!(out.lines().any(|line| line.starts_with("self       ok")), "{out}");
    assert!(out.contains("this machine has only the loopback interface"), "{out}");
}

#[test]
fn a_loopback_interface_that_is_down_is_named() {
    let Some(doctor) = in_namespace("doctor without loopback", "", "doctor --json") else {
        return;
    };
    let out = doctor.run().code(1).out();
    let conclusion: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(conclusion["layer"], "self");
}

#[test]
fn a_server_on_this_machine_needs_no_network() {
    let up = "ip link set lo up";
    let args = "doctor 127.0.0.1:9 --json";
    let Some(doctor) = in_namespace("doctor on loopback", up, args) else {
        return;
    };
    let out = doctor.run().code(1).out();
    let conclusion: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(conclusion["layer"], "tcp");
    let server = sockkit("chat-server 127.0.0.1:0").serve();
    let ran = sockkit(&format!("doctor {}", server.addr)).run().code(0);
    assert!(ran.out().contains("answers \"Nickname: \""), "{}", ran.out());
}

#[test]
fn a_server_on_one_loopback_address_of_localhost_is_not_blamed() {
    let server = sockkit("chat-server 127.0.0.1:0").serve();
    let args = format!("doctor localhost:{} --plain", server.port());
    let out = sockkit(&args).run().code(0).out();
    // The path needs no gateway, so none is checked.
    assert!(out.contains("check\tgateway\tskip\t"), "{out}");
}

#[test]
fn the_time_limit_bounds_the_run() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let started = std::time::Instant::now();
    sockkit(&format!("doctor {addr} --timeout 2s")).run().code(1);
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
}

#[test]
fn a_report_is_written_to_a_new_file_and_replaces_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.md");
    let server = sockkit("chat-server 127.0.0.1:0").serve();
    let args = format!("doctor {} --report {}", server.addr, path.display());
    sockkit(&args).run().code(0);
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page.starts_with(&format!("# Network path to {}\n", server.addr)), "{page}");
    assert!(page.contains("| app | ok |"), "{page}");
    let ran = sockkit(&args).run().code(8);
    assert!(ran.stderr.contains("it exists"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), page);
}

#[test]
fn the_direct_path_and_the_proxy_stand_side_by_side() {
    let closed = ClosedPort::new();
    let proxy = Peer::start(|mut client: Client| {
        let request = client.read_until("\r\n\r\n");
        client.send("HTTP/1.1 200 Connection established\r\n\r\n");
        request
    });
    let variable = format!("http://ann:secret@127.0.0.1:{}", proxy.port());
    let target = format!("https://{}", closed.addr());
    let doctor = |exempt: &str| {
        let doctor = sockkit(&format!("doctor --plain {target}"));
        doctor.env("https_proxy", &variable).env("no_proxy", exempt).run().code(1)
    };
    let out = doctor("").out();
    let row = format!("check\ttcp\tok\tthrough the proxy 127.0.0.1:{}\t", proxy.port());
    assert!(out.contains(&row) && out.contains("(through the proxy, it works)"), "{out}");
    assert!(proxy.join().starts_with(&format!("CONNECT {} HTTP/1.1\r\n", closed.addr())));
    let out = doctor("127.0.0.1").out();
    assert!(!out.contains("proxy"), "{out}");
}

#[test]
fn a_limit_that_no_network_could_meet_is_a_usage_error() {
    sockkit("doctor --timeout 200ms").run().code(2);
    sockkit("doctor").env("SOCKKIT_TIMEOUT", "200ms").run().code(2);
}

#[test]
fn a_target_that_is_no_tcp_server_is_a_usage_error() {
    for target in ["unix:/run/x", "udp://localhost:53", "localhost:0", "ftp://localhost"] {
        sockkit(&format!("doctor {target}")).run().code(2);
    }
}
