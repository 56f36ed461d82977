//! Child processes of `listen`: one for each connection (`--exec`), or one command that runs while
//! sockkit listens (`-- CMD`).

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::procfs::{Process, pid_in, wait_until_ended};
use crate::support::program::exec;
use crate::support::{Client, Outcome, Running, Sockkit, Terminal, eventually, shell, sockkit};

/// `sockkit listen ARGS… -- sh -c SCRIPT`, with `sockkit` in the PATH of the script.
fn listen_with_command(args: &str, script: &str) -> Sockkit {
    shell(&format!("exec sockkit listen {args} -- sh -c '{script}'"))
}

#[test]
fn exec_connects_a_client_to_the_childs_standard_streams() {
    let listen = exec("listen 0", "tr a-z A-Z").serve();
    let mut client = listen.client();
    client.send("hello");
    client.shut_down();
    assert_eq!(client.read_to_end(), b"HELLO");
    // The child has received the client's data, so standard output stays empty.
    assert_eq!(listen.running.wait().code(0).out(), "");
}

#[test]
fn a_child_that_exits_early_sends_eof_to_the_client() {
    let listen = exec("listen 0", "head -c 1").serve();
    let mut client = listen.client();
    client.send("abc");
    assert_eq!(client.read_to_end(), b"a");
    // Data that arrives after the child has exited is discarded.
    client.send("more");
    client.shut_down();
    listen.running.wait().code(0);
}

#[test]
fn the_output_of_a_child_that_exits_early_is_delivered_whole() {
    let listen = exec("listen 0", "seq 300000").serve();
    let mut client = listen.client();
    client.send("something it never reads");
    let received = client.read_to_end();
    let expected = (1..=300_000).map(|n| format!("{n}\n")).collect::<Vec<_>>().concat();
    assert!(received == expected.as_bytes(), "{} of {} bytes", received.len(), expected.len());
    client.shut_down();
    listen.running.wait().code(0);
}

#[test]
fn a_child_gets_both_addresses_in_its_environment() {
    let script = "sh -c 'echo $SOCKKIT_PEER_ADDR $SOCKKIT_PEER_PORT \
                  $SOCKKIT_LOCAL_ADDR $SOCKKIT_LOCAL_PORT'";
    let listen = exec("listen 127.0.0.1:0", script).serve();
    let mut client = listen.client();
    let (server, client_addr) = (listen.addr, client.stream.local_addr().unwrap());
    let expected =
        format!("{} {} {} {}\n", client_addr.ip(), client_addr.port(), server.ip(), server.port());
    assert_eq!(String::from_utf8(client.read_to_end()).unwrap(), expected);
    client.shut_down();
    listen.running.wait().code(0);
}

#[test]
fn keep_open_runs_one_child_per_client_and_leaves_none_behind() {
    let listen = exec("listen 0 --keep-open", "cat").serve();
    let mut clients: Vec<_> = (0..20).map(|_| listen.client()).collect();
    for client in &mut clients {
        client.send("here\n");
        assert_eq!(client.line(), "here");
    }
    let process = Process::of(&listen.running);
    assert_eq!(process.children(), 20);
    // Ten clients send EOF, ten reset.
    for (number, client) in clients.into_iter().enumerate() {
        if number % 2 == 0 { client.shut_down() } else { client.reset() }
    }
    eventually("all are gone", || (process.children() == 0).then_some(()));
    listen.stop().code(0);
}

#[test]
fn a_stop_ends_the_children() {
    for (signal, flags, code) in
        [(Signal::TERM, "--keep-open", 0), (Signal::TERM, "", 143), (Signal::INT, "", 130)]
    {
        let script = "sh -c 'echo pid $$; exec sleep 1000'";
        let listen = exec(&format!("listen 0 --grace 100ms {flags}"), script).serve();
        let mut client = listen.client();
        let pid = pid_in(&client.read_until("\n")).unwrap();
        listen.running.signal(signal);
        listen.running.wait().code(code);
        wait_until_ended(&pid);
    }
}

#[test]
fn an_exec_connection_is_recorded_and_has_statistics() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record");
    let listen = exec("listen 0 --stats", "tr a-z A-Z").arg("--record").arg(&path).serve();
    let mut client = listen.client();
    client.send("hello");
    client.shut_down();
    assert_eq!(client.read_to_end(), b"HELLO");
    let ran = listen.running.wait().code(0);
    assert!(ran.stderr.contains("first byte"), "{}", ran.stderr);
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let words: Vec<_> = lines.filter_map(|line| Some(line["text"].as_str()?.to_owned())).collect();
    assert_eq!(words, ["hello", "HELLO"]);
}

#[test]
fn data_from_the_command_is_printed_and_its_exit_code_is_returned() {
    for (code, script) in [
        (0, "head -c 3000000 /dev/zero | sockkit connect 127.0.0.1 $SOCKKIT_LISTEN_PORT"),
        (9, "head -c 3000000 /dev/zero | sockkit connect $SOCKKIT_LISTEN_ADDR; exit 9"),
    ] {
        let ran = listen_with_command("0", script).run().code(code);
        assert_eq!(ran.stdout.len(), 3_000_000);
    }
}

#[test]
fn the_command_need_not_connect() {
    for (code, script) in [(0, "true"), (7, "exit 7"), (137, "kill -9 $$")] {
        assert_eq!(listen_with_command("0", script).run().code(code).out(), "");
    }
    // The output of the command goes to standard error; standard output carries peer data only.
    let ran = listen_with_command("0", "echo it talks; echo it complains >&2").run().code(0);
    assert_eq!(ran.out(), "");
    assert!(ran.stderr.contains("it talks\n") && ran.stderr.contains("it complains\n"));
}

#[test]
fn the_command_can_connect_many_times() {
    let script =
        "for n in 1 2 3; do echo $n | sockkit connect 127.0.0.1 $SOCKKIT_LISTEN_PORT; done";
    let ran = listen_with_command("0 --keep-open", script).run().code(0);
    assert_eq!(ran.out(), "1\n2\n3\n");
}

#[test]
fn a_command_that_cannot_be_started_exits_8() {
    let ran = sockkit("listen 0 -- /no/such/program").run().code(8);
    assert!(ran.stderr.contains("cannot run /no/such/program: no such file"), "{}", ran.stderr);
}

/// Starts a listener with a command that never exits by itself, and returns its process id.
fn listen_with_sleeper(args: &str) -> (Running, String) {
    let running = listen_with_command(args, "echo pid $$; exec sleep 1000").start();
    let pid = running.stderr.wait_for(pid_in);
    (running, pid)
}

#[test]
fn a_stop_ends_the_command() {
    for flags in ["0", "0 --keep-open"] {
        let (running, pid) = listen_with_sleeper(flags);
        running.signal(Signal::TERM);
        // 143: SIGTERM, which sockkit passed on, ended the command.
        running.wait().code(143);
        wait_until_ended(&pid);
    }
}

#[test]
fn a_timeout_ends_the_command() {
    let (running, pid) = listen_with_sleeper("0 --timeout 300ms");
    let Outcome { stderr, .. } = running.wait().code(5);
    assert!(stderr.contains("timed out (--timeout)"), "{stderr}");
    wait_until_ended(&pid);
}

#[test]
fn no_descendant_outlives_a_stop() {
    let script = "sleep 1000 & echo pid $!; wait";
    for (signal, flags, code) in
        [(Signal::TERM, "0", 143), (Signal::QUIT, "0", 131), (Signal::TERM, "0 --keep-open", 143)]
    {
        let running = listen_with_command(flags, script).start();
        let pid = running.stderr.wait_for(pid_in);
        running.signal(signal);
        running.wait().code(code);
        wait_until_ended(&pid);
    }
    let listen = exec("listen 0", &format!("sh -c '{script}'")).serve();
    let mut client = listen.client();
    let pid = pid_in(&client.read_until("\n")).unwrap();
    listen.stop().code(143);
    wait_until_ended(&pid);
}

#[test]
fn a_background_process_does_not_outlive_the_command() {
    let ran = listen_with_command("0", "sleep 1000 & echo pid $!").run().code(0);
    wait_until_ended(&pid_in(&ran.stderr).unwrap());
    // The same for --exec, once the output has ended.
    let script = "sh -c 'sleep 1000 >/dev/null 2>&1 & echo pid $!'";
    let listen = exec("listen 0", script).serve();
    let mut client = listen.client();
    let pid = pid_in(&String::from_utf8(client.read_to_end()).unwrap()).unwrap();
    client.shut_down();
    listen.running.wait().code(0);
    wait_until_ended(&pid);
}

#[test]
fn a_second_signal_kills_the_command_at_once() {
    let script = "trap \"echo asked\" TERM; echo pid $$; while :; do sleep 0.1; done";
    for flags in ["0", "0 --keep-open"] {
        let running = listen_with_command(flags, script).start();
        let pid = running.stderr.wait_for(pid_in);
        let began = Instant::now();
        running.signal(Signal::TERM);
        running.stderr.wait_for_text("asked");
        running.signal(Signal::TERM);
        running.wait().code(143);
        // Without the second signal, sockkit waits 5 s for the command.
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        wait_until_ended(&pid);
    }
}

#[test]
fn a_child_does_not_outlive_a_killed_sockkit() {
    let (running, pid) = listen_with_sleeper("0");
    running.signal(Signal::KILL);
    wait_until_ended(&pid);
}

#[test]
fn exit_codes_of_children_are_known_even_if_the_parent_ignores_sigchld() {
    let ran = shell("exec env --ignore-signal=CHLD sockkit listen 0 -- sh -c 'exit 7'").run();
    ran.code(7);
    let script = "exec env --ignore-signal=CHLD sockkit listen 0 --exec \"sh -c 'exit 7'\"";
    let listen = shell(script).serve();
    let client = listen.client();
    client.shut_down();
    listen.running.wait().code(7);
}

#[test]
fn a_child_gets_the_inherited_limit_of_open_files() {
    let script = "ulimit -Sn 256; exec sockkit listen 0 -- sh -c 'echo limit $(ulimit -Sn)'";
    let ran = shell(script).run().code(0);
    assert!(ran.stderr.contains("limit 256\n"), "{}", ran.stderr);
}

/// Starts `listen ARGS --exec PROGRAM`, where PROGRAM reads everything from the client into a file,
/// closes its output, and runs `work` before it renames the file to `done`.
fn listen_with_late_work(args: &str, work: &str) -> (tempfile::TempDir, Running, Client) {
    let folder = tempfile::tempdir().unwrap();
    let program = format!("sh -c 'cat > part; exec >&-; echo pid $$ >&2; {work}; mv part done'");
    let listen = exec(args, &program).dir(folder.path()).serve();
    let mut client = listen.client();
    client.send("hello");
    client.shut_down();
    assert_eq!(client.read_to_end(), b"");
    (folder, listen.running, client)
}

#[test]
fn a_program_that_still_works_after_the_connection_has_ended_may_finish() {
    let (folder, running, _client) = listen_with_late_work("listen 0", "sleep 6");
    running.wait().code(0);
    assert_eq!(fs::read_to_string(folder.path().join("done")).unwrap(), "hello");
}

#[test]
fn timeout_and_grace_bound_a_program_that_still_works() {
    let (folder, running, _client) =
        listen_with_late_work("listen 0 --timeout 2s", "exec sleep 1000");
    let ran = running.wait().code(5);
    assert!(ran.stderr.contains("timed out (--timeout)"), "{}", ran.stderr);
    wait_until_ended(&pid_in(&ran.stderr).unwrap());
    assert!(!folder.path().join("done").exists());
    let (_folder, running, _client) =
        listen_with_late_work("listen 0 --keep-open --grace 300ms", "exec sleep 1000");
    let pid = running.stderr.wait_for(pid_in);
    running.signal(Signal::TERM);
    running.wait().code(0);
    wait_until_ended(&pid);
    // Within the grace, the program may finish.
    let (folder, running, _client) = listen_with_late_work(
        "listen 0 --keep-open --grace 20s",
        "until test -e go; do sleep 0.05; done",
    );
    running.stderr.wait_for(pid_in);
    running.signal(Signal::TERM);
    fs::write(folder.path().join("go"), "").unwrap();
    running.wait().code(0);
    assert!(folder.path().join("done").exists());
}

#[test]
fn a_command_that_reads_the_terminal_fails_instead_of_being_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let script = "read line < /dev/tty || echo no terminal";
    let args = ["listen", "0", "--", "sh", "-c", script];
    let mut terminal = Terminal::of(env!("CARGO_BIN_EXE_sockkit"), args, folder.path());
    terminal.screen.wait_for_text("no terminal");
    assert_eq!(terminal.exit_code(), 0);
}
