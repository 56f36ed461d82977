//! Command lines that are refused with exit code 2.

use crate::support::{ClosedPort, Sockkit, sockkit};

#[test]
fn an_invalid_command_line_exits_2_with_a_message_on_standard_error() {
    for args in ["", "no-such-command", "--no-such-flag", "info extra", "echo-server 0 --grace 5"] {
        let ran = sockkit(args).run().code(2);
        assert_eq!(ran.out(), "", "{args}");
        assert!(!ran.stderr.is_empty());
    }
    let ran = sockkit("inof").run().code(2);
    assert!(ran.stderr.contains("'info'"), "{}", ran.stderr);
}

#[test]
fn port_0_as_a_destination_is_a_usage_error_that_names_the_argument() {
    for (line, argument) in [
        ("connect 127.0.0.1 0", "[PORT]"),
        ("connect 127.0.0.1:0", "<HOST>"),
        ("connect tls://localhost:0", "<HOST>"),
        ("connect -u 127.0.0.1 0", "[PORT]"),
        ("login 127.0.0.1 0", "[PORT]"),
        ("login 127.0.0.1:0", "<HOST>"),
        ("resolve a.example @127.0.0.1:0", "@127.0.0.1:0"),
    ] {
        let ran = sockkit(line).run().code(2);
        assert!(ran.stderr.contains("no server has port 0"), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(argument), "{line}: {}", ran.stderr);
    }
}

#[test]
fn an_invalid_port_of_a_destination_has_an_error_without_port_0() {
    for line in ["connect 127.0.0.1 65536", "connect 127.0.0.1:x9", "probe 127.0.0.1 65536"] {
        let ran = sockkit(line).run().code(2);
        assert!(ran.stderr.contains("give a number from 1 to 65535"), "{line}: {}", ran.stderr);
    }
    let ran = sockkit("listen 65536").run().code(2);
    assert!(ran.stderr.contains("give a number from 0 to 65535"), "{}", ran.stderr);
}

#[test]
fn an_empty_or_unitless_duration_is_a_usage_error_that_names_the_option() {
    for option in
        ["--timeout", "--connect-timeout", "--idle-timeout", "--linger", "--delay", "--keepalive"]
    {
        for value in ["", "5"] {
            let ran = sockkit("connect 127.0.0.1 9").arg(format!("{option}={value}")).run();
            let ran = ran.code(2);
            assert!(ran.stderr.contains(option), "{option}: {}", ran.stderr);
        }
    }
    for line in ["listen 0 --grace=", "login-server 0 --idle-timeout="] {
        sockkit(line).run().code(2);
    }
}

#[test]
fn an_invalid_timeout_variable_is_named_and_an_empty_one_counts_as_unset() {
    for line in ["connect 127.0.0.1 9", "login 127.0.0.1 9", "listen 0", "resolve a.example"] {
        let ran = sockkit(line).env("SOCKKIT_TIMEOUT", "5").run().code(2);
        let expected = "error: SOCKKIT_TIMEOUT is \"5\" in the environment\ntry: ";
        assert!(ran.stderr.starts_with(expected), "{line}: {}", ran.stderr);
        assert!(!ran.stderr.contains("--timeout"), "{line}: {}", ran.stderr);
    }
    // The option takes precedence, so the variable is not read.
    let closed = ClosedPort::new();
    let connect = format!("connect {}", closed.addr());
    sockkit(&connect).arg("--timeout=9s").env("SOCKKIT_TIMEOUT", "5").run().code(4);
    sockkit(&connect).env("SOCKKIT_TIMEOUT", "").run().code(4);
}

/// Invalid ports.
const NO_PORTS: [&str; 7] = ["70000", "65536", "-1", "abc", "80x", "", "''"];

#[test]
fn l05_an_invalid_port_is_a_usage_error() {
    for port in NO_PORTS {
        for line in [vec!["connect", "localhost", port], vec!["listen", "--", port]] {
            let ran = Sockkit::new(line).run().code(2);
            assert!(ran.stdout.is_empty());
            assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
        }
    }
    sockkit("listen ::1").run().code(2);
    sockkit("connect localhost").run().code(2);
    sockkit("connect localhost:80 81").run().code(2);
}

#[test]
fn e34_an_unknown_option_is_a_usage_error_on_standard_error() {
    for command in ["connect localhost 80", "listen 0"] {
        let ran = sockkit(&format!("{command} --no-such-option")).run().code(2);
        assert!(ran.stdout.is_empty());
        assert!(ran.stderr.contains("--no-such-option"), "{}", ran.stderr);
    }
}

#[test]
fn datagram_options_and_stream_options_cannot_be_mixed() {
    let ran = sockkit("connect 127.0.0.1 9 --split lines").run().code(2);
    assert!(ran.stderr.contains("--split applies only to datagrams\ntry: --udp"), "{}", ran.stderr);
    sockkit("connect -u tls://127.0.0.1:9").run().code(2);
    sockkit("connect -u 127.0.0.1 9 --half-open").run().code(2);
    for size in ["0", "65508", "line", "-1"] {
        sockkit("connect -u 127.0.0.1 9").arg(format!("--split={size}")).run().code(2);
    }
}

#[test]
fn contradictory_options_are_a_usage_error() {
    for line in [
        "connect 127.0.0.1 1 --udp --tls",
        "connect tls://127.0.0.1:1 --udp",
        "connect udp://127.0.0.1:1 --tls",
        "connect 127.0.0.1 1 --udp --half-open",
        "connect 127.0.0.1 1 --udp --exec cat",
        "connect 127.0.0.1 1 --udp --send x",
        "connect 127.0.0.1 1 --udp --retry 2",
        "connect 127.0.0.1 1 --split lines",
        "connect 127.0.0.1 1 --insecure",
        "connect 127.0.0.1 1 --send-only --recv-only",
        "connect 127.0.0.1 1 --recv-only --half-open",
        "connect 127.0.0.1 1 --exec cat --send x",
        "connect 127.0.0.1 1 --exec cat --recv-only",
        "connect 127.0.0.1 1 --json --hexdump",
        "connect 127.0.0.1 1 -4 -6",
        "connect 127.0.0.1:1 2",
        "connect unix:/nowhere/socket 5",
        "connect unix:/nowhere/socket --from 127.0.0.1",
        "listen 0 --udp --tls --self-signed",
        "listen udp://0 --exec cat",
        "listen 0 --udp -- true",
        "listen 0 --tls",
        "listen 0 --self-signed",
        "listen 0 --mode 600",
        "listen 127.0.0.1:0 --public",
        "listen unix:/nowhere/socket --public",
        "listen unix:/nowhere/socket -4",
        "listen unix:/nowhere/socket -6",
        "listen unix:/nowhere/socket --port-file port",
        "listen unix:/nowhere/socket --deny 127.0.0.1",
        "listen --udp",
        "echo-server udp://0",
        "echo-server unix:/nowhere/socket --allow 127.0.0.1",
    ] {
        let ran = sockkit(line).run();
        assert_eq!(ran.code, 2, "{line}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{line}");
    }
}

#[test]
fn a_server_refuses_datagrams_and_tls_without_a_certificate() {
    for server in ["echo-server", "login-server", "chat-server"] {
        let directory = tempfile::tempdir().unwrap();
        for (address, message) in [
            ("tls://127.0.0.1:0", "a TLS server needs a certificate\ntry: --self-signed"),
            ("udp://127.0.0.1:0", "this server serves streams, not datagrams"),
            ("127.0.0.1:0 --self-signed", "--self-signed applies only to TLS"),
        ] {
            let server = sockkit(&format!("{server} {address}"));
            let ran = server.dir(directory.path()).run().code(2);
            assert!(ran.stderr.contains(message), "{}", ran.stderr);
        }
    }
}
