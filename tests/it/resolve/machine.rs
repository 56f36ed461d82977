//! Answers as this machine would give them: localhost names, `/etc/hosts`, the search list, and the
//! options of `/etc/resolv.conf`.

use std::collections::BTreeSet;
use std::net::{SocketAddr, SocketAddrV6};
use std::process::Command;
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RData;
use hickory_resolver::proto::rr::rdata::AAAA;
use serde_json::json;

use super::{Run, resolve, silent_server};
use crate::support::peers::dns_server::{DnsServer, Transport, a, raw, record, wire};
use crate::support::{Sockkit, eventually, on_own_machine};

fn dns_port() -> SocketAddr {
    "127.0.0.1:53".parse().unwrap()
}

const RESOLV_CONF: &str = "nameserver 127.0.0.1\n";

const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n\
                     192.0.2.7 www.example www\n192.0.2.8 same.example\n";

#[test]
fn localhost_is_an_answer_without_a_query() {
    on_own_machine("localhost", RESOLV_CONF, HOSTS, || {
        let run = resolve(["--json", "localhost"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let lines = run.json();
        assert_eq!(lines.len(), 2);
        for (line, data) in lines.iter().zip(["127.0.0.1", "::1"]) {
            assert_eq!(line["server"], "file:///etc/hosts");
            assert_eq!(
                (&line["status"], &line["answers"][0]["data"]),
                (&json!("NOERROR"), &json!(data))
            );
        }
        let run = resolve(["127.0.0.1"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
        assert_eq!(
            run.stdout,
            "NAME                     TYPE  TTL  DATA        NOTE\n\
             1.0.0.127.in-addr.arpa.  PTR   0    localhost.  from file:///etc/hosts\n"
        );
        let run = resolve(["--short", "localhost"]);
        assert_eq!((run.code, run.stdout.as_str()), (0, "127.0.0.1\n::1\n"));
        let run = resolve(["--json", "x.localhost", "a"]);
        assert_eq!((run.code, &run.json()[0]["server"]), (0, &json!("builtin:localhost")));
        assert_eq!(run.data(), ["127.0.0.1"]);
    });
}

#[test]
fn localhost_names_have_no_other_records_and_no_server_is_asked() {
    on_own_machine("other types of localhost", RESOLV_CONF, HOSTS, || {
        let server = DnsServer::with_records_at(dns_port(), Vec::new());
        for (name, source) in [
            ("localhost", "file:///etc/hosts"),
            ("localhost.", "builtin:localhost"),
            ("a.b.localhost", "builtin:localhost"),
        ] {
            let run = resolve(["--json", name, "mx", "txt"]);
            assert_eq!((run.code, run.json().len()), (1, 2), "{}", run.stderr);
            let line = &run.json()[0];
            assert_eq!((&line["server"], &line["status"]), (&json!(source), &json!("NOERROR")));
            run.assert_stderr_contains(&format!("{name} has no MX or TXT record"));
        }
        assert_eq!(server.count(), 0);
    });
}

#[test]
fn an_entry_of_one_family_is_the_whole_answer_to_the_default_question() {
    on_own_machine("hosts file of one family", RESOLV_CONF, HOSTS, || {
        let records = vec![
            a("same.example.", [192, 0, 2, 8]),
            record("same.example.", RData::AAAA(AAAA("2001:db8::8".parse().unwrap()))),
        ];
        let server = DnsServer::with_records_at(dns_port(), records);
        let run = resolve(["--plain", "same.example"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
        assert_eq!(run.stdout, "same.example.\tA\t0\t192.0.2.8\tfrom file:///etc/hosts\n");
        assert_eq!(server.count(), 1, "only the addresses of the same family are compared");
        let run = resolve(["--short", "same.example", "aaaa"]);
        assert_eq!((run.code, run.stdout.as_str()), (0, "2001:db8::8\n"));
    });
    on_own_machine("hosts file without DNS", RESOLV_CONF, HOSTS, || {
        let run = resolve(["--short", "www.example"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
        assert_eq!(run.stdout, "192.0.2.7\n");
    });
}

#[test]
fn r61_an_entry_of_the_hosts_file_is_shown_beside_a_dns_answer_that_differs() {
    on_own_machine("hosts file", RESOLV_CONF, HOSTS, || {
        let server = DnsServer::with_records_at(
            dns_port(),
            vec![a("www.example.", [192, 0, 2, 9]), a("same.example.", [192, 0, 2, 8])],
        );
        let run = resolve(["www.example", "a"]);
        assert_eq!(run.code, 0);
        assert_eq!(
            run.stdout,
            "NAME          TYPE  TTL  DATA       NOTE\n\
             www.example.  A     0    192.0.2.7  from file:///etc/hosts\n\
             www.example.  A     300  192.0.2.9\n"
        );
        let run = resolve(["--short", "www.example"]);
        assert_eq!(run.stdout, "192.0.2.7\n");
        // The same answer is shown once.
        let run = resolve(["--json", "same.example", "a"]);
        assert_eq!(run.json().len(), 1);
        assert_eq!(run.json()[0]["server"], "file:///etc/hosts");
        // An entry counts although the DNS has no such name, which is said.
        let run = resolve(["--json", "www", "a"]);
        assert_eq!((run.code, run.json().len(), run.data()), (0, 2, vec!["192.0.2.7".to_owned()]));
        run.assert_stderr_contains("www does not exist (NXDOMAIN from udp://127.0.0.1:53)");
        // With a server on the command line, only this server answers.
        let run = resolve(["--json", "www.example", "a", &server.argument()]);
        assert_eq!((run.json().len(), run.data()), (1, vec!["192.0.2.9".to_owned()]));
        run.assert_stderr_contains("/etc/hosts maps www.example to 192.0.2.7");
        let run = resolve(["--json", "192.0.2.7"]);
        assert_eq!((run.code, run.data()), (0, vec!["www.example.".to_owned()]));
    });
}

#[test]
fn a_name_is_compared_with_the_hosts_file_as_programs_compare_it() {
    let hosts = "192.0.2.7 plain.example\n192.0.2.8 dotted.example.\n\
                 192.0.2.9 xn--bcher-kva.example\n";
    on_own_machine("names of the hosts file", RESOLV_CONF, hosts, || {
        let records = vec![a("plain.example.", [192, 0, 2, 1])];
        let _server = DnsServer::with_records_at(dns_port(), records);
        for (name, data) in [
            ("plain.example", "192.0.2.7"),
            ("plain.example.", "192.0.2.1"),
            ("Dotted.Example.", "192.0.2.8"),
            ("bücher.example", "192.0.2.9"),
        ] {
            let run = resolve(["--short", name]);
            assert_eq!((run.code, run.stdout), (0, format!("{data}\n")), "{name}");
        }
        assert_eq!(resolve(["--short", "dotted.example"]).code, 1);
        let run = resolve(["--short", "localhost."]);
        assert_eq!((run.code, run.stdout.as_str()), (0, "127.0.0.1\n::1\n"));
    });
}

#[test]
fn an_entry_of_the_hosts_file_is_an_answer_without_a_server() {
    on_own_machine("hosts file without a server", RESOLV_CONF, HOSTS, || {
        let run = resolve(["--json", "www.example", "a"]);
        assert_eq!((run.code, run.json().len()), (0, 1), "{}", run.stderr);
        assert_eq!(run.stderr, "");
    });
}

#[test]
fn names_of_a_file_are_answered_from_the_hosts_file_too() {
    on_own_machine("hosts file with many names", RESOLV_CONF, HOSTS, || {
        let words = ["resolve", "--plain", "-"];
        let ran = Sockkit::new(words).stdin("WWW\n192.0.2.8\nx.localhost\n").run().code(0);
        assert_eq!(
            ran.out(),
            "WWW\tA\tNOERROR\t192.0.2.7\t\n\
             192.0.2.8\tPTR\tNOERROR\tsame.example.\t\n\
             x.localhost\tA\tNOERROR\t127.0.0.1\t\n"
        );
    });
}

#[test]
fn r43_a_short_name_is_searched_and_a_trailing_dot_ends_the_search() {
    let resolv_conf = "nameserver 127.0.0.1\nsearch a.example b.example .\noptions ndots:2\n";
    on_own_machine("search list", resolv_conf, HOSTS, || {
        let server = DnsServer::start_at(dns_port(), |query| {
            let mut reply = query.reply();
            match query.name.as_str() {
                "host.b.example." | "sub.host.a.example." | "x.y.z." | "late." => {
                    reply.add_answer(a(&query.name, [192, 0, 2, 1]));
                }
                "host.a.example." => {}
                "broken.a.example." => reply.metadata.response_code = ResponseCode::ServFail,
                _ => reply.metadata.response_code = ResponseCode::NXDomain,
            }
            vec![wire(&reply)]
        });
        let asked = |name: &str| {
            let before = server.count();
            let run = resolve(["--json", name, "a"]);
            (run, server.count() - before)
        };
        // No data goes on, and the first answer ends the search.
        let (run, queries) = asked("host");
        assert_eq!((run.code, queries), (0, 2));
        assert_eq!(run.json()[0]["answers"][0]["name"], "host.b.example.");
        assert_eq!(run.json()[0]["name"], "host");
        let (run, queries) = asked("sub.host");
        assert_eq!((run.code, queries), (0, 1));
        // As many dots as ndots: as it is first.
        let (run, queries) = asked("x.y.z");
        assert_eq!((run.code, queries), (0, 1));
        // The root in the list is the name as it is.
        let (run, queries) = asked("late");
        assert_eq!((run.code, queries), (0, 3));
        // A trailing dot: one query.
        let (run, queries) = asked("host.");
        assert_eq!((run.code, queries), (1, 1));
        // A server's failure does not end the search, but is the result if no name is found.
        let (run, queries) = asked("broken");
        assert_eq!((run.code, queries), (4, 3));
        let (run, queries) = asked("none");
        assert_eq!((run.code, queries), (1, 3));
        run.assert_stderr_contains("none does not exist");
        run.assert_stderr_contains("; also tried none.a.example, none.b.example");
        let run = resolve(["-v", "host", "a"]);
        run.assert_stderr_contains("host.a.example has no such record; tried the next name");
        // With a server on the command line, nothing is searched.
        let run = resolve(["--json", "host", "a", &server.argument()]);
        assert_eq!((run.code, &run.json()[0]["status"]), (1, &json!("NXDOMAIN")));
    });
}

#[test]
fn r62_the_options_of_resolv_conf_apply() {
    let answer_over_tcp = |query: &crate::support::peers::dns_server::Query| {
        let mut reply = query.reply();
        reply.add_answer(a(&query.name, [192, 0, 2, 1]));
        if query.via == Transport::Tcp { vec![wire(&reply)] } else { Vec::new() }
    };
    let resolv_conf = "; comment\n# comment\nnonsense\nnameserver 127.0.0.1\nnameserver 127.0.0.2\n\
                       nameserver 127.0.0.3\nnameserver 127.0.0.4\nnameserver 127.0.0.5\n\
                       options timeout:1 attempts:1 ndots:15 rotate use-vc\n";
    on_own_machine("use-vc", resolv_conf, HOSTS, || {
        let _server = DnsServer::start_at(dns_port(), answer_over_tcp);
        let run = resolve(["--json", "t.example", "a"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_eq!(run.json()[0]["server"], "tcp://127.0.0.1:53");
    });
    on_own_machine("three servers", resolv_conf, HOSTS, || {
        // None of the first three servers exists; the fourth is not asked.
        let fourth = "127.0.0.4:53".parse().unwrap();
        let _server = DnsServer::start_at(fourth, answer_over_tcp);
        let run = resolve(["t.example", "a"]);
        assert_eq!(run.code, 4);
        run.assert_stderr_contains("127.0.0.3:53 connection refused");
        assert!(!run.stderr.contains("127.0.0.4"), "{}", run.stderr);
    });
    on_own_machine("empty resolv.conf", "", "", || {
        let _server = DnsServer::with_records_at(dns_port(), vec![a("t.example.", [192, 0, 2, 1])]);
        let run = resolve(["--json", "t.example", "a"]);
        assert_eq!((run.code, run.data()), (0, vec!["192.0.2.1".to_owned()]));
    });
}

#[test]
fn the_environment_replaces_the_search_list_and_amends_the_options() {
    let resolv_conf = "nameserver 127.0.0.1\nsearch a.example\noptions ndots:1\n";
    on_own_machine("LOCALDOMAIN and RES_OPTIONS", resolv_conf, HOSTS, || {
        let server = DnsServer::with_records_at(
            dns_port(),
            vec![a("host.b.example.", [192, 0, 2, 1]), a("x.y.b.example.", [192, 0, 2, 2])],
        );
        let run = |name: &str, domains: &str, options: &str| {
            let run = Sockkit::new(["resolve", "--json", name, "a"]);
            let ran = run.env("LOCALDOMAIN", domains).env("RES_OPTIONS", options).run();
            Run { code: ran.code, stdout: ran.out(), stderr: ran.stderr }
        };
        let found = run("host", "c.example b.example", "");
        assert_eq!((found.code, found.data()), (0, vec!["192.0.2.1".to_owned()]));
        assert_eq!(found.json()[0]["query_name"], "host.b.example.");
        // The name in the list is the first query with ndots:2, the second one with ndots:1.
        let before = server.count();
        assert_eq!(run("x.y", "b.example", "ndots:2").code, 0);
        assert_eq!(server.count() - before, 1);
        assert_eq!(run("host", "", "").code, 1);
        let missing = run("host", "d.example", "");
        missing.assert_stderr_contains("; also tried host.d.example");
    });
}

#[test]
fn the_timeout_and_attempts_of_the_system_limit_each_server_unless_timeout_is_given() {
    let resolv_conf = "nameserver 127.0.0.1\nnameserver 127.0.0.2\noptions timeout:1 attempts:1\n";
    on_own_machine("timeout of the system", resolv_conf, HOSTS, || {
        let _silent = DnsServer::start_at(dns_port(), |_| Vec::new());
        let second = "127.0.0.2:53".parse().unwrap();
        let _server = DnsServer::with_records_at(second, vec![a("t.example.", [192, 0, 2, 1])]);
        let started = Instant::now();
        let run = resolve(["--json", "t.example", "a"]);
        let time = started.elapsed();
        assert_eq!((run.code, run.data()), (0, vec!["192.0.2.1".to_owned()]));
        // Without the option, the first server would have half of the 5 s.
        assert!(time >= Duration::from_secs(1) && time < Duration::from_millis(2400), "{time:?}");
        let started = Instant::now();
        let run = resolve(["--json", "t.example", "a", "--timeout", "6s"]);
        assert_eq!(run.code, 0);
        assert!(started.elapsed() >= Duration::from_secs(3));
    });
}

#[test]
fn servers_are_queried_in_random_order_on_request_and_with_rotate() {
    let servers: Vec<String> = (1..=3).map(|at| format!("nameserver 127.0.0.{at}\n")).collect();
    let resolv_conf = servers.concat() + "options rotate\n";
    on_own_machine("rotate", &resolv_conf, HOSTS, || {
        let start = |at: u8| {
            let record = a("t.example.", [192, 0, 2, at]);
            DnsServer::with_records_at(([127, 0, 0, at], 53).into(), vec![record])
        };
        let servers: Vec<DnsServer> = (1..=3).map(start).collect();
        let words: Vec<String> = servers.iter().map(DnsServer::argument).collect();
        let random = ["--short", "--random", "t.example", "a", &words[0], &words[1], &words[2]];
        let answers = |run: &dyn Fn() -> Run| {
            // 60 times the same server of three, by chance: once in 10^28 runs.
            (0..60).map(|_| run().stdout).collect::<BTreeSet<String>>()
        };
        assert!(answers(&|| resolve(["--short", "t.example", "a"])).len() > 1);
        assert!(answers(&|| resolve(random)).len() > 1);
        let run = resolve(["--random", "--all", "t.example", "a", &words[0]]);
        assert_eq!(run.code, 2);
    });
}

#[test]
fn a_family_and_a_source_address_limit_which_servers_are_queried() {
    let resolv_conf = "nameserver 127.0.0.1\nnameserver ::1\n";
    on_own_machine("families", resolv_conf, HOSTS, || {
        let answer = |query: &crate::support::peers::dns_server::Query| {
            let mut reply = query.reply();
            let text = query.client.ip().to_string();
            let data = [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            reply.add_answer(raw(&query.name, 16, &data));
            vec![wire(&reply)]
        };
        let _v4 = DnsServer::start_at(dns_port(), answer);
        let _v6 = DnsServer::start_at("[::1]:53".parse().unwrap(), answer);
        let _named = DnsServer::start_at("127.0.0.2:53".parse().unwrap(), answer);
        for (words, server, client) in [
            (&["-4"][..], "udp://127.0.0.1:53", "127.0.0.1"),
            (&["-6"], "udp://[::1]:53", "::1"),
            (&["-6", "--tcp"], "tcp://[::1]:53", "::1"),
            (&["-6", "@localhost"], "udp://[::1]:53", "::1"),
            (&["-4", "@localhost"], "udp://127.0.0.1:53", "127.0.0.1"),
            (&["--from", "::1"], "udp://[::1]:53", "::1"),
            (&["--from", "127.0.0.9"], "udp://127.0.0.1:53", "127.0.0.9"),
            (&["--from", "127.0.0.9", "--tcp"], "tcp://127.0.0.1:53", "127.0.0.9"),
            (&["--from", "127.0.0.9:4444"], "udp://127.0.0.1:53", "127.0.0.9"),
            (&["--from", ":4444", "-4", "@127.0.0.2"], "udp://127.0.0.2:53", "127.0.0.1"),
        ] {
            let all = ["resolve", "--json", "t.example", "txt", "mx"];
            let ran = Sockkit::new(all.iter().chain(words)).run().code(0);
            let run = Run { code: ran.code, stdout: ran.out(), stderr: ran.stderr };
            assert_eq!(run.json()[0]["server"], server, "{words:?}");
            assert_eq!(run.data(), [format!("\"{client}\"")], "{words:?}");
        }
        for (words, code, reason) in [
            (&["-4", "@::1"][..], 3, "no address of the requested family"),
            (&["-4", "--from", "::1"], 2, "not of the family of -4 or -6"),
            (&["-4", "-6"], 2, "cannot be used with"),
            (&["--from", "192.0.2.9"], 7, "cannot connect from 192.0.2.9:0"),
            (&["--from", "unix:/x"], 2, "is not a network address"),
            (&["--from", ":4444", "--fastest"], 2, "--fastest"),
        ] {
            let ran = Sockkit::new(["resolve", "t.example"].iter().chain(words)).run().code(code);
            assert!(ran.stderr.contains(reason), "{words:?}: {}", ran.stderr);
        }
    });
    on_own_machine("no server of the family", "nameserver 127.0.0.1\n", HOSTS, || {
        let run = resolve(["t.example", "-6"]);
        assert_eq!(run.code, 3);
        run.assert_stderr_contains("no DNS server of this machine has an address");
    });
}

#[test]
fn r46_a_server_is_reached_through_the_zone_of_its_address() {
    let resolv_conf = "nameserver fe80::53%lo\n";
    on_own_machine("zones", resolv_conf, HOSTS, || {
        let ip = ["ip", "-6", "addr", "add", "fe80::53/64", "dev", "lo", "nodad"];
        assert!(Command::new(ip[0]).args(&ip[1..]).status().unwrap().success());
        // The kernel makes the route later; a socket that is connected before does not use it.
        let has_route = || {
            let routes =
                Command::new("ip").args(["-6", "route", "show", "table", "local"]).output();
            String::from_utf8_lossy(&routes.unwrap().stdout).contains("fe80::53").then_some(())
        };
        eventually("the address has a route", has_route);
        let lo = 1;
        let addr = SocketAddrV6::new("fe80::53".parse().unwrap(), 53, 0, lo);
        let _server =
            DnsServer::with_records_at(addr.into(), vec![a("t.example.", [192, 0, 2, 1])]);
        for word in ["@fe80::53%lo", "@[fe80::53%lo]:53", "@tcp://[fe80::53%lo]", "t.example"] {
            let run = resolve(["--json", "t.example.", "a", word]);
            assert_eq!(run.code, 0, "{word}: {}", run.stderr);
            let server = run.json()[0]["server"].as_str().unwrap().to_owned();
            assert!(server.ends_with("://[fe80::53%lo]:53"), "{server}");
        }
    });
}

#[test]
fn the_timeout_of_5_seconds_is_shared_by_the_servers_and_the_names() {
    let silent = silent_server();
    let good = DnsServer::with_records(vec![raw("t.example.", 16, b"\x01x")]);
    let started = Instant::now();
    let run = resolve(["--plain", "t.example", "txt", &silent.argument(), &good.argument()]);
    let time = started.elapsed();
    assert_eq!((run.code, run.stdout.as_str()), (0, "t.example.\tTXT\t300\t\"x\"\t\n"));
    assert!(time.as_millis() >= 2400 && time.as_millis() < 4500, "{time:?}");
}
