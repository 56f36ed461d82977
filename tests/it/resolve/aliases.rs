//! CNAME chains.

use serde_json::json;

use super::resolve;
use crate::support::peers::dns_server::{DnsServer, a, cname, wire};

#[test]
fn an_alias_is_followed_across_several_replies() {
    let server = DnsServer::with_records(vec![
        cname("www.example.", "a.example."),
        cname("a.example.", "b.example."),
        a("b.example.", [192, 0, 2, 7]),
    ]);
    let run = resolve(["www.example", &server.argument()]);
    assert_eq!(run.code, 0);
    assert_eq!(
        run.stdout,
        "NAME          TYPE   TTL  DATA\n\
         www.example.  CNAME  300  a.example.\n\
         a.example.    CNAME  300  b.example.\n\
         b.example.    A      300  192.0.2.7\n"
    );
}

#[test]
fn an_alias_whose_target_does_not_exist_names_the_target() {
    let server = DnsServer::with_records(vec![cname("www.example.", "gone.example.")]);
    let run = resolve(["--json", "www.example", "a", &server.argument()]);
    assert_eq!(run.code, 1);
    assert_eq!(run.json()[0]["status"], "NXDOMAIN");
    assert_eq!(run.data(), ["gone.example."]);
    run.assert_stderr_contains("www.example is an alias of gone.example, which does not exist");
}

#[test]
fn an_alias_loop_or_an_endless_chain_exits_9() {
    let circle = DnsServer::with_records(vec![
        cname("a.example.", "b.example."),
        cname("b.example.", "a.example."),
    ]);
    let run = resolve(["--json", "a.example", "a", &circle.argument()]);
    assert_eq!((run.code, &run.json()[0]["status"]), (9, &json!("ERROR")));
    run.assert_stderr_contains("CNAME loop: a.example. -> b.example. -> a.example.");
    let endless = DnsServer::start(|query| {
        let mut reply = query.reply();
        reply.add_answer(cname(&query.name, &format!("x{}", &query.name)));
        vec![wire(&reply)]
    });
    let run = resolve(["n.example", "a", &endless.argument()]);
    assert_eq!(run.code, 9);
    run.assert_stderr_contains("more than 16 CNAMEs in a row");
    assert_eq!(endless.count(), 17);
}
