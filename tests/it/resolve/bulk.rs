//! Many names: from a file, or from standard input.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::ResponseCode;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{assert_ends_soon, json_lines, silent_server};
use crate::support::peers::dns_server::{DnsServer, a, cname, raw, wire};
use crate::support::{KillOnDrop, Sockkit, Terminal, eventually, full_pipe, shell};

/// Answers with an address, except for names that begin with `no` (NXDOMAIN), `broken` (SERVFAIL),
/// `empty` (no data) and `hole` (no reply).
fn server() -> DnsServer {
    DnsServer::start(|query| {
        let mut reply = query.reply();
        match query.name.split(['.', '-']).next().unwrap() {
            "no" => reply.metadata.response_code = ResponseCode::NXDomain,
            "broken" => reply.metadata.response_code = ResponseCode::ServFail,
            "empty" => {}
            "hole" => return Vec::new(),
            _ => {
                let mut record = a("x.", [192, 0, 2, 1]);
                record.name = query.message.queries[0].name().clone();
                reply.add_answer(record);
            }
        }
        vec![wire(&reply)]
    })
}

fn bulk(words: &[&str], input: &str) -> crate::support::program::Outcome {
    Sockkit::new(["resolve"].iter().chain(words)).stdin(input).run()
}

#[test]
fn r63_each_line_has_one_result_in_order_and_failures_are_results() {
    let server = server();
    let input = "a.example\r\n\n# comment\n  b.example  \nno.example\nbroken.example\nempty.example\n\
                 bad..name\n192.0.2.9\nc.example TXT\nd.example A aaaa\ne.example NONSENSE\n\
                 \\035f.example";
    let ran = bulk(&["--plain", "-", &server.argument()], input).code(4);
    assert_eq!(
        ran.out(),
        "a.example\tA\tNOERROR\t192.0.2.1\t\n\
         b.example\tA\tNOERROR\t192.0.2.1\t\n\
         no.example\tA\tNXDOMAIN\t\t\n\
         broken.example\tA\tSERVFAIL\t\t\n\
         empty.example\tA\tNODATA\t\t\n\
         bad..name\t\tBADNAME\t\t\"bad..name\" has an empty label\n\
         192.0.2.9\tPTR\tNODATA\t\t1 record that was not asked for is not shown\n\
         c.example\tTXT\tNODATA\t\t1 record that was not asked for is not shown\n\
         d.example\tA\tNOERROR\t192.0.2.1\t\n\
         d.example\tAAAA\tNODATA\t\t1 record that was not asked for is not shown\n\
         e.example NONSENSE\t\tBADNAME\t\t\"NONSENSE\" is not a record type: give a mnemonic such \
         as MX, or TYPE and a number up to 65535\n\
         \\035f.example\tA\tNOERROR\t192.0.2.1\t\n"
    );
    assert!(ran.stderr.contains("note: 12 lookups in "), "{}", ran.stderr);
    for status in ["2 BADNAME", "4 NODATA", "4 NOERROR", "1 NXDOMAIN", "1 SERVFAIL"] {
        assert!(ran.stderr.contains(status), "{status} in {}", ran.stderr);
    }
}

#[test]
fn every_printed_name_is_a_name_in_a_file_too() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        let mut record = raw("t.", 12, b"\x04#b#c\x01t\0");
        record.name = query.message.queries[0].name().clone();
        reply.add_answer(record);
        vec![wire(&reply)]
    });
    let word = server.argument();
    for (given, shown) in [
        ("#a.t.", "\\035a.t."),
        ("a.#.t.", "a.#.t."),
        ("-a.t.", "-a.t."),
        ("\\@a.t.", "\\@a.t."),
        ("+a.t.", "+a.t."),
        ("\\035b#c.t.", "\\035b#c.t."),
    ] {
        // Escaped, because `-`, `+` and `@` begin other arguments.
        let first = given.strip_prefix(['-', '+']).map(|rest| (given.as_bytes()[0], rest));
        let argument = first.map(|(byte, rest)| format!("\\{byte:03}{rest}"));
        let argument = argument.as_deref().unwrap_or(given);
        let ran = Sockkit::new(["resolve", "--plain", argument, "ptr", &word]).run().code(0);
        assert_eq!(ran.out(), format!("{shown}\tPTR\t300\t\\035b#c.t.\t\n"));
        let ran = bulk(&["--plain", "-", &word], &format!("{shown} ptr\n")).code(0);
        assert_eq!(ran.out(), format!("{shown}\tPTR\tNOERROR\t\\035b#c.t.\t\n"));
    }
}

#[test]
fn r63_the_note_of_a_result_says_what_the_status_does_not() {
    let server = DnsServer::start(|query| {
        let mut reply = query.reply();
        let name = query.name.as_str();
        let (mut forged, mut also) = (reply.clone(), Vec::new());
        match name.split('.').next().unwrap() {
            "two" => {
                reply.add_answer(raw(name, 16, b"\x01a\x01b"));
                reply.add_answer(raw(name, 16, b"\x02, "));
            }
            "forged" => {
                forged.metadata.id ^= 1;
                also.push(wire(&forged));
                reply.add_answer(raw(name, 16, b"\x01a"));
            }
            "gone" => {
                reply.metadata.response_code = ResponseCode::NXDomain;
                reply.add_answer(cname(name, "no.example."));
            }
            "away" => {
                reply.metadata.authoritative = true;
                reply.metadata.recursion_available = false;
                reply.add_answer(cname(name, "x.elsewhere."));
            }
            "other" => {
                reply.add_answer(raw(name, 16, b"\x01a"));
                reply.add_answer(raw("evil.example.", 16, b"\x01b"));
            }
            "x" => reply.metadata.response_code = ResponseCode::Refused,
            _ => {
                reply.metadata.response_code = ResponseCode::NXDomain;
                reply.add_answer(raw(name, 16, b"\x01a"));
            }
        }
        also.push(wire(&reply));
        also
    });
    let input = "two.example\nforged.example\ngone.example\naway.example\nboth.example\n\
                 other.example\n";
    let words = ["--file=-", "txt", &server.argument()];
    let ran = bulk(&["--plain", words[0], words[1], words[2]], input).code(9);
    let url = format!("udp://{}", server.addr);
    let expected = [
        ("two", "NOERROR", "\"a\" \"b\", \", \"", String::new()),
        ("forged", "NOERROR", "\"a\"", "discarded 1 message: 1 with another id".to_owned()),
        ("gone", "NXDOMAIN", "", "an alias of no.example, which does not exist".to_owned()),
        (
            "away",
            "NOERROR",
            "",
            format!(
                "away.example is an alias of x.elsewhere, which {url} does not serve (REFUSED)"
            ),
        ),
        (
            "both",
            "NXDOMAIN",
            "\"a\"",
            format!("{url} contradicts itself: NXDOMAIN, but with records of both.example."),
        ),
        ("other", "NOERROR", "\"a\"", "1 record that was not asked for is not shown".to_owned()),
    ];
    let line = |(name, status, data, note): &(&str, &str, &str, String)| {
        format!("{name}.example\tTXT\t{status}\t{data}\t{note}\n")
    };
    assert_eq!(ran.out(), expected.iter().map(line).collect::<String>());
    // The table has the same notes, and the JSON those that no other field has.
    let table = bulk(&words, input).code(9).out();
    for (line, (.., note)) in table.lines().zip(&expected) {
        assert!(line.ends_with(note.as_str()), "{line}");
    }
    let json = bulk(&["--json", words[0], words[1], words[2]], input).code(9).out();
    let lines = json_lines(&json);
    let notes: Vec<&Value> = lines.iter().map(|line| &line["notes"]).collect();
    let (forged, away) = (&expected[1].3, &expected[3].3);
    let null = &Value::Null;
    assert_eq!(notes, [null, &json!([forged]), null, &json!([away]), null, null]);
    // With -v, the note has the evidence, too.
    let ran = bulk(&["--plain", "-v", words[0], words[1], words[2]], "gone.example").code(1);
    let note = ran.out().split('\t').next_back().unwrap().to_owned();
    assert!(
        note.starts_with(&format!("{url}, ")) && note.contains(", flags rd ra; an alias of"),
        "{note}"
    );
}

#[test]
fn a_line_that_cannot_be_looked_up_has_no_record_type() {
    let ran = bulk(&["--json", "-", "@127.0.0.1:9"], "bad..name\n").code(2);
    let line: Value = serde_json::from_str(&ran.out()).unwrap();
    assert_eq!(
        (&line["status"], &line["record_type"], &line["query_name"], &line["error"]),
        (&json!("BADNAME"), &Value::Null, &Value::Null, &json!("\"bad..name\" has an empty label"))
    );
}

#[test]
fn r63_names_that_time_out_do_not_stop_the_others_and_keep_their_place() {
    let server = server();
    let names: Vec<String> =
        (0..1000)
            .map(|at| {
                if at % 20 == 0 { format!("hole-{at}.example") } else { format!("n-{at}.example") }
            })
            .collect();
    let started = Instant::now();
    let words =
        ["--json", "--file=-", "--concurrency=100", "--name-timeout=500ms", &server.argument()];
    let ran = bulk(&words, &names.join("\n")).code(5);
    // 50 names, of which 5 in 100 wait at once, each for half a second.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let out = ran.out();
    let lines = json_lines(&out);
    assert_eq!(lines.len(), names.len());
    for (line, name) in lines.iter().zip(&names) {
        assert_eq!(line["name"], name.as_str());
        let status = if name.starts_with("hole") { "TIMEOUT" } else { "NOERROR" };
        assert_eq!(line["status"], status, "{name}");
    }
}

#[test]
fn unordered_results_do_not_wait_for_a_name_that_times_out() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("names");
    fs::write(&file, "hole.example\na.example\n").unwrap();
    let path = file.to_str().unwrap();
    let words = ["--plain", "-f", path, "--unordered", "--name-timeout=400ms", &server.argument()];
    let ran = bulk(&words, "").code(5);
    let expected = format!(
        "a.example\tA\tNOERROR\t192.0.2.1\t\n\
         hole.example\tA\tTIMEOUT\t\tno reply from udp://{} within 400ms (2 queries sent)\n",
        server.addr
    );
    assert_eq!(ran.out(), expected);
}

#[test]
fn the_rate_limits_how_many_lookups_start() {
    let server = server();
    let names = "a.example\n".repeat(11);
    let started = Instant::now();
    bulk(&["--plain", "-", "--rate=20", &server.argument()], &names).code(0);
    assert!(started.elapsed() >= Duration::from_millis(500));
    assert_eq!(server.count(), 11);
}

#[test]
fn r63_results_are_printed_while_standard_input_is_open() {
    let server = server();
    let mut running = Sockkit::new(["resolve", "--plain", "-", &server.argument()]).start();
    for name in ["a.example", "b.example"] {
        running.write(format!("{name}\n").as_bytes());
        running.stdout.wait_for_text(&format!("{name}\tA\tNOERROR\t192.0.2.1\t\n"));
    }
    // The last line has no line ending.
    running.write(b"no.example");
    running.close_stdin();
    let ran = running.wait().code(1);
    assert!(ran.out().ends_with("no.example\tA\tNXDOMAIN\t\t\n"), "{}", ran.out());
}

#[test]
fn r63_a_reader_that_closes_the_pipe_ends_the_run_without_a_message() {
    let server = server();
    // More results than a pipe holds.
    let script = format!(
        "seq 100000 | sed 's/$/.example/' | sockkit resolve --plain - {} | head -1; \
         echo ${{PIPESTATUS[2]}}",
        server.argument()
    );
    let ran = shell(&script).run();
    assert_eq!(ran.out(), "1.example\tA\tNOERROR\t192.0.2.1\t\n0\n");
    assert!(!ran.stderr.contains("error") && !ran.stderr.contains("ipe"), "{}", ran.stderr);
}

#[test]
fn r63_a_signal_ends_the_run_with_the_summary() {
    let server = server();
    // Standard input stays open, as at a terminal.
    let script = format!(
        "(echo a.example; sleep 3) | timeout -s INT 1 sockkit resolve --plain - {}",
        server.argument()
    );
    let ran = shell(&format!("{script}; echo ${{PIPESTATUS[1]}}")).run();
    // timeout(1) reports 124 because it sent the signal.
    assert_eq!(ran.out(), "a.example\tA\tNOERROR\t192.0.2.1\t\n124\n");
    assert!(ran.stderr.contains("note: 1 lookup in "), "{}", ran.stderr);
}

/// Looks up this many names one after the other. Returns how many queries each port has sent.
fn ports_of(count: usize, answer: fn(Vec<u8>) -> Vec<Vec<u8>>) -> (Vec<Value>, Vec<usize>) {
    let ports: Arc<Mutex<BTreeMap<u16, usize>>> = Arc::default();
    let seen = Arc::clone(&ports);
    let server = DnsServer::start(move |query| {
        *seen.lock().unwrap().entry(query.client.port()).or_default() += 1;
        let mut reply = query.reply();
        let number = query.name.split('.').next().unwrap().parse().unwrap();
        reply.add_answer(a(&query.name, [192, 0, 2, number]));
        answer(wire(&reply))
    });
    let names: Vec<String> = (0..count).map(|number| format!("{number}.example")).collect();
    let words = ["--json", "-", "--concurrency=1", &server.argument()];
    let ran = bulk(&words, &names.join("\n")).code(0);
    let out = ran.out();
    let lines = json_lines(&out);
    assert_eq!(lines.len(), count);
    for (number, line) in lines.iter().enumerate() {
        assert_eq!(line["answers"][0]["data"], format!("192.0.2.{number}"));
    }
    let counts = ports.lock().unwrap().values().copied().collect();
    (lines, counts)
}

#[test]
fn lookups_reuse_a_port_but_none_for_more_than_a_hundred_queries() {
    let (_, queries) = ports_of(250, |reply| vec![reply]);
    assert!((3..50).contains(&queries.len()), "{queries:?}");
    assert!(queries.iter().all(|count| *count <= 100), "{queries:?}");
}

#[test]
fn a_reply_that_arrives_twice_does_not_count_for_the_next_lookup() {
    let (lines, _) = ports_of(100, |reply| vec![reply.clone(), reply]);
    assert!(lines.iter().all(|line| line["discarded"] == 0));
}

#[test]
fn a_port_at_which_a_forged_reply_arrived_is_not_used_again() {
    let forged_first = |reply: Vec<u8>| {
        let mut forged = reply.clone();
        forged[0] ^= 1;
        vec![forged, reply]
    };
    let (lines, queries) = ports_of(20, forged_first);
    assert!(lines.iter().all(|line| line["discarded"] == 1));
    // The kernel may choose a port again by chance.
    assert!(queries.len() > 15, "{queries:?}");
}

#[test]
fn a_signal_ends_a_run_whose_results_are_not_read() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("names"), "a.example\nb.example\n").unwrap();
    let (_reader, writer) = full_pipe();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockkit"));
    command.args(["resolve", "--plain", "-f", "names", &server.argument()]);
    command.current_dir(folder.path()).stdout(writer).stderr(Stdio::null());
    let mut child = KillOnDrop(command.spawn().unwrap());
    eventually("the queries", || (server.count() == 2).then_some(()));
    kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
    let status = eventually("the exit", || child.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(143));
}

#[test]
fn a_terminal_shows_the_progress_and_in_the_end_only_the_results_and_the_summary() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..30).map(|at| format!("n-{at}.example")).collect();
    fs::write(folder.path().join("names"), names.join("\n")).unwrap();
    let args = format!("resolve --plain -f names --rate=20 {}", server.argument());
    let mut terminal = Terminal::start(&args, Path::new(folder.path()));
    terminal.screen.wait_for_text(" lookups, ");
    assert_eq!(terminal.exit_code(), 0);
    terminal.full_output();
    let rows = terminal.rows();
    assert_eq!(rows.len(), 31, "{rows:#?}");
    for (row, name) in rows.iter().zip(&names) {
        assert!(row.starts_with(name), "{row:?} {name}");
    }
    assert!(rows[30].starts_with("note: 30 lookups in "), "{rows:#?}");
}

#[test]
fn options_that_do_not_fit_and_a_missing_file_are_errors() {
    for (words, code) in [
        (&["-", "a.example"][..], 2),
        (&["-", "--short"], 2),
        (&["a.example", "--unordered"], 2),
        (&["-", "--expect=192.0.2.1"], 2),
        (&["-f", "/dev/null", "--expect=192.0.2.1"], 2),
        (&["-", "--wait=1s"], 2),
        (&["-", "--watch=1s"], 2),
        (&["-", "--trace"], 2),
        (&["-", "--validate"], 2),
        (&["-f", "/nonexistent/names"], 8),
    ] {
        bulk(words, "").code(code);
    }
}

#[test]
fn the_work_splits_over_machines_with_parallel() {
    let parallel = shell("command -v parallel >/dev/null").run();
    if parallel.code != 0 {
        return crate::support::skip("parallel", "GNU parallel is not installed");
    }
    let server = server();
    let command = format!("sockkit resolve --plain - {}", server.argument());
    let script = format!(
        "seq 200 | sed 's/$/.example/' | \
         parallel --will-cite --pipe --keep-order -N 50 -j 2 -- {command} 2>/dev/null"
    );
    let ran = shell(&script).run().code(0);
    let expected = (1..=200).map(|at| format!("{at}.example\tA\tNOERROR\t192.0.2.1\t"));
    assert_eq!(ran.out().lines().collect::<Vec<&str>>(), expected.collect::<Vec<String>>());
}

#[test]
fn expect_and_wait_end_when_the_record_appears_or_the_time_is_over() {
    let seen = Mutex::new(0);
    let server = DnsServer::start(move |query| {
        let mut reply = query.reply();
        let mut seen = seen.lock().unwrap();
        *seen += 1;
        reply.add_answer(a(&query.name, [192, 0, 2, if *seen < 2 { 1 } else { 2 }]));
        vec![wire(&reply)]
    });
    let word = server.argument();
    let lookup = |words: &[&str]| {
        let all = ["resolve", "--short", "t.example", "a", &word];
        Sockkit::new(all.iter().chain(words)).run()
    };
    let ran = lookup(&["--expect=192.0.2.2"]).code(1);
    assert!(
        ran.stderr.contains("t.example has no record with the data \"192.0.2.2\""),
        "{}",
        ran.stderr
    );
    assert_eq!(lookup(&["--expect=192.0.2.2", "--wait=20s"]).code(0).out(), "192.0.2.2\n");
    let ran = lookup(&["--expect=192.0.2.9", "--wait=300ms"]).code(5);
    assert!(ran.stderr.contains("\"192.0.2.9\" within 300ms"), "{}", ran.stderr);
    let silent = silent_server();
    let words = ["resolve", "t.example", "a", "--wait=400ms", &silent.argument()];
    let started = Instant::now();
    Sockkit::new(words).run().code(5);
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[test]
fn an_unmet_expectation_names_the_name_also_if_empty_data_is_expected() {
    let server = DnsServer::with_records(vec![
        a("a.example.", [192, 0, 2, 1]),
        a("b.example.", [192, 0, 2, 2]),
    ]);
    let lookup = |expected: &str| {
        let words = ["resolve", "--short", "a.example", "b.example", "a", "--expect", expected];
        Sockkit::new(words.iter().chain([&&*server.argument()])).run()
    };
    let ran = lookup("192.0.2.1").code(1);
    assert_eq!(ran.stderr, "error: b.example has no record with the data \"192.0.2.1\"\n");
    let ran = lookup("").code(1);
    assert!(ran.stderr.contains("has no record with the data \"\""), "{}", ran.stderr);
}

#[test]
fn a_wait_of_0_seconds_is_a_usage_error() {
    let ran = Sockkit::new(["resolve", "t.example", "a", "--wait=0s", "@127.0.0.1"]).run().code(2);
    assert!(ran.stderr.contains("--wait 0s leaves no time"), "{}", ran.stderr);
}

#[test]
fn watch_prints_only_what_has_changed_and_when() {
    let seen = Mutex::new(0);
    let server = DnsServer::start(move |query| {
        let mut reply = query.reply();
        let mut seen = seen.lock().unwrap();
        *seen += 1;
        let mut record = a(&query.name, [192, 0, 2, if *seen < 4 { 1 } else { 2 }]);
        record.ttl = *seen;
        reply.add_answer(record);
        vec![wire(&reply)]
    });
    let word = server.argument();
    let words = ["resolve", "--json", "t.example", "a", "--watch=100ms", "--timeout=2s", &word];
    let ran = Sockkit::new(words).run().code(0);
    let out = ran.out();
    let lines = json_lines(&out);
    let data: Vec<&Value> = lines.iter().map(|line| &line["answers"][0]["data"]).collect();
    assert_eq!(data, [&json!("192.0.2.1"), &json!("192.0.2.2")]);
    assert_eq!(ran.stderr.matches("\"changed at 20").count(), 1, "{}", ran.stderr);
}

#[test]
fn the_timeout_ends_a_run_whose_names_do_not_arrive_or_are_not_looked_up_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let server = silent_server();
    // The pipe stays open and empty.
    let no_names = "mkfifo f; exec 3<>f; exec sockkit resolve - --timeout 300ms <&3".to_owned();
    let many = format!(
        "seq 1000 | sed 's/.*/n&.example/' > names; exec sockkit resolve -f names --concurrency 1 \
         --timeout 300ms {} > records",
        server.argument()
    );
    for script in [no_names, many] {
        let began = Instant::now();
        let ran = shell(&script).dir(directory.path()).run().code(5);
        assert!(ran.stderr.contains("timed out (--timeout) before"), "{}", ran.stderr);
        assert_ends_soon(began);
    }
}
