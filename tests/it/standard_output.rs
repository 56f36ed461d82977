//! Standard output that cannot be written: every report, help text and script exits with 8 and a
//! message, and with 0 if its reader has closed the pipe.

use std::io::{Read as _, Write as _};

use crate::support::{Peer, shell, sockkit};

/// Redirections of a standard output that is closed, not open for writing, and full.
const UNWRITABLE: [&str; 3] = [">&-", "1</etc/hosts", ">/dev/full"];

/// Command lines that print a report or a text and exit.
fn reports() -> Vec<String> {
    let commands = [
        "info",
        "resolve",
        "listen",
        "connect",
        "echo-server",
        "login-server",
        "login",
        "chat-server",
        "completions",
    ];
    let help = commands.iter().flat_map(|command| {
        [format!("{command} -h"), format!("{command} --help"), format!("help {command}")]
    });
    let shells = ["bash", "zsh", "fish", "elvish", "powershell"];
    let scripts = shells.iter().map(|shell| format!("completions {shell}"));
    let others = [
        "-h",
        "--help",
        "help",
        "--version",
        "-V",
        "--version -v",
        "info",
        "info --json",
        "info --plain",
        "resolve localhost",
        "resolve localhost --json",
        "resolve localhost --plain",
        "resolve localhost --short",
        "resolve localhost 127.0.0.1",
    ];
    help.chain(scripts).chain(others.map(str::to_owned)).collect()
}

#[test]
fn every_report_exits_8_with_a_message_if_standard_output_cannot_be_written() {
    for redirection in UNWRITABLE {
        for report in reports() {
            let ran = shell(&format!("exec sockkit {report} {redirection}")).run();
            let what = format!("{report} {redirection}: {}", ran.stderr);
            assert_eq!(ran.code, 8, "{what}");
            let json = ran.stderr.contains(r#""code":8,"message":"cannot write standard output: "#);
            let text = ran.stderr.starts_with("error: cannot write standard output: ");
            assert!(json || text, "{what}");
            assert_eq!(ran.stderr.lines().count(), 1, "{what}");
        }
    }
}

#[test]
fn a_file_that_reaches_its_size_limit_is_exit_8() {
    let directory = tempfile::tempdir().unwrap();
    for command in ["info", "--version", "resolve --help", "probe 127.0.0.1 9"] {
        let limited = format!("ulimit -f 0; exec sockkit {command} > file");
        let ran = shell(&limited).dir(directory.path()).run().code(8);
        assert!(ran.stderr.contains("cannot write standard output: "), "{}", ran.stderr);
    }
}

#[test]
fn every_report_exits_0_without_a_message_if_its_reader_has_closed_the_pipe() {
    for report in reports() {
        let ran = sockkit(&report).with_closed_stdout().run();
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{report}");
    }
}

#[test]
fn received_data_that_cannot_be_written_is_exit_8() {
    for (redirection, json) in UNWRITABLE.iter().flat_map(|it| [(it, ""), (it, "--json")]) {
        // With --json, the client may end before this peer sends anything.
        let peer = Peer::start(|client| drop((&client.stream).write_all(b"hello\n")));
        let connect = format!("exec sockkit connect {} {json} {redirection}", peer.addr);
        let ran = shell(&connect).run().code(8);
        assert!(ran.stderr.contains("cannot write standard output: "), "{}", ran.stderr);
        peer.join();
        let peer = Peer::start(|client| {
            // The client ends as soon as it cannot print what it has received.
            (&client.stream).write_all(b"hello\r\n").ok();
            (&client.stream).read_to_end(&mut Vec::new()).ok();
        });
        let login = "exec sockkit login --user alice --password-stdin";
        let login = format!("{login} {} {json} {redirection}", peer.addr);
        let ran = shell(&login).stdin("secret\n").run().code(8);
        assert!(ran.stderr.contains("cannot write standard output: "), "{}", ran.stderr);
        peer.join();
    }
}

#[test]
fn a_listener_whose_first_event_cannot_be_written_is_exit_8() {
    for redirection in UNWRITABLE {
        for options in ["", "-k", "-u"] {
            let listen = format!("exec sockkit listen 0 --json {options} {redirection}");
            let ran = shell(&listen).run().code(8);
            assert!(ran.stderr.contains("cannot write standard output: "), "{}", ran.stderr);
        }
    }
    let ran = sockkit("listen 0 --json").with_closed_stdout().run();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}
