//! `--port-file`: what is at the path before the start and at the exit.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;

use crate::support::{Server, Sockkit, eventually, in_namespace, shell, sockkit};

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("port");
    (folder, path)
}

fn echo_server(path: &Path) -> Sockkit {
    sockkit("echo-server 0 --port-file").arg(path)
}

fn make_fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

fn line_of(server: &Server) -> String {
    format!("{}\n", server.port())
}

#[test]
fn a_port_file_can_be_read_by_every_user_whatever_the_umask_is() {
    let (_folder, path) = folder();
    let server = shell("umask 077; exec sockkit echo-server 0 --port-file \"$0\"").arg(&path);
    let server = server.serve();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    server.stop().code(0);
}

#[test]
fn a_file_that_a_killed_server_can_have_left_is_replaced() {
    let (folder, path) = folder();
    for content in ["", "1\n", "65535\n"] {
        fs::write(&path, content).unwrap();
        let server = echo_server(&path).serve();
        assert_eq!(fs::read_to_string(&path).unwrap(), line_of(&server));
        server.stop().code(0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn an_existing_text_file_is_not_replaced() {
    let (folder, path) = folder();
    for content in ["notes\n", "5000", "65536\n", "5000\n\n", "5000\n6000\n", "+1\n", "\n", " 1\n"]
    {
        fs::write(&path, content).unwrap();
        let ran = echo_server(&path).run().code(8);
        let message = format!("cannot write the port to {}: it is a file that", path.display());
        assert!(ran.stderr.contains(&message), "{content:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("try: another path with --port-file"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("listening on"), "{}", ran.stderr);
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_symbolic_link_a_directory_and_a_socket_are_refused_and_stay() {
    let (folder, path) = folder();
    let target = folder.path().join("target");
    let refused = |what: &str| {
        let ran = echo_server(&path).run().code(8);
        assert!(ran.stderr.contains(&format!("it is {what}")), "{}", ran.stderr);
    };
    fs::write(&target, "").unwrap();
    symlink(&target, &path).unwrap();
    refused("a symbolic link");
    assert_eq!(fs::read_link(&path).unwrap(), target);
    fs::remove_file(&target).unwrap();
    refused("a symbolic link");
    assert!(!target.exists());
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused("a directory");
    fs::remove_dir(&path).unwrap();
    let _socket = UnixListener::bind(&path).unwrap();
    refused("a socket");
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
}

#[test]
fn a_fifo_gets_the_port_when_its_reader_comes_and_stays() {
    let (_folder, path) = folder();
    make_fifo(&path);
    let server = echo_server(&path).serve();
    let mut line = String::new();
    File::open(&path).unwrap().read_to_string(&mut line).unwrap();
    assert_eq!(line, line_of(&server));
    server.stop().code(0);
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_fifo());
    // A reader that waits before the server starts.
    let reader = thread::spawn({
        let path = path.clone();
        move || fs::read_to_string(path).unwrap()
    });
    let server = echo_server(&path).serve();
    assert_eq!(reader.join().unwrap(), line_of(&server));
    server.stop().code(0);
}

#[test]
fn a_fifo_without_a_reader_delays_neither_the_clients_nor_the_exit() {
    let (_folder, path) = folder();
    make_fifo(&path);
    let server = echo_server(&path).serve();
    let mut client = server.client();
    client.send("hello\n");
    assert_eq!(client.line(), "hello");
    drop(client);
    server.stop().code(0);
}

#[test]
fn a_device_is_written_to_and_stays() {
    // A link, so that the test can harm no device if it fails: replacing it would replace the link.
    let (_folder, path) = folder();
    symlink("/dev/null", &path).unwrap();
    echo_server(&path).serve().stop().code(0);
    assert_eq!(fs::read_link(&path).unwrap(), Path::new("/dev/null"));
    fs::remove_file(&path).unwrap();
    symlink("/dev/full", &path).unwrap();
    let ran = echo_server(&path).run().code(8);
    assert!(ran.stderr.contains("no space left on device"), "{}", ran.stderr);
    assert_eq!(fs::read_link(&path).unwrap(), Path::new("/dev/full"));
}

#[test]
fn the_port_can_be_written_to_standard_output() {
    // In a /dev of its own, since a failure could remove /dev/stdout.
    let setup = "ip link set lo up; mount -t tmpfs none /dev; ln -s /proc/self/fd/1 /dev/stdout";
    let run = |setup: &str, args: &str| {
        let test = "the_port_can_be_written_to_standard_output";
        in_namespace(test, setup, args)
    };
    let Some(server) = run(setup, "echo-server 0 --port-file /dev/stdout") else { return };
    let server = server.serve();
    let line = line_of(&server);
    assert_eq!(server.stop().code(0).out(), line);
    // A regular file, whose earlier and later content stays.
    let (_folder, path) = folder();
    let setup = format!("{setup}; exec > {}; echo first", path.display());
    let args = "listen 127.0.0.1:0 --port-file /dev/stdout --timeout 100ms";
    let Some(server) = run(&setup, args) else { return };
    server.run().code(5);
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(matches!(&lines[..], ["first", port] if port.parse::<u16>().is_ok()), "{text}");
}

#[test]
fn a_server_does_not_remove_the_port_file_of_a_later_one() {
    let (folder, path) = folder();
    // The third file can get the inode number of the first.
    let first = echo_server(&path).serve();
    let second = echo_server(&path).serve();
    let third = echo_server(&path).serve();
    first.stop().code(0);
    second.stop().code(0);
    assert_eq!(fs::read_to_string(&path).unwrap(), line_of(&third));
    third.stop().code(0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_planted_link_with_the_name_of_a_temporary_file_is_not_followed() {
    let (folder, path) = folder();
    let victim = folder.path().join("victim");
    fs::write(&victim, "content").unwrap();
    // The shell plants the link under the process id that sockkit will have.
    let script = "ln -s victim port.$$.tmp; exec sockkit echo-server 0 --port-file port";
    let server = shell(script).dir(folder.path()).serve();
    let line = eventually("the port file", || fs::read_to_string(&path).ok());
    assert_eq!(line, line_of(&server));
    server.stop().code(0);
    assert_eq!(fs::read_to_string(victim).unwrap(), "content");
}
