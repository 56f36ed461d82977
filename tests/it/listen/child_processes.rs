//! Child processes of `listen`: one per connection (`--exec`), or one beside the listener (`--
//! CMD`).

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::procfs::Process;
use crate::support::program::exec;
use crate::support::{Ran, Running, Sockkit, eventually, shell, sockkit};

/// `sockkit listen ARGS… -- sh -c SCRIPT`, in which `sockkit` is the program.
fn beside(args: &str, script: &str) -> Sockkit {
    shell(&format!("exec sockkit listen {args} -- sh -c '{script}'"))
}

/// Waits until the process with this number has ended.
fn has_ended(pid: &str) {
    eventually("its end", || match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // Dead, and whoever should collect it has not done so yet.
        Ok(stat) if stat.rsplit_once(')').unwrap().1.starts_with(" Z") => Some(()),
        Ok(_) => None,
        Err(_) => Some(()),
    });
}

/// The number behind `pid ` in what was said.
fn pid_in(text: &str) -> Option<String> {
    let (line, _) = text.split_once("pid ")?.1.split_once('\n')?;
    Some(line.to_owned())
}

#[test]
fn a_program_answers_a_client() {
    let listen = exec("listen 0", "tr a-z A-Z").serve();
    let mut client = listen.client();
    client.send("hello");
    client.end();
    assert_eq!(client.read_to_end(), b"HELLO");
    // Standard output is the peers', and this peer was heard by the program.
    assert_eq!(listen.running.wait().code(0).out(), "");
}

#[test]
fn a_program_that_has_had_enough_ends_the_conversation_in_order() {
    let listen = exec("listen 0", "head -c 1").serve();
    let mut client = listen.client();
    client.send("abc");
    assert_eq!(client.read_to_end(), b"a");
    // What comes after its end is not lost on anybody: nobody wants it.
    client.send("more");
    client.end();
    listen.running.wait().code(0);
}

#[test]
fn a_program_that_ends_before_its_input_loses_nothing_of_what_it_said() {
    let listen = exec("listen 0", "seq 300000").serve();
    let mut client = listen.client();
    client.send("something it never reads");
    let heard = client.read_to_end();
    let said = (1..=300_000).map(|n| format!("{n}\n")).collect::<Vec<_>>().concat();
    assert!(heard == said.as_bytes(), "{} of {} bytes", heard.len(), said.len());
    client.end();
    listen.running.wait().code(0);
}

#[test]
fn a_program_knows_both_addresses() {
    let script = "sh -c 'echo $SOCKKIT_PEER_ADDR $SOCKKIT_PEER_PORT \
                  $SOCKKIT_LOCAL_ADDR $SOCKKIT_LOCAL_PORT'";
    let listen = exec("listen 127.0.0.1:0", script).serve();
    let mut client = listen.client();
    let (theirs, ours) = (listen.addr, client.stream.local_addr().unwrap());
    let expected = format!("{} {} {} {}\n", ours.ip(), ours.port(), theirs.ip(), theirs.port());
    assert_eq!(String::from_utf8(client.read_to_end()).unwrap(), expected);
    client.end();
    listen.running.wait().code(0);
}

#[test]
fn programs_serve_many_clients_at_once_and_none_is_left_behind() {
    let listen = exec("listen 0 --keep-open", "cat").serve();
    let mut clients: Vec<_> = (0..20).map(|_| listen.client()).collect();
    for client in &mut clients {
        client.send("here\n");
        assert_eq!(client.line(), "here");
    }
    let process = Process::of(&listen.running);
    assert_eq!(process.children(), 20);
    // Ten end in order, ten do not.
    for (number, client) in clients.into_iter().enumerate() {
        if number % 2 == 0 { client.end() } else { client.reset() }
    }
    eventually("all are gone", || (process.children() == 0).then_some(()));
    listen.stop().code(0);
}

#[test]
fn a_program_ends_with_us() {
    for (signal, flags, code) in
        [(Signal::TERM, "--keep-open", 0), (Signal::TERM, "", 143), (Signal::INT, "", 130)]
    {
        let script = "sh -c 'echo pid $$; exec sleep 1000'";
        let listen = exec(&format!("listen 0 --grace 100ms {flags}"), script).serve();
        let mut client = listen.client();
        let pid = pid_in(&client.read_until("\n")).unwrap();
        listen.running.signal(signal);
        listen.running.wait().code(code);
        has_ended(&pid);
    }
}

#[test]
fn a_conversation_that_a_program_leads_is_recorded_and_has_figures() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    let listen = exec("listen 0 --stats", "tr a-z A-Z").arg("--record").arg(&path).serve();
    let mut client = listen.client();
    client.send("hello");
    client.end();
    assert_eq!(client.read_to_end(), b"HELLO");
    let ran = listen.running.wait().code(0);
    assert!(ran.stderr.contains("first byte"), "{}", ran.stderr);
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let words: Vec<_> = lines.filter_map(|line| Some(line["text"].as_str()?.to_owned())).collect();
    assert_eq!(words, ["hello", "HELLO"]);
}

#[test]
fn what_a_program_beside_us_sends_is_printed_and_its_exit_code_is_ours() {
    for (code, script) in [
        (0, "head -c 3000000 /dev/zero | sockkit connect 127.0.0.1 $SOCKKIT_LISTEN_PORT"),
        (9, "head -c 3000000 /dev/zero | sockkit connect $SOCKKIT_LISTEN_ADDR; exit 9"),
    ] {
        let ran = beside("0", script).run().code(code);
        assert_eq!(ran.stdout.len(), 3_000_000);
    }
}

#[test]
fn a_program_beside_us_need_not_connect() {
    for (code, script) in [(0, "true"), (7, "exit 7"), (137, "kill -9 $$")] {
        assert_eq!(beside("0", script).run().code(code).out(), "");
    }
    // What it prints is talk: standard output is the peers'.
    let ran = beside("0", "echo it talks; echo it complains >&2").run().code(0);
    assert_eq!(ran.out(), "");
    assert!(ran.stderr.contains("it talks\n") && ran.stderr.contains("it complains\n"));
}

#[test]
fn a_program_beside_us_can_be_many_clients() {
    let script =
        "for n in 1 2 3; do echo $n | sockkit connect 127.0.0.1 $SOCKKIT_LISTEN_PORT; done";
    let ran = beside("0 --keep-open", script).run().code(0);
    assert_eq!(ran.out(), "1\n2\n3\n");
}

#[test]
fn a_program_beside_us_that_cannot_be_started_is_exit_8() {
    let ran = sockkit("listen 0 -- /no/such/program").run().code(8);
    assert!(ran.stderr.contains("cannot run /no/such/program: no such file"), "{}", ran.stderr);
}

/// Starts a listener with a program beside it that would go on for ever, and returns its number.
fn with_sleeper(args: &str) -> (Running, String) {
    let running = beside(args, "echo pid $$; exec sleep 1000").start();
    let pid = running.stderr.wait_for(pid_in);
    (running, pid)
}

#[test]
fn a_program_beside_us_ends_with_us() {
    for flags in ["0", "0 --keep-open"] {
        let (running, pid) = with_sleeper(flags);
        running.signal(Signal::TERM);
        // 143: it was ended by the signal that we passed on.
        running.wait().code(143);
        has_ended(&pid);
    }
}

#[test]
fn a_program_beside_us_has_the_same_time() {
    let (running, pid) = with_sleeper("0 --timeout 300ms");
    let Ran { stderr, .. } = running.wait().code(5);
    assert!(stderr.contains("time was up (--timeout)"), "{stderr}");
    has_ended(&pid);
}
