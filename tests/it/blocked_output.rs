//! Outputs that take nothing: each of standard output, standard error, the recording and the
//! terminal in turn, for each command with connections. Deadlines and signals take effect on time,
//! and the clients of a server keep their pace.

use std::fs::{self, File};
use std::io::{PipeReader, PipeWriter, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::procfs::Process;
use crate::support::terminal::full_terminal;
use crate::support::{Client, KillOnDrop, Peer, eventually, fifo, full_pipe, sockkit};

/// The longest that a step may take on a busy machine. A step that waits for a blocked output never
/// ends.
const ON_TIME: Duration = Duration::from_secs(20);

/// How many exchanges are one step: few enough for a machine on which each takes seconds.
const EXCHANGES: usize = 5;

/// The output that takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blocked {
    /// A pipe that is full and not read.
    Stdout,
    /// As above.
    Stderr,
    /// As above, but only events are printed.
    Events,
    /// A FIFO without a reader.
    Recording,
    /// A terminal that is full and not read, as standard output and standard error.
    Terminal,
    /// The same terminal also as standard input, where lines are edited.
    Session,
}

const OUTPUTS: [Blocked; 4] =
    [Blocked::Stdout, Blocked::Stderr, Blocked::Recording, Blocked::Terminal];

/// The outputs of a command that also reads standard input.
const OUTPUTS_AND_INPUT: [Blocked; 5] =
    [Blocked::Stdout, Blocked::Stderr, Blocked::Recording, Blocked::Terminal, Blocked::Session];

/// A process one of whose outputs is blocked.
struct BlockedRun {
    child: KillOnDrop,
    directory: tempfile::TempDir,
    /// Keep the blocked pipe and the blocked terminal open.
    _pipe: (PipeReader, PipeWriter),
    _terminal: (File, File),
}

/// Starts `sockkit ARGS…` with a blocked output that gets something to print for every transfer.
fn start(args: &str, blocked: Blocked) -> BlockedRun {
    let directory = tempfile::tempdir().unwrap();
    let (reader, writer) = full_pipe();
    let (master, slave) = full_terminal();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockkit"));
    command.args(args.split_whitespace()).current_dir(directory.path());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    match blocked {
        Blocked::Stdout => command.arg("--json").stdout(writer.try_clone().unwrap()),
        Blocked::Stderr => command.args(["-v", "--hexdump"]).stderr(writer.try_clone().unwrap()),
        Blocked::Events => command.arg("-v").stderr(writer.try_clone().unwrap()),
        Blocked::Recording => command.args(["--record", "fifo"]),
        Blocked::Terminal | Blocked::Session => {
            if blocked == Blocked::Session {
                command.stdin(slave.try_clone().unwrap());
            }
            let streams =
                command.stdout(slave.try_clone().unwrap()).stderr(slave.try_clone().unwrap());
            streams.args(["-v", "--hexdump"]).env("TERM", "xterm")
        }
    };
    fifo(&directory.path().join("fifo"));
    let child = KillOnDrop(command.spawn().unwrap());
    BlockedRun { child, directory, _pipe: (reader, writer), _terminal: (master, slave) }
}

impl BlockedRun {
    /// The address of a server that was started with `--port-file port`.
    fn addr(&self) -> SocketAddr {
        let path = self.directory.path().join("port");
        let port =
            eventually("the port file", || fs::read_to_string(&path).ok()?.trim().parse().ok());
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn signal(&self) {
        kill_process(Pid::from_child(&self.child.0), Signal::TERM).unwrap();
    }

    /// Waits for the exit and returns its code; it must follow `since` on time.
    #[track_caller]
    fn exit_after(mut self, since: Instant) -> i32 {
        let status = eventually("the exit", || self.child.0.try_wait().unwrap());
        assert!(since.elapsed() < ON_TIME, "{:?}", since.elapsed());
        status.code().unwrap()
    }
}

/// A peer that sends without end what its client should print, and reads nothing.
fn flood(addr: SocketAddr) -> Client {
    let client = Client::connect(addr);
    let mut stream = client.stream.try_clone().unwrap();
    // The writes end when the connection is closed.
    thread::spawn(move || while stream.write_all(&[b'x'; 4096]).is_ok() {});
    client
}

/// A server that floods its only client with `text`.
fn flooding_peer(text: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while stream.write_all(text).is_ok() {}
    });
    addr
}

#[test]
fn a_blocked_output_delays_neither_the_timeout_of_connect_nor_a_signal() {
    for blocked in OUTPUTS_AND_INPUT {
        let since = Instant::now();
        let run = start(&format!("connect {} --timeout 1s", flooding_peer(&[b'x'; 4096])), blocked);
        assert_eq!(run.exit_after(since), 5, "{blocked:?}");
        let run = start(&format!("connect {}", flooding_peer(&[b'x'; 4096])), blocked);
        Process::of_child(&run.child.0).wait_until_idle();
        let since = Instant::now();
        run.signal();
        // An incomplete recording is a failure, but the exit code of a signal comes first.
        assert_eq!(run.exit_after(since), 143, "{blocked:?}");
    }
}

#[test]
fn a_blocked_output_delays_neither_the_timeout_of_login_nor_a_signal() {
    for blocked in OUTPUTS {
        let start = |flags| {
            let server = flooding_peer(b"text\n");
            let args = format!("login {server} --user alice --password-stdin {flags}");
            let run = start(&args, blocked);
            // Fails if login has ended.
            run.child.0.stdin.as_ref().unwrap().write_all(b"secret\n").ok();
            run
        };
        let since = Instant::now();
        assert_eq!(start("--timeout 2s").exit_after(since), 5, "{blocked:?}");
        let run = start("");
        Process::of_child(&run.child.0).wait_until_idle();
        let since = Instant::now();
        run.signal();
        assert_eq!(run.exit_after(since), 143, "{blocked:?}");
    }
}

/// Starts `sockkit ARGS…`, a command that prints its results directly, with a blocked output.
fn start_report(args: &str, blocked: Blocked) -> BlockedRun {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("names"), "localhost\n".repeat(1000)).unwrap();
    let (reader, writer) = full_pipe();
    let (master, slave) = full_terminal();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockkit"));
    command.args(args.split_whitespace()).current_dir(directory.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match blocked {
        Blocked::Stdout => command.stdout(writer.try_clone().unwrap()),
        Blocked::Stderr => command.arg("-v").stderr(writer.try_clone().unwrap()),
        _ => command
            .stdout(slave.try_clone().unwrap())
            .stderr(slave.try_clone().unwrap())
            .env("TERM", "xterm"),
    };
    let child = KillOnDrop(command.spawn().unwrap());
    BlockedRun { child, directory, _pipe: (reader, writer), _terminal: (master, slave) }
}

#[test]
fn a_blocked_output_delays_neither_the_timeout_of_a_report_nor_a_signal() {
    // Those that print more than a pipe or a terminal that is almost full takes.
    let blocking = ["resolve -f names --concurrency 1", "resolve localhost", "doctor"];
    let others = ["resolve localhost --watch 1s", "probe 127.0.0.1 9 --count 1000 --interval 10ms"];
    let check = |report: &str, blocked: Blocked| {
        let since = Instant::now();
        let exit = start_report(&format!("{report} --timeout 2s"), blocked).exit_after(since);
        let prints_much = blocked == Blocked::Stdout && blocking.contains(&report);
        assert!(exit == 5 || !prints_much, "{report}: {exit}");
        let mut run = start_report(&format!("{report} --timeout 1h"), blocked);
        Process::of_child(&run.child.0).wait_until_idle();
        let since = Instant::now();
        run.signal();
        let status = eventually("the exit", || run.child.0.try_wait().unwrap());
        assert!(since.elapsed() < ON_TIME, "{report} {blocked:?}: {:?}", since.elapsed());
        let is_signal = status.code() == Some(143) || status.signal() == Some(15);
        assert!(is_signal || !prints_much, "{report}: {status}");
    };
    thread::scope(|scope| {
        for blocked in [Blocked::Stdout, Blocked::Stderr, Blocked::Terminal] {
            for report in blocking.iter().chain(&others) {
                scope.spawn(move || check(report, blocked));
            }
        }
    });
}

#[test]
fn a_signal_ends_a_client_that_waits_only_for_a_blocked_standard_error() {
    for command in ["connect", "login --user alice --password-stdin"] {
        let peer = Peer::start(|mut client| {
            client.line();
            client.line();
        });
        let mut run = start(&format!("{command} {}", peer.addr), Blocked::Events);
        run.child.0.stdin.take().unwrap().write_all(b"alice\nsecret\n").unwrap();
        peer.join();
        Process::of_child(&run.child.0).wait_until_idle();
        assert!(run.child.0.try_wait().unwrap().is_none());
        let since = Instant::now();
        run.signal();
        assert_eq!(run.exit_after(since), 143, "{command}");
    }
}

#[test]
fn a_blocked_output_delays_neither_the_timeout_of_listen_nor_a_signal() {
    for (blocked, keep_open) in OUTPUTS_AND_INPUT.into_iter().flat_map(|it| [(it, ""), (it, "-k")])
    {
        let args = format!("listen 127.0.0.1:0 --port-file port --grace 500ms {keep_open}");
        let since = Instant::now();
        let run = start(&format!("{args} --timeout 2s"), blocked);
        let _client = flood(run.addr());
        assert_eq!(run.exit_after(since), 5, "{blocked:?} {keep_open}");
        let run = start(&args, blocked);
        let _client = flood(run.addr());
        let since = Instant::now();
        run.signal();
        run.exit_after(since);
    }
}

/// Calls `exchange` with the server's address several times while another client floods the server.
fn keeps_pace(server: &str, blocked: Blocked, mut exchange: impl FnMut(SocketAddr)) {
    let run = start(&format!("{server} 127.0.0.1:0 --port-file port --grace 500ms"), blocked);
    let addr = run.addr();
    let flooding = flood(addr);
    let since = Instant::now();
    for _ in 0..EXCHANGES {
        exchange(addr);
    }
    assert!(since.elapsed() < ON_TIME, "{server} {blocked:?}: {:?}", since.elapsed());
    drop(flooding);
    let since = Instant::now();
    run.signal();
    let code = run.exit_after(since);
    let expected = if blocked == Blocked::Recording { 8 } else { 0 };
    assert_eq!(code, expected, "{server} {blocked:?}");
}

#[test]
fn a_blocked_output_of_an_echo_server_delays_no_client_and_no_signal() {
    for blocked in OUTPUTS {
        keeps_pace("echo-server", blocked, |addr| {
            let mut client = Client::connect(addr);
            client.send("hello");
            assert_eq!(client.recv(), b"hello");
        });
    }
}

#[test]
fn a_blocked_output_of_a_login_server_delays_no_client_and_no_signal() {
    for blocked in OUTPUTS {
        keeps_pace("login-server", blocked, |addr| {
            let mut client = Client::connect(addr);
            client.read_until("Username: ");
            client.send("alice\r\n");
            client.read_until("Password: ");
            client.send("secret\r\n");
            assert!(client.line().starts_with("OK"));
        });
    }
}

#[test]
fn a_blocked_output_of_a_chat_server_delays_no_client_and_no_signal() {
    for blocked in OUTPUTS {
        let mut number = 0;
        keeps_pace("chat-server", blocked, |addr| {
            let mut client = Client::connect(addr);
            client.read_until("Nickname: ");
            number += 1;
            client.send(format!("user{number}\r\n"));
            assert!(client.line().starts_with("OK"));
        });
    }
}

#[test]
fn the_clients_of_a_listener_get_its_input_although_an_output_is_blocked() {
    for blocked in [Blocked::Stderr, Blocked::Recording, Blocked::Terminal] {
        let run = start("listen 127.0.0.1:0 -k --port-file port --grace 500ms", blocked);
        let addr = run.addr();
        let flooding = flood(addr);
        let mut client = Client::connect(addr);
        let mut run = run;
        let mut input = run.child.0.stdin.take().unwrap();
        let since = Instant::now();
        // The input that is sent before the listener has accepted the client is not for it.
        eventually("the first line", || {
            input.write_all(b"first\n").unwrap();
            client.has_received_something().then_some(())
        });
        for number in 0..EXCHANGES {
            let line = format!("line {number}\n");
            input.write_all(line.as_bytes()).unwrap();
            client.read_until(&line);
        }
        assert!(since.elapsed() < ON_TIME, "{blocked:?}: {:?}", since.elapsed());
        drop(flooding);
        let since = Instant::now();
        run.signal();
        run.exit_after(since);
    }
}

#[test]
fn a_connection_ends_although_standard_error_is_blocked() {
    for blocked in [Blocked::Stderr, Blocked::Events] {
        let mut run = start("listen 127.0.0.1:0 -k --port-file port --grace 500ms", blocked);
        let addr = run.addr();
        drop(run.child.0.stdin.take());
        for _ in 0..EXCHANGES {
            let since = Instant::now();
            let mut client = Client::connect(addr);
            client.send("hello\n");
            client.shut_down();
            assert_eq!(client.read_to_end(), b"", "{blocked:?}");
            assert!(since.elapsed() < ON_TIME, "{blocked:?}: {:?}", since.elapsed());
        }
        let since = Instant::now();
        run.signal();
        run.exit_after(since);
    }
}

#[test]
fn received_bytes_that_standard_output_does_not_take_are_counted() {
    let lost = "up to 6 received bytes were not written: standard output took nothing in time";
    let (_reader, writer) = full_pipe();
    let start = |args: &str| sockkit(args).with_stdout(writer.try_clone().unwrap());
    let peer = Peer::start(|mut client: Client| {
        client.send("hello\n");
        client.read_to_end();
    });
    let ran = start(&format!("connect 127.0.0.1 {} --timeout 1s", peer.port())).run().code(5);
    assert!(ran.stderr.contains(lost) && ran.stderr.contains("--timeout"), "{}", ran.stderr);
    // The normal end of a listener with --keep-open.
    for (flags, code) in [("-k", 8), ("", 143)] {
        let server = start(&format!("listen 127.0.0.1:0 --hexdump {flags}")).serve();
        let mut client = server.client();
        client.send("hello\n");
        client.shut_down();
        server.running.stderr.wait_for_text("hello");
        server.running.signal(Signal::TERM);
        let ran = server.running.wait().code(code);
        assert!(ran.stderr.contains(lost), "{}", ran.stderr);
    }
}

#[test]
fn events_to_a_blocked_output_leave_memory_flat() {
    for (blocked, args) in
        [(Blocked::Stdout, "echo-server -v"), (Blocked::Stderr, "echo-server --stats")]
    {
        let run = start(&format!("{args} 127.0.0.1:0 --port-file port"), blocked);
        let process = Process::of_child(&run.child.0);
        let mut client = Client::connect(run.addr());
        let mut transfer = |pieces: usize| {
            for _ in 0..pieces {
                client.send("hello");
                client.recv();
            }
        };
        // Each piece is one event or more. The first ones fill the queue.
        transfer(20_000);
        let before = process.peak_memory();
        transfer(20_000);
        let grown = process.peak_memory() - before;
        assert!(grown < 2 << 20, "{blocked:?}: {grown} bytes");
        let since = Instant::now();
        run.signal();
        assert_eq!(run.exit_after(since), 0);
    }
}

#[test]
fn many_events_to_a_blocked_terminal_leave_memory_flat() {
    const CLIENTS: usize = 50;
    for args in ["echo-server", "listen -k"] {
        let run = start(&format!("{args} 127.0.0.1:0 --port-file port"), Blocked::Terminal);
        let process = Process::of_child(&run.child.0);
        let mut clients: Vec<_> = (0..CLIENTS).map(|_| Client::connect(run.addr())).collect();
        let echoes = args.starts_with("echo");
        // Each piece is two events or more. The first ones fill the queue.
        let mut transfer = |rounds: usize| {
            for _ in 0..rounds {
                for client in &mut clients {
                    client.send("hello");
                }
                for client in clients.iter_mut().filter(|_| echoes) {
                    assert_eq!(client.recv(), b"hello");
                }
            }
        };
        transfer(400);
        let before = process.peak_memory();
        transfer(150_000 / CLIENTS);
        let grown = process.peak_memory() - before;
        assert!(grown < 2 << 20, "{args}: {grown} bytes");
        let since = Instant::now();
        run.signal();
        // What the listener has received and not printed is lost.
        assert_eq!(run.exit_after(since), if echoes { 0 } else { 8 });
    }
}

/// Reads a FIFO to its end.
fn read_fifo(path: &Path) -> thread::JoinHandle<String> {
    let path = path.to_owned();
    thread::spawn(move || fs::read_to_string(path).unwrap())
}

#[test]
fn a_recording_to_a_fifo_waits_for_its_reader_and_is_complete() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let run = start(&format!("connect {addr}"), Blocked::Recording);
    // The connection is opened although the FIFO has no reader.
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"hello").unwrap();
    drop(stream);
    let reader = read_fifo(&run.directory.path().join("fifo"));
    let mut run = run;
    run.child.0.stdin.take();
    assert_eq!(run.exit_after(Instant::now()), 0);
    let text = reader.join().unwrap();
    let kinds = ["\"record\"", "\"connected\"", "\"hello\"", "\"fin\"", "\"closed\""];
    assert!(kinds.map(|kind| text.find(kind).unwrap()).is_sorted(), "{text}");
}
