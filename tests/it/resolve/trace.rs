//! `--trace`: a tree of zones on loopback addresses, with port 53 of a machine of its own.

use std::fs;
use std::net::SocketAddr;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::Record;
use serde_json::{Value, json};

use super::{Run, resolve};
use crate::json_doc;
use crate::support::on_own_machine;
use crate::support::peers::dns_server::{DnsServer, a, cname, ns, wire};

fn at(last: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, last], 53))
}

/// A referral to these servers, with these addresses.
fn refer(reply: &mut Message, servers: Vec<Record>, glue: Vec<Record>) {
    reply.add_authorities(servers);
    reply.add_additionals(glue);
}

/// A server at 127.0.0.`last` that does not recurse; `answer` fills its replies.
fn zone_server(last: u8, answer: impl Fn(&str, &mut Message) + Send + Sync + 'static) -> DnsServer {
    DnsServer::start_at(at(last), move |query| {
        let mut reply = query.reply();
        reply.metadata.recursion_available = false;
        assert!(!query.message.metadata.recursion_desired, "RD is off");
        answer(&query.name.to_ascii_lowercase(), &mut reply);
        vec![wire(&reply)]
    })
}

/// A root at 127.0.0.2 that refers to `br.` at 127.0.0.3, and to `net.` at the same server.
fn root() -> DnsServer {
    zone_server(2, |name, reply| {
        let zone = if name.ends_with("br.") { "br." } else { "net." };
        refer(reply, vec![ns(zone, "a.tld.")], vec![a("a.tld.", [127, 0, 0, 3])]);
    })
}

fn authoritative(reply: &mut Message, record: Record) {
    reply.metadata.authoritative = true;
    reply.add_answer(record);
}

/// Runs `--trace` with hints for the root at 127.0.0.2.
fn trace(words: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let hints = folder.path().join("hints");
    fs::write(&hints, "; test\n. 60 NS a.root.\na.root. 60 A 127.0.0.2\n").unwrap();
    let hints = format!("--root-hints={}", hints.display());
    let all = ["resolve", "--trace", &hints];
    let ran = crate::support::Sockkit::new(all.iter().chain(words)).run();
    Run { code: ran.code, stdout: ran.out(), stderr: ran.stderr }
}

#[test]
fn r19_a_trace_shows_each_referral_and_passes_over_a_lame_server() {
    on_own_machine("--trace", "nameserver 127.0.0.1\n", "", || {
        let _root = root();
        let _tld = zone_server(3, |_, reply| {
            let servers = vec![ns("ita.br.", "ns1.ita.br."), ns("ita.br.", "ns2.ita.br.")];
            let glue = vec![a("ns1.ita.br.", [127, 0, 0, 4]), a("ns2.ita.br.", [127, 0, 0, 5])];
            refer(reply, servers, glue);
        });
        // Lame: it refers upwards.
        let _lame = zone_server(4, |_, reply| refer(reply, vec![ns(".", "a.root.")], Vec::new()));
        let _good = zone_server(5, |name, reply| authoritative(reply, a(name, [161, 24, 23, 180])));
        let run = trace(&["--json", "www.ita.br"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let lines = run.json();
        let results: Vec<&Value> = lines[..4].iter().map(|line| &line["result"]).collect();
        assert_eq!(results, ["referral", "referral", "lame", "answer"]);
        let servers: Vec<&Value> = lines.iter().map(|line| &line["server"]).collect();
        let url = |last| format!("udp://127.0.0.{last}:53");
        assert_eq!(servers, [&url(2), &url(3), &url(4), &url(5), &url(5)]);
        assert_eq!((&lines[1]["referred_to"], &lines[1]["glue"]), (&json!("ita.br."), &json!(2)));
        json_doc::holds("Reports", &lines[..4]);
        let last = &lines[4];
        assert_eq!((&last["type"], &last["status"]), (&json!("lookup"), &json!("NOERROR")));
        assert_eq!(last["answers"][0]["data"], "161.24.23.180");
        let run = trace(&["www.ita.br"]);
        assert!(
            run.stdout.contains(
                "lame: ns1.ita.br does not serve ita.br: it is not authoritative, and refers to \
                 the servers of the root zone\n"
            ),
            "{}",
            run.stdout
        );
        assert!(run.stdout.contains("refers to br: 1 server, 1 with addresses"), "{}", run.stdout);
        let run = trace(&["--plain", "www.ita.br"]);
        let fields: Vec<(&str, usize)> = run
            .stdout
            .lines()
            .map(|line| (line.split('\t').next().unwrap(), line.split('\t').count()))
            .collect();
        let hop = ("hop", 6);
        assert_eq!(fields, [hop, hop, hop, hop, ("www.ita.br.", 5)], "{}", run.stdout);
        assert_eq!(trace(&["--short", "www.ita.br"]).stdout, "161.24.23.180\n");
        assert_eq!(trace(&["+trace", "+short", "www.ita.br"]).stdout, "161.24.23.180\n");
    });
}

#[test]
fn r19_the_address_of_a_server_without_glue_is_looked_up_and_an_alias_is_followed() {
    on_own_machine("--trace without glue", "nameserver 127.0.0.1\n", "", || {
        let _root = root();
        let _tld = zone_server(3, |name, reply| {
            if name.ends_with("net.") {
                let glue = vec![a("ns.host.net.", [127, 0, 0, 6])];
                refer(reply, vec![ns("host.net.", "ns.host.net.")], glue);
            } else {
                // An address from outside of the zone is not believed.
                let glue = vec![a("dns.host.net.", [127, 0, 0, 66])];
                refer(reply, vec![ns("ita.br.", "dns.host.net.")], glue);
            }
        });
        let _host = zone_server(6, |name, reply| match name {
            "dns.host.net." => authoritative(reply, a(name, [127, 0, 0, 5])),
            _ => authoritative(reply, a(name, [192, 0, 2, 7])),
        });
        let _ita = zone_server(5, |name, reply| authoritative(reply, cname(name, "www.host.net.")));
        let run = trace(&["--json", "www.ita.br"]);
        assert_eq!(run.code, 0, "{}", run.stdout);
        let lines = run.json();
        let last = lines.last().unwrap();
        let data: Vec<&Value> =
            last["answers"].as_array().unwrap().iter().map(|answer| &answer["data"]).collect();
        assert_eq!(data, ["www.host.net.", "192.0.2.7"]);
        let run = trace(&["www.ita.br"]);
        for result in [
            "ms  for dns.host.net: refers to net: 1 server",
            "ms  answers: an alias of www.host.net\n",
            "ms  for www.host.net: answers: 1 record\n",
        ] {
            assert!(run.stdout.contains(result), "{result}: {}", run.stdout);
        }
    });
}

#[test]
fn a_trace_ends_at_a_negative_answer_a_loop_and_servers_that_fail() {
    on_own_machine("--trace that fails", "nameserver 127.0.0.1\n", "", || {
        let _root = root();
        let _tld = zone_server(3, |name, reply| match name {
            "no.br." => {
                reply.metadata.authoritative = true;
                reply.metadata.response_code = ResponseCode::NXDomain;
            }
            // The address of each server is in the zone of the other.
            "a.one.br." | "ns.one.br." => {
                refer(reply, vec![ns("one.br.", "ns.two.br.")], Vec::new());
            }
            "lost.br." => {}
            "ns.two.br." => refer(reply, vec![ns("two.br.", "ns.one.br.")], Vec::new()),
            _ => reply.metadata.response_code = ResponseCode::Refused,
        });
        let run = trace(&["--json", "no.br"]);
        assert_eq!((run.code, &run.json().last().unwrap()["status"]), (1, &json!("NXDOMAIN")));
        let run = trace(&["--json", "a.one.br"]);
        assert_eq!((run.code, &run.json().last().unwrap()["status"]), (9, &json!("ERROR")));
        assert!(run.json().len() < 40, "{}", run.stdout);
        let server_loop = "the addresses of name servers depend on each other: \
                           ns.two.br. -> ns.one.br. -> ns.two.br.";
        run.assert_stderr_contains(server_loop);
        assert_eq!(run.json().last().unwrap()["error"], server_loop, "the report has the loop");
        let run = trace(&["lost.br"]);
        assert_eq!(run.code, 4);
        run.assert_stderr_contains(
            "udp://127.0.0.3:53 is not authoritative, and refers to no other server\n",
        );
        run.assert_stderr_contains("try: without --trace");
        assert!(!run.stderr.contains('@'), "{}", run.stderr);
        let _silent = DnsServer::start_at(SocketAddr::from(([127, 0, 0, 2], 54)), |_| Vec::new());
        let run = trace(&["--json", "-p", "54", "--timeout=400ms", "no.br"]);
        let hop = &run.json()[0];
        assert_eq!((run.code, &hop["result"]), (5, &json!("failed")));
        assert!(hop["time_us"].as_u64().unwrap() >= 300_000, "{hop}");
        let run = trace(&["--json", "-6", "no.br"]);
        assert_eq!((run.code, run.json().len()), (4, 1));
        run.assert_stderr_contains("no server has an address that can be queried");
        let run = trace(&["--json", "other.br"]);
        assert_eq!((run.code, &run.json().last().unwrap()["status"]), (4, &json!("REFUSED")));
        // Nothing listens at 127.0.0.3 any more than at this port.
        let run = trace(&["--json", "-p", "55", "other.br"]);
        assert_eq!((run.code, &run.json()[0]["result"]), (4, &json!("failed")));
    });
}

#[test]
fn a_long_loop_of_servers_and_an_endless_chain_of_them_are_named() {
    on_own_machine("--trace in a long loop", "nameserver 127.0.0.1\n", "", || {
        let _root = root();
        // The server of each zone is in the zone with the next number; of z, the first one follows.
        let _tld = zone_server(3, |name, reply| {
            let zone = name.trim_end_matches(".br.").rsplit('.').next().unwrap();
            let (kind, number) = zone.split_at(1);
            let mut next: u8 = number.parse::<u8>().unwrap() + 1;
            if kind == "z" {
                next %= 5;
            }
            let zone = format!("{zone}.br.");
            refer(reply, vec![ns(&zone, &format!("ns.{kind}{next}.br."))], Vec::new());
        });
        let run = trace(&["--json", "www.z0.br"]);
        assert_eq!(run.code, 9, "{}", run.stderr);
        run.assert_stderr_contains(
            "the addresses of name servers depend on each other: ns.z1.br. -> ns.z2.br. -> \
             ns.z3.br. -> ns.z4.br. -> ns.z0.br. -> ns.z1.br.\"",
        );
        let run = trace(&["--json", "www.x0.br"]);
        assert_eq!(run.code, 9, "{}", run.stderr);
        run.assert_stderr_contains("ns.x8.br. -> ns.x9.br., and so on\"");
    });
}

#[test]
fn the_result_of_a_hop_says_in_words_what_the_answer_is() {
    on_own_machine("answers of --trace", "nameserver 127.0.0.1\n", "", || {
        let _root = zone_server(2, |name, reply| {
            reply.metadata.authoritative = true;
            match name {
                "two." => {
                    reply.add_answers([a(name, [192, 0, 2, 1]), a(name, [192, 0, 2, 2])]);
                }
                "alias." => drop(reply.add_answer(cname(name, "two."))),
                "none." => {}
                "lame." => {
                    reply.metadata.authoritative = false;
                    refer(reply, vec![ns(".", "a.root.")], Vec::new());
                }
                _ => reply.metadata.response_code = ResponseCode::NXDomain,
            }
        });
        let root = "a.root.";
        for (name, words, answer) in [
            ("two", "answers: 2 records", json!("records")),
            ("alias", "answers: an alias of two", json!("alias")),
            ("none", "answers: no data (the name exists)", json!("no_data")),
            ("other", "answers: no such name (NXDOMAIN)", json!("no_such_name")),
            (
                "lame",
                "lame: a.root does not serve the root zone: it is not authoritative, and refers \
                 to the servers of the root zone",
                Value::Null,
            ),
        ] {
            let run = trace(&["--plain", name, "a"]);
            let fields: Vec<&str> = run.stdout.lines().next().unwrap().split('\t').collect();
            assert_eq!((fields[2], fields[5]), (root, words));
            assert_eq!(trace(&["--json", name, "a"]).json()[0]["answer"], answer);
        }
    });
}

#[test]
fn trace_options_that_do_not_fit_are_usage_errors() {
    for words in [
        ["--trace", "www.ita.br", "@127.0.0.1"],
        ["--root-hints=/dev/null", "www.ita.br", "a"],
        ["--trace", "--root-hints=/dev/null", "www.ita.br"],
    ] {
        let [one, two, three] = words;
        assert_eq!(resolve([one, two, three]).code, 2, "{words:?}");
    }
    assert_eq!(resolve(["--trace", "--root-hints=/nonexistent", "www.ita.br"]).code, 8);
}
