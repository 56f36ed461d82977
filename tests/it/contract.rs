//! What holds for every command: streams, formats, colour, help.

use std::process::Command;

use clap::CommandFactory as _;
use serde_json::Value;
use sockkit::cli::Cli;

use crate::support::{ClosedPort, Sockkit, Terminal, shell, skip, sockkit};

/// The names of all commands.
fn commands() -> Vec<String> {
    Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

#[test]
fn help_goes_to_standard_output_and_every_command_has_examples() {
    for command in commands() {
        for flag in ["-h", "--help"] {
            let ran = Sockkit::new([command.as_str(), flag]).run().code(0);
            assert_eq!(ran.stderr, "");
            assert!(ran.out().contains("Examples:\n"), "{command} {flag}");
        }
    }
    let ran = sockkit("--help").run().code(0);
    assert!(ran.out().contains(sockkit::exit::EXIT_STATUS.lines().nth(5).unwrap()));
}

#[test]
fn json_makes_errors_json() {
    let port = ClosedPort::new();
    let ran = sockkit(&format!("connect {} --json", port.addr())).run().code(4);
    let error: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(error["type"], "error");
    assert_eq!(error["code"], 4);
    assert_eq!(error["message"], format!("cannot connect to {}: connection refused", port.addr()));
    for args in ["--json nonsense", "nonsense --format json", "nonsense --format=json"] {
        let ran = sockkit(args).run().code(2);
        let error: Value = serde_json::from_str(&ran.stderr).unwrap();
        assert_eq!(error["code"], 2);
    }
    let ran = sockkit("nonsense").env("SOCKKIT_FORMAT", "json").run().code(2);
    assert!(ran.stderr.starts_with("{\"type\":\"error\""), "{}", ran.stderr);
}

#[test]
fn environment_variables_set_the_same_options_and_flags_take_precedence() {
    let first = |ran: crate::support::Outcome| ran.out().chars().next().unwrap();
    assert_eq!(first(sockkit("info").env("SOCKKIT_FORMAT", "json").run().code(0)), '{');
    assert_ne!(first(sockkit("info --plain").env("SOCKKIT_FORMAT", "json").run().code(0)), '{');
    let ran = sockkit("info").env("SOCKKIT_FORMAT", "yaml").run().code(2);
    assert!(ran.stderr.contains("SOCKKIT_FORMAT is \"yaml\""), "{}", ran.stderr);
    assert!(ran.stderr.contains("try: one of table, plain, json"), "{}", ran.stderr);
    // An empty variable counts as unset.
    for variable in ["SOCKKIT_FORMAT", "SOCKKIT_COLOR", "SOCKKIT_TIMEOUT"] {
        sockkit("info").env(variable, "").run().code(0);
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let connect = format!("connect {}", listener.local_addr().unwrap());
    sockkit(&connect).env("SOCKKIT_TIMEOUT", "200ms").start().wait().code(5);
}

#[test]
fn too_few_descriptors_or_threads_are_an_error_that_names_the_limit() {
    for command in ["connect 127.0.0.1 9", "listen 0", "echo-server 0", "resolve a.example", "info"]
    {
        // Enough to load the program's libraries, and too few for an event loop and a socket.
        for limit in 5..7 {
            let program = env!("CARGO_BIN_EXE_sockkit");
            let ran = shell(&format!("ulimit -n {limit}; exec {program} {command}")).run();
            let named = "too many open files; `ulimit -n` shows the limit";
            assert!(ran.stderr.contains(named), "{limit} {command}: {}", ran.stderr);
            assert!(![0, 70].contains(&ran.code), "{limit} {command}: {}", ran.code);
        }
    }
    // The limit of processes does not apply to root, so the program runs as an unused user.
    let able = Command::new("setpriv").args(["--reuid=47113", "true"]).status();
    if !able.is_ok_and(|status| status.success()) {
        skip("too few threads", "cannot become another user (setpriv)");
        return;
    }
    let directory = tempfile::tempdir_in("/tmp").unwrap();
    let program = directory.path().join("sockkit");
    std::fs::copy(env!("CARGO_BIN_EXE_sockkit"), &program).unwrap();
    let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(directory.path(), everyone).unwrap();
    for command in ["listen 0 -4", "echo-server 0", "connect localhost 9"] {
        let program = program.display();
        let user = "setpriv --reuid=47113 --regid=47113 --clear-groups";
        let ran = shell(&format!("exec {user} prlimit --nproc=1 {program} {command}")).run();
        let named = "too many processes or threads; `ulimit -u` shows the limit";
        assert!(ran.stderr.contains(named), "{command}: {}", ran.stderr);
        assert!(![0, 70].contains(&ran.code), "{command}: {}", ran.code);
    }
}

#[test]
fn colour_is_used_only_on_a_terminal_or_on_request() {
    let escapes = |sockkit: Sockkit| sockkit.run().code(0).out().contains('\u{1b}');
    assert!(!escapes(sockkit("info")));
    assert!(escapes(sockkit("info --color always")));
    assert!(escapes(sockkit("info").env("CLICOLOR_FORCE", "1")));
    assert!(escapes(sockkit("info").env("SOCKKIT_COLOR", "always")));
    assert!(!escapes(sockkit("info").env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1")));
    assert!(!escapes(sockkit("info --color never").env("CLICOLOR_FORCE", "1")));
    assert!(!escapes(sockkit("info --json --color always")));
}

#[test]
fn quiet_prints_only_data_and_errors() {
    let echo = sockkit("echo-server 0").serve();
    let ran = sockkit(&format!("connect {} -q", echo.addr)).stdin("x\n").run().code(0);
    assert_eq!((ran.out().as_str(), ran.stderr.as_str()), ("x\n", ""));
    let port = ClosedPort::new();
    let ran = sockkit(&format!("connect {} -q", port.addr())).run().code(4);
    assert!(ran.stderr.starts_with("error: cannot connect"));
    sockkit("info -q -v").run().code(2);
}

#[test]
fn a_report_whose_reader_closed_the_pipe_exits_0() {
    for args in ["info", "info --json", "completions bash", "--help", "--version"] {
        let program = env!("CARGO_BIN_EXE_sockkit");
        let mut command = Command::new("bash");
        command.args(["-c", &format!("{program} {args} | true; exit ${{PIPESTATUS[0]}}")]);
        let ran = Sockkit::of(command).run().code(0);
        assert_eq!(ran.stderr, "", "{args}");
    }
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec {} info > /dev/full", env!("CARGO_BIN_EXE_sockkit"))]);
    let ran = Sockkit::of(command).run().code(8);
    assert!(ran.stderr.contains("no space left on device"), "{}", ran.stderr);
}

#[test]
fn the_version_is_one_line_and_longer_with_verbose() {
    let expected = format!("sockkit {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(sockkit("--version").run().code(0).out(), expected);
    assert_eq!(sockkit("-V").run().code(0).out(), expected);
    let long = sockkit("--version -v").run().code(0).out();
    assert!(long.starts_with(&expected));
    assert!(long.contains("commit: ") && long.contains("target: "), "{long}");
}

#[test]
fn e39_a_server_escapes_control_characters_from_clients_on_its_terminal() {
    let directory = tempfile::tempdir().unwrap();
    for server in ["listen 0 -4", "listen 0 -4 -k", "echo-server 0 -4 -v", "chat-server 0 -4 -v"] {
        let terminal = Terminal::start(server, directory.path());
        let addr = terminal.screen.wait_for(|text| {
            let (_, rest) = text.split_once(" on ")?;
            rest.split_once(' ')?.0.parse().ok()
        });
        let mut client = crate::support::Client::connect(addr);
        if server.starts_with("chat") {
            client.read_until("Nickname: ");
            client.send(b"eve\n");
        }
        client.send(b"\x1b]0;pwned\x07 ok\n");
        let text = terminal.screen.wait_for_text("pwned\\u{7} ok");
        assert!(!text.contains("\u{1b}]0;") && !text.contains('\u{7}'), "{server}: {text:?}");
    }
}
