//! What holds for every command: streams, formats, colour, help.

use std::collections::BTreeSet;
use std::process::Command;

use clap::CommandFactory as _;
use hickory_resolver::proto::op::ResponseCode;
use serde_json::Value;
use sockkit::cli::Cli;

use crate::json_doc;
use crate::support::peers::dns_server::DnsServer;
use crate::support::{ClosedPort, Sockkit, Terminal, sockkit};

/// All commands there are.
fn commands() -> Vec<String> {
    Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

#[test]
fn help_is_data_and_every_command_has_examples() {
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
fn errors_are_json_where_json_was_asked_for() {
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
fn json_has_the_documented_fields() {
    let line = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    json_doc::holds("Reports", &[line(&sockkit("info --json").run().code(0).out())]);
    let broken = DnsServer::start(|asked| vec![asked.reply_code(ResponseCode::ServFail)]);
    let empty = DnsServer::with_records(Vec::new());
    // Of two that fail one is told of as the cause; one that is passed over is a warning.
    let resolve = format!("resolve --json no.example a {0} {0}", broken.word());
    json_doc::holds("Talk", &[line(&sockkit(&resolve).run().code(4).stderr)]);
    let resolve = format!("resolve --json no.example a {} {}", broken.word(), empty.word());
    let talk = sockkit(&resolve).run().code(1).stderr;
    let talk: Vec<Value> = talk.lines().map(line).collect();
    assert_eq!((&talk[0]["type"], &talk[1]["type"]), (&"warning".into(), &"note".into()));
    for line in talk {
        json_doc::holds("Talk", &[line]);
    }
    assert_eq!(json_doc::kinds("Talk"), BTreeSet::from(["error", "note", "warning"]));
    assert_eq!(json_doc::kinds("Reports"), BTreeSet::from(["info", "lookup"]));
}

#[test]
fn the_environment_says_what_flags_say_and_flags_win() {
    let first = |ran: crate::support::Ran| ran.out().chars().next().unwrap();
    assert_eq!(first(sockkit("info").env("SOCKKIT_FORMAT", "json").run().code(0)), '{');
    assert_ne!(first(sockkit("info --plain").env("SOCKKIT_FORMAT", "json").run().code(0)), '{');
    let ran = sockkit("info").env("SOCKKIT_FORMAT", "yaml").run().code(2);
    assert!(ran.stderr.contains("SOCKKIT_FORMAT is \"yaml\""), "{}", ran.stderr);
    assert!(ran.stderr.contains("try: one of table, plain, json"), "{}", ran.stderr);
    // Empty is not set, as scripts have it.
    for variable in ["SOCKKIT_FORMAT", "SOCKKIT_COLOR", "SOCKKIT_TIMEOUT"] {
        sockkit("info").env(variable, "").run().code(0);
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let connect = format!("connect {}", listener.local_addr().unwrap());
    sockkit(&connect).env("SOCKKIT_TIMEOUT", "200ms").start().wait().code(5);
}

#[test]
fn colour_is_for_terminals_and_for_those_who_insist() {
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
fn quiet_leaves_data_and_errors_only() {
    let echo = sockkit("echo-server 0").serve();
    let ran = sockkit(&format!("connect {} -q", echo.addr)).stdin("x\n").run().code(0);
    assert_eq!((ran.out().as_str(), ran.stderr.as_str()), ("x\n", ""));
    let port = ClosedPort::new();
    let ran = sockkit(&format!("connect {} -q", port.addr())).run().code(4);
    assert!(ran.stderr.starts_with("error: cannot connect"));
    sockkit("info -q -v").run().code(2);
}

#[test]
fn a_report_whose_reader_left_is_no_failure() {
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
fn the_version_is_one_line_and_more_with_v() {
    let expected = format!("sockkit {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(sockkit("--version").run().code(0).out(), expected);
    assert_eq!(sockkit("-V").run().code(0).out(), expected);
    let long = sockkit("--version -v").run().code(0).out();
    assert!(long.starts_with(&expected));
    assert!(long.contains("commit: ") && long.contains("target: "), "{long}");
}

#[test]
fn e39_what_a_client_sends_cannot_play_with_the_servers_terminal() {
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
