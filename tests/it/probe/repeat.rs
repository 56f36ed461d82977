//! `probe --count` and `--watch`: each result, and the statistics.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{json, open_port, probe};
use crate::json_doc;
use crate::support::{ClosedPort, program, sockkit};

#[test]
fn each_probe_is_a_line_and_the_statistics_are_the_last() {
    let (_listener, open) = open_port();
    let ran = probe([&open.to_string(), "--json", "-c5", "-i10ms"]).code(0);
    let lines = json(&ran);
    assert_eq!(lines.len(), 6);
    let numbers: Vec<&Value> = lines[..5].iter().map(|line| &line["seq"]).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let statistics = &lines[5];
    assert_eq!((&statistics["sent"], &statistics["open"]), (&json!(5), &json!(5)));
    assert_eq!((&statistics["lost"], &statistics["loss_percent"]), (&json!(0), &json!(0.0)));
    let times: Vec<u64> = lines[..5].iter().map(|it| it["connect_us"].as_u64().unwrap()).collect();
    assert_eq!(statistics["min_us"], *times.iter().min().unwrap());
    assert_eq!(statistics["max_us"], *times.iter().max().unwrap());
    let order = ["min_us", "p50_us", "p90_us", "p99_us", "max_us"];
    let order: Vec<u64> = order.iter().map(|name| statistics[name].as_u64().unwrap()).collect();
    assert!(order.is_sorted(), "{statistics}");
    json_doc::holds("Reports", std::slice::from_ref(statistics));
}

#[test]
fn a_probe_that_fails_is_lost_and_exits_1() {
    let closed = ClosedPort::new();
    let ran = probe([&closed.addr().to_string(), "--json", "-c2", "-i10ms"]).code(1);
    let statistics = json(&ran).pop().unwrap();
    assert_eq!((&statistics["lost"], &statistics["loss_percent"]), (&json!(2), &json!(100.0)));
    assert_eq!((&statistics["avg_us"], &statistics["jitter_us"]), (&Value::Null, &Value::Null));
    let ran = probe([&closed.addr().to_string(), "-c2", "-i10ms"]).code(1);
    assert!(ran.out().contains("100.0%"), "{}", ran.out());
    assert!(ran.out().contains("LONGEST DOWN"), "{}", ran.out());
}

#[test]
fn a_watch_sees_a_port_open_and_ends_with_statistics_at_a_signal() {
    let port = ClosedPort::new();
    let running = sockkit(&format!("probe {} --json --watch -i 10ms", port.addr())).start();
    running.stdout.wait_for_text("\"closed\"");
    let _listener = port.open();
    running.stdout.wait_for_text("\"open\"");
    running.signal(Signal::INT);
    let ran = running.wait().code(130);
    let statistics = json(&ran).pop().unwrap();
    assert_eq!(statistics["type"], "probe_statistics");
    for streak in ["longest_up_us", "longest_down_us"] {
        assert!(statistics[streak].as_u64().unwrap() > 0, "{statistics}");
    }
}

#[test]
fn rounds_begin_at_the_interval() {
    let (_listener, open) = open_port();
    let started = Instant::now();
    probe([&open.to_string(), "-c3", "-i100ms"]).code(0);
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_reader_that_closes_the_pipe_ends_a_watch() {
    let (_listener, open) = open_port();
    let watch = sockkit(&format!("probe {open} --plain --watch -i 10ms"));
    let ran = watch.with_closed_stdout().run().code(0);
    assert_eq!(ran.stderr, "");
    let running = sockkit(&format!("probe {open} --json -c 3 -i 10ms")).start();
    running.stdout.wait_for_text("probe_statistics");
    assert_eq!(program::events(&running, "probe").len(), 3);
}
