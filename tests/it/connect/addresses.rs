//! Addresses: how they may be written, in which order `connect` tries them, and what it reports
//! about the ones that fail.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::{Outcome, Peer, in_namespace, sockkit};

/// Runs a shell script in a network namespace, with empty private copies of `/etc/hosts` and
/// `/etc/resolv.conf`. In the script, `serve ADDRESS` starts a listener for many clients and waits
/// until it listens.
fn run_in_network(test: &str, script: &str) -> Option<Outcome> {
    let program = env!("CARGO_BIN_EXE_sockkit");
    let setup = format!(
        "ip link set lo up
        sockkit() {{ {program} \"$@\"; }}
        here=$(mktemp -d); cd $here
        # The listener removes its port file when it ends: after that, the directory is removed.
        end() {{
            kill $server 2> stopped || true
            wait $server || true
            rm -r $here
        }}
        trap 'rm -r $here' EXIT
        : > hosts; mount --bind hosts /etc/hosts
        : > resolv; mount --bind resolv /etc/resolv.conf
        serve() {{
            rm -f port
            {program} listen $1 -k -q --port-file port < /dev/null & server=$!
            trap end EXIT
            while [ ! -s port ]; do sleep 0.01; done
        }}
        {script}
        exit 0"
    );
    Some(in_namespace(test, &setup, "info")?.run())
}

#[test]
fn e40_an_address_that_drops_packets_does_not_delay_one_that_answers() {
    // Packets to the first address are routed to the loopback interface, which drops them because
    // no interface has that address.
    let script = "ip route add 2001:db8::/64 dev lo
        printf '2001:db8::2 both.example\\n127.0.0.1 both.example\\n' > hosts
        serve 127.0.0.1:5000
        sockkit connect both.example 5000 --connect-timeout 20s -v < /dev/null";
    let Some(ran) = run_in_network("e40", script) else { return };
    let ran = ran.code(0);
    assert!(ran.stderr.contains("connected 127.0.0.1:5000"), "{}", ran.stderr);
    // The first address had not failed by then.
    assert!(!ran.stderr.contains("2001:db8::2"), "{}", ran.stderr);
}

#[test]
fn e42_every_notation_of_an_address_reaches_the_server() {
    let script = "ip address add fe80::1/64 dev lo
        printf '127.0.0.1 xn--bcher-kva.example server.example\\n' > hosts
        serve_at() { serve $1; shift; for to in \"$@\"; do
            sockkit connect $to -v < /dev/null || echo \"$to: exit $?\"
        done; kill $server; wait $server; }
        serve_at '[::1]:5000' '[::1]:5000' '::1 5000' 'tcp://[::1]:5000' '::1 5000 -6'
        serve_at '127.0.0.1:80' '127.0.0.1:80' '127.0.0.1 http' 'server.example:http' \
            'bücher.example 80' 'tcp://server.example:80'
        serve_at '[::]:5000' 'fe80::1%lo 5000'";
    let Some(ran) = run_in_network("e42", script) else { return };
    let ran = ran.code(0);
    assert_eq!(ran.out(), "");
    let reached = |addr: &str| ran.stderr.matches(&format!("connected {addr}")).count();
    assert_eq!(reached("[::1]:5000"), 4, "{}", ran.stderr);
    assert_eq!(reached("127.0.0.1:80"), 5, "{}", ran.stderr);
    assert_eq!(reached("[fe80::1%"), 1, "{}", ran.stderr);
}

#[test]
fn e43_a_numeric_address_sends_no_dns_query() {
    // The name server never answers; the kernel counts the datagrams sent to it.
    let script = "ip route add 192.0.2.0/24 dev lo
        echo 'nameserver 192.0.2.53' > resolv
        printf '127.0.0.1 localhost\\n::1 localhost\\n' > hosts
        serve 127.0.0.1:5000
        sockkit connect 127.0.0.1 5000 < /dev/null
        sockkit connect 127.0.0.1:5000 -v < /dev/null
        awk '/^Udp:/ { print $5 }' /proc/net/snmp";
    let Some(ran) = run_in_network("e43", script) else { return };
    assert_eq!(ran.code(0).out(), "OutDatagrams\n0\n");
}

#[test]
fn c03_from_sets_the_source_address() {
    for from in ["127.0.0.2", "127.0.0.2:0"] {
        let peer = Peer::start(|client| client.stream.peer_addr().unwrap().ip());
        let connect = format!("connect {} --from {from}", peer.addr);
        sockkit(&connect).run().code(0);
        assert_eq!(peer.join().to_string(), "127.0.0.2");
    }
}

#[test]
fn c03_from_with_only_a_port_sets_it_for_both_families() {
    // Each connection has its own port, because the previous one is in TIME_WAIT.
    let script = "printf '::1 both.example\\n127.0.0.1 both.example\\n' > hosts
        for flags in '' -u; do
            serve \"5000 $flags\"
            port=4000
            for to in '127.0.0.1 5000' '::1 5000' 'both.example 5000 -4' 'both.example 5000'; do
                echo x | sockkit connect $flags $to --from :$port -v --linger 100ms
                port=$((port + 1))
            done
            kill $server; wait $server || true
        done";
    let Some(ran) = run_in_network("a source port", script) else { return };
    let ran = ran.code(0);
    for local in ["127.0.0.1:4000", "[::1]:4001", "127.0.0.1:4002", "[::1]:4003"] {
        let shown = format!("(local {local})");
        assert_eq!(ran.stderr.matches(&shown).count(), 2, "{local}: {}", ran.stderr);
    }
}

#[test]
fn c03_from_accepts_a_zone() {
    let script = "ip address add fe80::1/64 dev lo nodad
        serve '[::]:5000'
        sockkit connect fe80::1%lo 5000 --from fe80::1%lo -v < /dev/null
        sockkit connect fe80::1%lo 5000 --from '[fe80::1%lo]:4000' -v < /dev/null
        sockkit connect fe80::1 5000 --from fe80::1%lo -v < /dev/null";
    let Some(ran) = run_in_network("a zone", script) else { return };
    let ran = ran.code(0);
    assert_eq!(ran.stderr.matches("(local [fe80::1%lo]:").count(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("(local [fe80::1%lo]:4000)"), "{}", ran.stderr);
}

#[test]
fn an_address_with_a_zone_is_shown_in_brackets_with_the_name_of_the_interface() {
    // The kernel adds the route to the address a moment later.
    let setup = "ip link set lo up; ip address add fe80::1/64 dev lo nodad
        until ip -6 route show table local | grep -q fe80::1; do sleep 0.01; done";
    let run = |args: &str| Some(in_namespace("the name of a zone", setup, args)?.stdin("x").run());
    for (args, shown) in [
        ("connect fe80::1%lo 9 -v", "cannot connect to [fe80::1%lo]:9: connection refused"),
        ("connect fe80::1%lo 9 -v", "note: [fe80::1%lo]:9 connection refused after"),
        ("connect [fe80::1%1]:9 -v", "note: [fe80::1%lo]:9 connection refused after"),
        ("connect -u fe80::1%lo 9", "cannot connect to udp://[fe80::1%lo]:9: connection refused"),
        ("resolve a.example @fe80::1%lo", ": [fe80::1%lo]:53 connection refused"),
    ] {
        let Some(ran) = run(args) else { return };
        assert!(ran.stderr.contains(shown), "{args}: {}", ran.stderr);
    }
    let program = env!("CARGO_BIN_EXE_sockkit");
    let client = format!("echo hi | {program} connect tls://$SOCKKIT_LISTEN_ADDR --insecure -v");
    let listen = format!("listen 'tls://[fe80::1%lo]:0' --self-signed -- sh -c '{client}'");
    let Some(ran) = run(&listen) else { return };
    let ran = ran.code(0);
    assert_eq!(ran.stdout, b"hi\n");
    for shown in ["listening on", "connected", "closed"] {
        let shown = format!("{shown} [fe80::1%lo]:");
        assert!(ran.stderr.contains(&shown), "{shown}: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("%1]"), "{}", ran.stderr);
}

#[test]
fn a_zone_that_is_not_an_interface_is_named() {
    for (args, code) in [
        ("connect fe80::1%none 80", 3),
        ("connect -u fe80::1%none 80", 3),
        ("listen [fe80::1%none]:0", 3),
        ("connect ::1 80 --from fe80::1%none", 2),
    ] {
        let ran = sockkit(args).run().code(code);
        let expected = "\"none\" is not an interface of this machine";
        assert!(ran.stderr.contains(expected), "{args}: {}", ran.stderr);
    }
    let ran = sockkit("connect fe80::1%lo:80").run().code(2);
    let expected = "write an IPv6 address with a port in brackets: [fe80::1%lo]:PORT";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
}

#[test]
fn a_self_connection_counts_as_refused() {
    // With one ephemeral port, a socket that connects to that port connects to itself.
    let setup = "ip link set lo up; echo '40000 40000' > /proc/sys/net/ipv4/ip_local_port_range";
    for host in ["127.0.0.1", "0.0.0.0"] {
        let connect = format!("connect {host} 40000");
        let Some(connect) = in_namespace("a connection to oneself", setup, &connect) else {
            return;
        };
        let ran = connect.start().wait().code(4);
        assert!(ran.stderr.contains("connection refused"), "{}", ran.stderr);
    }
}

#[test]
fn localhost_reaches_a_server_that_listens_on_ipv4_only() {
    let peer = Peer::start(|mut client| client.send(b"v4"));
    let ran = sockkit(&format!("connect localhost {} -v", peer.port())).start().wait().code(0);
    assert_eq!(ran.stdout, b"v4");
    assert!(ran.stderr.contains(&format!("connected 127.0.0.1:{}", peer.port())), "{}", ran.stderr);
}

#[test]
fn e16_verbose_reports_which_address_of_localhost_refused_and_which_answered() {
    let peer = Peer::start(|mut client| client.send(b"v4"));
    let ran = sockkit(&format!("connect localhost {} -v", peer.port())).start().wait().code(0);
    assert_eq!(ran.stdout, b"v4");
    let line = |start: &str| ran.stderr.lines().find(|line| line.starts_with(start));
    let answered = line(&format!("note: {} answered after ", peer.addr));
    assert!(answered.is_some_and(|line| line.ends_with('s')), "{}", ran.stderr);
    // On some machines `localhost` is 127.0.0.1 only.
    if ran.stderr.contains("[::1]") {
        let refused = line(&format!("note: [::1]:{} connection refused after ", peer.port()));
        assert!(refused.is_some_and(|line| line.ends_with('s')), "{}", ran.stderr);
    }
    // Without -v nothing is printed.
    let peer = Peer::start(|mut client| client.send(b"v4"));
    let ran = sockkit(&format!("connect localhost {}", peer.port())).run().code(0);
    assert_eq!(ran.stderr, "");
}

/// The setup of a namespace whose `localhost` has both addresses.
const BOTH_FAMILIES: &str = "ip link set lo up
    printf '127.0.0.1 localhost\\n::1 localhost\\n' > hosts
    mount --bind hosts /etc/hosts";

/// A shell command that starts a listener for one client on 127.0.0.1:7.
fn one_client_on_ipv4() -> String {
    let program = env!("CARGO_BIN_EXE_sockkit");
    format!(
        "printf v4 | timeout 30 {program} listen 127.0.0.1:7 --port-file port > out 2>&1 &
        while ! test -e port; do sleep 0.01; done"
    )
}

#[test]
fn e16_verbose_reports_the_refused_address_before_the_one_that_answered() {
    let directory = tempfile::tempdir().unwrap();
    let setup = format!("{BOTH_FAMILIES}\n{}", one_client_on_ipv4());
    let connect = "connect localhost 7 -v";
    let Some(connect) = in_namespace("both addresses of localhost", &setup, connect) else {
        return;
    };
    let ran = connect.dir(directory.path()).run().code(0);
    assert_eq!(ran.out(), "v4");
    let refused = ran.stderr.find("note: [::1]:7 connection refused after ");
    let answered = ran.stderr.find("note: 127.0.0.1:7 answered after ");
    assert!(refused.is_some() && refused < answered, "{}", ran.stderr);
}

#[test]
fn e41_every_failed_address_is_listed_with_its_own_reason() {
    let directory = tempfile::tempdir().unwrap();
    // The namespace has no route to 203.0.113.1.
    let setup = format!("{BOTH_FAMILIES}\necho '203.0.113.1 localhost' >> hosts");
    let connect = "connect localhost 7 -v";
    let Some(connect) = in_namespace("every address with its reason", &setup, connect) else {
        return;
    };
    let ran = connect.dir(directory.path()).run().code(4);
    let error = ran.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
    for reason in [
        "127.0.0.1:7 connection refused",
        "[::1]:7 connection refused",
        "203.0.113.1:7 network unreachable",
    ] {
        assert!(error.contains(reason), "{error}");
        assert!(ran.stderr.contains(&format!("note: {reason} after ")), "{}", ran.stderr);
    }
}

#[test]
fn e41_an_unanswered_address_is_reported_with_the_time_it_was_given() {
    // A listener with a full backlog does not answer.
    let listener =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let addr = listener.local_addr().unwrap().as_socket().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&addr, Duration::from_millis(200)) {
        held.push(stream);
    }
    let connect = format!("connect {addr} -v --connect-timeout 300ms");
    let ran = sockkit(&connect).run().code(5);
    let note = ran.stderr.lines().find(|line| line.starts_with("note: ")).unwrap();
    let time = note.strip_prefix(&format!("note: {addr} timed out after ")).unwrap();
    let (figure, unit) = time.split_once(' ').unwrap();
    let figure: f64 = figure.parse().unwrap();
    assert!(unit == "s" || (unit == "ms" && figure >= 100.0), "{note}");
}

#[test]
fn an_address_that_loses_the_race_is_reported_as_unanswered() {
    let directory = tempfile::tempdir().unwrap();
    // Packets to an address that is routed to the loopback interface, but not assigned to it, get
    // no answer.
    let setup = format!(
        "{BOTH_FAMILIES}\nprintf '2001:db8::1 target\\n127.0.0.1 target\\n' >> hosts
        ip -6 addr add 2001:db8::2/128 dev lo && ip -6 route add 2001:db8::1 dev lo
        {}",
        one_client_on_ipv4()
    );
    let connect = "connect target 7 -v";
    let Some(connect) = in_namespace("a loser that was silent", &setup, connect) else {
        return;
    };
    let ran = connect.dir(directory.path()).run().code(0);
    assert_eq!(ran.out(), "v4");
    assert!(ran.stderr.contains("note: 127.0.0.1:7 answered after "), "{}", ran.stderr);
    let silent = "note: [2001:db8::1]:7 had not answered after ";
    assert!(ran.stderr.contains(silent), "{}", ran.stderr);
}
