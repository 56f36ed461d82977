//! The search list after a failure, as in the C library.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::ResponseCode;

use super::resolve;
use crate::support::on_own_machine;
use crate::support::peers::dns_server::{DnsServer, a, wire};

/// One try, because the C library repeats a query that a server rejects.
const RESOLV_CONF: &str = "nameserver 127.0.0.1\nsearch a.example b.example\noptions attempts:1\n";

/// A server that rejects names that begin with `servfail` or `refused` in `a.example` and as they
/// are, that has `found` names in `b.example`, and no others; and the names that it was asked for.
fn server() -> (DnsServer, Arc<Mutex<Vec<String>>>) {
    let names: Arc<Mutex<Vec<String>>> = Arc::default();
    let asked = Arc::clone(&names);
    let server = DnsServer::start_at(SocketAddr::from(([127, 0, 0, 1], 53)), move |query| {
        let name = query.name.to_ascii_lowercase();
        let mut reply = query.reply();
        let (is_found, is_last) = (name.contains("found"), name.ends_with(".b.example."));
        reply.metadata.response_code = match () {
            () if is_last && is_found => ResponseCode::NoError,
            () if !is_last && name.starts_with("servfail") => ResponseCode::ServFail,
            () if !is_last && name.starts_with("refused") => ResponseCode::Refused,
            () => ResponseCode::NXDomain,
        };
        if is_last && is_found {
            reply.add_answer(a(&query.name, [192, 0, 2, 1]));
        }
        let mut asked = asked.lock().unwrap();
        if !asked.contains(&name) {
            asked.push(name);
        }
        vec![wire(&reply)]
    });
    (server, names)
}

#[test]
fn r43_the_search_goes_on_after_a_failure_as_in_the_c_library() {
    on_own_machine("search after a failure", RESOLV_CONF, "", || {
        // The C library looks up no addresses if this machine has only loopback addresses.
        let ip = ["ip", "addr", "add", "192.0.2.55/32", "dev", "lo"];
        assert!(Command::new(ip[0]).args(&ip[1..]).status().unwrap().success());
        let (_server, names) = server();
        let asked = || std::mem::take(&mut *names.lock().unwrap());
        for (name, code, count) in [
            ("servfail.x-found", 0, 3),
            ("servfail.x", 4, 3),
            ("refused.x-found", 4, 2),
            ("servfail-found", 0, 2),
            ("servfail-none", 4, 3),
            ("refused-found", 4, 2),
        ] {
            let run = resolve([name, "a"]);
            let by_sockkit = asked();
            assert_eq!((run.code, by_sockkit.len()), (code, count), "{name}: {}", run.stderr);
            let system = Command::new("getent").args(["ahostsv4", name]).output().unwrap();
            assert_eq!(by_sockkit, asked(), "{name}");
            assert_eq!(system.status.success(), code == 0, "{name}");
        }
    });
}

#[test]
fn a_failure_that_ends_the_search_is_named_with_the_names_that_were_not_tried() {
    on_own_machine("search that ends", RESOLV_CONF, "", || {
        let (_server, _) = server();
        let run = resolve(["refused-found", "a"]);
        assert_eq!(run.code, 4);
        run.assert_stderr_contains(
            "cannot look up refused-found as refused-found.a.example: udp://127.0.0.1:53 answered \
             REFUSED",
        );
        run.assert_stderr_contains("; also tried refused-found (REFUSED)");
        run.assert_stderr_contains("; the failure ended the search before refused-found.b.example");
        let run = resolve(["-v", "servfail-found", "a"]);
        assert_eq!(run.code, 0);
        run.assert_stderr_contains("servfail-found.a.example was answered with SERVFAIL");
    });
}
