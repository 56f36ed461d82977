//! Cases E40 to E43: names, addresses and the ways to write them.

use crate::support::{Ran, in_namespace};

/// Runs a shell script in a network of its own, in which `serve ADDRESS` starts a listener for
/// many clients and waits until it listens. Names and name servers are the script's to give:
/// `/etc/hosts` and `/etc/resolv.conf` are empty, and its own.
fn run(test: &str, script: &str) -> Option<Ran> {
    let program = env!("CARGO_BIN_EXE_sockkit");
    let setup = format!(
        "ip link set lo up
        sockkit() {{ {program} \"$@\"; }}
        here=$(mktemp -d); cd $here
        trap 'rm -r $here' EXIT
        : > hosts; mount --bind hosts /etc/hosts
        : > resolv; mount --bind resolv /etc/resolv.conf
        serve() {{
            rm -f port
            {program} listen $1 -k -q --port-file port < /dev/null & server=$!
            trap 'kill $server 2> stopped || true; rm -r $here' EXIT
            while [ ! -s port ]; do sleep 0.01; done
        }}
        {script}
        exit 0"
    );
    Some(in_namespace(test, &setup, "info")?.run())
}

#[test]
fn e40_an_address_that_swallows_everything_does_not_delay_one_that_answers() {
    // What is sent to the first address comes back to a machine that does not have it, which
    // drops it.
    let script = "ip route add 2001:db8::/64 dev lo
        printf '2001:db8::2 both.example\\n127.0.0.1 both.example\\n' > hosts
        serve 127.0.0.1:5000
        sockkit connect both.example 5000 --connect-timeout 20s -v < /dev/null";
    let Some(ran) = run("e40", script) else { return };
    let ran = ran.code(0);
    assert!(ran.stderr.contains("connected 127.0.0.1:5000"), "{}", ran.stderr);
    // The first one had not even failed then.
    assert!(!ran.stderr.contains("2001:db8::2"), "{}", ran.stderr);
}

#[test]
fn e42_every_way_to_write_an_address_reaches_it() {
    let script = "ip address add fe80::1/64 dev lo
        printf '127.0.0.1 xn--bcher-kva.example server.example\\n' > hosts
        serve_at() { serve $1; shift; for to in \"$@\"; do
            sockkit connect $to -v < /dev/null || echo \"$to: exit $?\"
        done; kill $server; wait $server; }
        serve_at '[::1]:5000' '[::1]:5000' '::1 5000' 'tcp://[::1]:5000' '::1 5000 -6'
        serve_at '127.0.0.1:80' '127.0.0.1:80' '127.0.0.1 http' 'server.example:http' \
            'bücher.example 80' 'tcp://server.example:80'
        serve_at '[::]:5000' 'fe80::1%lo 5000'";
    let Some(ran) = run("e42", script) else { return };
    let ran = ran.code(0);
    assert_eq!(ran.out(), "");
    let reached = |addr: &str| ran.stderr.matches(&format!("connected {addr}")).count();
    assert_eq!(reached("[::1]:5000"), 4, "{}", ran.stderr);
    assert_eq!(reached("127.0.0.1:80"), 5, "{}", ran.stderr);
    assert_eq!(reached("[fe80::1%"), 1, "{}", ran.stderr);
}

#[test]
fn e43_an_address_needs_no_name_server() {
    // One that never answers would be asked in vain for seconds, and seen to be asked.
    let script = "ip route add 192.0.2.0/24 dev lo
        echo 'nameserver 192.0.2.53' > resolv
        printf '127.0.0.1 localhost\\n::1 localhost\\n' > hosts
        serve 127.0.0.1:5000
        sockkit connect 127.0.0.1 5000 < /dev/null
        sockkit connect 127.0.0.1:5000 -v < /dev/null
        awk '/^Udp:/ { print $5 }' /proc/net/snmp";
    let Some(ran) = run("e43", script) else { return };
    assert_eq!(ran.code(0).out(), "OutDatagrams\n0\n");
}
