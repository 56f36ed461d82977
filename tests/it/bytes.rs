//! Arguments that are not UTF-8: paths, programs, data and user names are bytes; any other value is
//! refused by name.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::{Peer, sockkit};

/// `text` with a byte at its end that is not UTF-8.
fn os(text: &str) -> OsString {
    OsString::from_vec([text.as_bytes(), b"\xff"].concat())
}

#[test]
fn a_unix_socket_may_have_any_path_or_name() {
    let directory = tempfile::tempdir().unwrap();
    let name = format!("unix:@sockkit-bytes-{}-", std::process::id());
    for target in [os("unix:socket"), os(&name)] {
        let listen = sockkit("listen").arg(&target).dir(directory.path()).start();
        listen.stderr.wait_for(|text| text.contains("\\xff\n").then_some(()));
        let connect = sockkit("connect").arg(&target).dir(directory.path());
        connect.stdin("hi").run().code(0);
        assert_eq!(listen.wait().code(0).stdout, b"hi");
    }
    let listen = sockkit("listen -u").arg(os("unix:d")).dir(directory.path()).start();
    listen.stderr.wait_for_text("listening on unix:d\\xff");
    let connect = sockkit("connect -u").arg(os("unix:d")).arg("--from").arg(os("unix:c"));
    connect.dir(directory.path()).stdin("hi").run().code(0);
    listen.stderr.wait_for_text("connected unix:c\\xff");
    let ran = sockkit("connect").arg(os("unix:none")).dir(directory.path()).run().code(4);
    assert!(ran.stderr.contains("unix:none\\xff: no such file or directory"), "{}", ran.stderr);
}

#[test]
fn a_program_and_its_arguments_may_be_any_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join(os("program"));
    fs::write(&program, "#!/bin/sh\nprintf %s \"$1\" | od -An -tx1\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();

    let peer = Peer::start(|mut client| client.read_to_end());
    let mut line = OsString::from("./");
    line.push(os("program"));
    line.push(" 'caf\u{e9} ");
    line.push(os(""));
    line.push("'");
    let connect = sockkit(&format!("connect {} --exec", peer.addr)).arg(line);
    connect.dir(directory.path()).run().code(0);
    assert_eq!(peer.join(), b" 63 61 66 c3 a9 20 ff\n");
    let listen = sockkit("listen 0 --").arg(&program).arg(os("x")).run().code(0);
    assert!(listen.stderr.contains(" 78 ff\n"), "{}", listen.stderr);
}

#[test]
fn every_file_may_have_any_path() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(os(name));
    let exists = |path: &Path| fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0);
    fs::write(file("script"), "send \"hi\"\n").unwrap();
    let server = sockkit("login-server 0").arg("--log").arg(file("log"));
    let server = server.arg("--port-file").arg(file("port")).serve();
    assert!(exists(&file("port")));
    let connect = sockkit(&format!("connect {}", server.addr)).arg("--script").arg(file("script"));
    connect.arg("--record").arg(file("record")).run().code(0);
    assert!(exists(&file("record")));
    let login = sockkit(&format!("login {} --password-stdin --user", server.addr)).arg(os("caf"));
    login.stdin("secret\n").run().code(0);
    server.stop().code(0);
    assert!(!exists(&file("port")));
    let log = fs::read_to_string(file("log")).unwrap();
    assert!(log.ends_with(" user=\"caf\\xff\" password=\"secret\"\n"), "{log}");
    for option in ["--ca", "--cert"] {
        let ran = sockkit("connect 127.0.0.1 9 --tls").arg(option).arg(file("none")).run().code(8);
        assert!(ran.stderr.starts_with("error: cannot read "), "{}", ran.stderr);
    }
}

#[test]
fn data_to_send_may_be_any_bytes() {
    let peer = Peer::start(|mut client| client.read_to_end());
    sockkit(&format!("connect {} --send", peer.addr)).arg(os("caf\\n")).run().code(0);
    assert_eq!(peer.join(), b"caf\n\xff");
}

#[test]
fn a_value_that_must_be_text_is_refused_by_its_name() {
    for (line, value, named) in [
        ("connect 127.0.0.1 9 --expect", "^a", "invalid value \"^a\\xff\" for --expect: "),
        ("connect 127.0.0.1 9 --timeout", "5s", "invalid value \"5s\\xff\" for --timeout: "),
        ("connect 127.0.0.1 9", "--delay=1", "invalid argument \"--delay=1\\xff\": "),
        ("connect 127.0.0.1 9 --tls --servername", "a", "for --servername: "),
        ("connect 127.0.0.1", "9", "invalid argument \"9\\xff\": "),
        ("connect", "host", "invalid value 'host\u{fffd}' for '<HOST>': "),
        ("connect 127.0.0.1 9 --from", ":9", "for '--from <[ADDR][:PORT]>': "),
        ("listen", "0", "for '[[HOST:]PORT]': "),
        ("echo-server", "0", "for '[[HOST:]PORT]': "),
        ("listen 0 --allow", "host", "invalid value \"host\\xff\" for --allow: "),
        ("resolve", "name", "invalid argument \"name\\xff\": "),
        ("login host", "80", "invalid argument \"80\\xff\": "),
    ] {
        let ran = sockkit(line).arg(os(value)).run().code(2);
        assert!(ran.stderr.contains(named), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains("it is not UTF-8"), "{line}: {}", ran.stderr);
    }
    // A path before it, which is not at fault, is not named.
    let ran = sockkit("connect 127.0.0.1 9 --record").arg(os("file")).arg(os("--delay=")).run();
    let ran = ran.code(2);
    assert!(ran.stderr.contains("--delay=\\xff") && !ran.stderr.contains("file"), "{}", ran.stderr);
}
