//! Every byte is delivered, in both directions, however slowly it is read.

use std::io::{Read as _, Write as _};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::support::{
    Captured, Client, KillOnDrop, eventually, fill_buffers, payload, shell, sockkit,
};

#[test]
fn e10_a_closed_standard_output_ends_keep_open_with_exit_0() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let script = "sockkit listen 0 -k --port-file port | head -c1; exit ${PIPESTATUS[0]}";
    let running = shell(script).dir(directory.path()).start();
    let port: u16 =
        eventually("the port file", || std::fs::read_to_string(&path).ok()?.trim().parse().ok());
    eventually("the end", || {
        let client = std::net::TcpStream::connect(("127.0.0.1", port));
        let Ok(mut client) = client else { return Some(()) };
        client.write_all(b"hello\n").ok();
        None
    });
    running.wait().code(0);
}

#[test]
fn e22_json_with_a_slow_reader_slows_the_sender_and_loses_nothing() {
    let program = env!("CARGO_BIN_EXE_sockkit");
    let (mut reader, writer) = std::io::pipe().unwrap();
    let child = Command::new(program)
        .args(["listen", "0", "-4", "--json"])
        .stdin(std::process::Stdio::null())
        .stdout(writer)
        .spawn();
    let mut child = KillOnDrop(child.unwrap());
    let mut first = [0; 256];
    let len = reader.read(&mut first).unwrap();
    let line = std::str::from_utf8(&first[..len]).unwrap().lines().next().unwrap();
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    let client = Client::connect(event["addr"].as_str().unwrap().parse().unwrap());
    let sent = fill_buffers(&client);
    client.shut_down();
    let rest = String::from_utf8(Captured::of(reader).to_end()).unwrap();
    let status = eventually("the end", || child.0.try_wait().unwrap());
    assert!(status.success());
    let events = rest.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let received: usize = events.filter_map(|event| Some(event["text"].as_str()?.len())).sum();
    assert_eq!(received, sent);
}

#[test]
fn e30_crlf_works_for_a_listener() {
    let mut listen = sockkit("listen 0 --crlf").serve();
    let mut client = listen.client();
    listen.running.write(b"a\nb\r\n");
    listen.running.close_stdin();
    assert_eq!(client.read_to_end(), b"a\r\nb\r\n");
    client.shut_down();
    listen.running.wait().code(0);
}

#[test]
fn l01_send_only_delivers_the_whole_file_although_the_client_sends_data() {
    let directory = tempfile::tempdir().unwrap();
    let file = payload(5 * 1024 * 1024);
    std::fs::write(directory.path().join("file"), &file).unwrap();
    let listen = shell("exec sockkit listen 0 --send-only < file").dir(directory.path()).serve();
    let mut client = listen.client();
    client.send([b'?'; 600]);
    let mut read = vec![0; 1024];
    client.stream.read_exact(&mut read).unwrap();
    client.send([b'?'; 600]);
    thread::sleep(Duration::from_millis(300));
    read.extend(client.read_to_end());
    assert!(read == file, "{} bytes of {}", read.len(), file.len());
    client.shut_down();
    assert!(listen.running.wait().code(0).stdout.is_empty());
}

#[test]
fn l01_the_whole_file_is_delivered_although_the_client_sends_data() {
    let directory = tempfile::tempdir().unwrap();
    let file = payload(5 * 1024 * 1024);
    std::fs::write(directory.path().join("file"), &file).unwrap();
    let listen = shell("exec sockkit listen 0 < file").dir(directory.path()).serve();
    let mut client = listen.client();
    client.send([b'?'; 600]);
    let mut read = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match client.stream.read(&mut buffer).unwrap() {
            0 => break,
            len => read.extend_from_slice(&buffer[..len]),
        }
        thread::sleep(Duration::from_millis(2));
    }
    assert!(read == file, "{} bytes of {}", read.len(), file.len());
    client.shut_down();
    assert_eq!(listen.running.wait().code(0).stdout, [b'?'; 600]);
}
