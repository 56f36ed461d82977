//! A network in which one thing is broken: a client, a router, and servers behind the router.
//!
//! The test's own thread is the router and the servers. It has the address 198.51.100.1 on the
//! client's link and 203.0.113.1 behind it, and the same with IPv6.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use crate::support::peers::dns_server::{DnsServer, a, record};
use crate::support::{Outcome, Server, Sockkit, on_own_machine, skip, sockkit};
use hickory_resolver::proto::rr::RData;
use hickory_resolver::proto::rr::rdata::AAAA;

/// A resolv.conf that names the router.
pub(super) const RESOLV_CONF: &str = "nameserver 198.51.100.1\n";

const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n";

const SETUP: &str = "
    mount -t tmpfs none /run
    ip netns add client
    ip link add srv0 type veth peer name eth0 netns client
    ip addr add 198.51.100.1/24 dev srv0
    ip -6 addr add 2001:db8:1::1/64 dev srv0 nodad
    ip addr add 203.0.113.1/32 dev lo
    ip -6 addr add 2001:db8:2::1/128 dev lo nodad
    ip link set srv0 up
    ip -n client link set lo up
    ip -n client addr add 198.51.100.7/24 dev eth0
    ip -n client -6 addr add 2001:db8:1::7/64 dev eth0 nodad
    ip -n client link set eth0 up
    ip -n client route add default via 198.51.100.1
    ip -n client -6 route add default via 2001:db8:1::1
";

/// Runs `run` in such a network, after the shell script `fault`; skips the test where namespaces
/// are not permitted.
pub(super) fn network(
    test: &str,
    resolv_conf: &str,
    hosts: &str,
    fault: &str,
    run: impl FnOnce() + Send,
) {
    if Command::new("ip").arg("-V").output().is_err() {
        return skip(test, "no ip command");
    }
    on_own_machine(test, resolv_conf, &format!("{HOSTS}{hosts}"), || {
        let script = format!("{SETUP}\n{fault}");
        let status = Command::new("sh").args(["-ec", &script]).status().unwrap();
        assert!(status.success(), "{script}");
        run();
    });
}

/// Runs `sockkit doctor` on the client's machine.
pub(super) fn doctor(args: &str) -> Verdict {
    let program = env!("CARGO_BIN_EXE_sockkit");
    let mut command = Command::new("nsenter");
    command.args(["--net=/run/netns/client", program, "doctor", "--json"]);
    command.args(args.split_whitespace());
    Verdict::of(&Sockkit::of(command).run())
}

/// What doctor said.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) exit: i32,
    pub(super) conclusion: Value,
    pub(super) checks: Vec<Value>,
}

impl Verdict {
    fn of(ran: &Outcome) -> Self {
        let mut lines: Vec<Value> =
            ran.out().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let conclusion = lines.pop().unwrap_or_else(|| panic!("no output: {ran:?}"));
        assert_eq!(conclusion["type"], "conclusion");
        Self { exit: ran.code, conclusion, checks: lines }
    }

    /// Asserts that `layer` is named as the broken one.
    #[track_caller]
    pub(super) fn blames(&self, layer: &str) -> &Self {
        let said = (self.exit, &self.conclusion["ok"], &self.conclusion["layer"]);
        assert_eq!(said, (1, &false.into(), &layer.into()), "{self:#?}");
        assert!(self.conclusion["hint"].is_string(), "{self:#?}");
        self
    }

    /// Asserts that no layer is named.
    #[track_caller]
    pub(super) fn blames_none(&self) -> &Self {
        let said = (self.exit, &self.conclusion["ok"], &self.conclusion["layer"]);
        assert_eq!(said, (0, &true.into(), &Value::Null), "{self:#?}");
        self
    }

    /// Returns the results of the checks of a layer.
    pub(super) fn results(&self, layer: &str) -> Vec<&str> {
        let of_layer = self.checks.iter().filter(|check| check["layer"] == layer);
        of_layer.map(|check| check["result"].as_str().unwrap()).collect()
    }

    /// Asserts that the conclusion contains `text`.
    #[track_caller]
    pub(super) fn says(&self, text: &str) -> &Self {
        assert!(self.conclusion["message"].as_str().unwrap().contains(text), "{self:#?}");
        self
    }
}

/// Starts a DNS server on the router, which knows the addresses of `www.example`.
pub(super) fn dns(v4: [u8; 4], v6: &str) -> DnsServer {
    let aaaa = record("www.example.", RData::AAAA(AAAA(v6.parse().unwrap())));
    DnsServer::with_records_at(router(53), vec![a("www.example.", v4), aaaa])
}

/// Starts a DNS server that knows the right addresses.
pub(super) fn right_dns() -> DnsServer {
    dns([203, 0, 113, 1], "2001:db8:2::1")
}

pub(super) fn router(port: u16) -> SocketAddr {
    SocketAddr::new([198, 51, 100, 1].into(), port)
}

/// Starts an echo server on port 8000 of the servers behind the router, on both families.
pub(super) fn echo() -> [Server; 2] {
    let start = |addr: &str| sockkit(&format!("echo-server {addr}:8000")).serve();
    [start("203.0.113.1"), start("[2001:db8:2::1]")]
}
