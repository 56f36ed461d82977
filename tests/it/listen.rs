//! `listen`: who came, and where it says so.

use crate::support::{Client, sockkit};

#[test]
fn it_says_who_came_and_prints_what_they_send() {
    let listen = sockkit("listen 0").serve();
    let mut client = listen.client();
    let ours = client.stream.local_addr().unwrap();
    client.send(b"Hello, world");
    client.end();
    let ran = listen.running.wait().code(0);
    assert_eq!(ran.stdout, b"Hello, world");
    assert!(ran.stderr.contains(&format!("connected {ours}")), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(&format!("closed {ours}: 12 bytes in, 0 bytes out")),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_name_of_the_client_is_told_too() {
    let listen = sockkit("listen 0").serve();
    let client = listen.client();
    // Every machine knows its own loopback address by a name.
    listen
        .running
        .stderr
        .wait_for_text(&format!("name {} is ", client.stream.local_addr().unwrap()));
}

#[test]
fn under_json_the_first_object_is_listening() {
    let running = sockkit("listen 0 --json -4").start();
    let line = running
        .stdout
        .wait_for(|text| text.lines().next().map(str::to_owned).filter(|_| text.contains('\n')));
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["type"], "listening");
    let addr = event["addr"].as_str().unwrap().parse().unwrap();
    assert_eq!(event["port"].as_u64(), Some(u64::from(std::net::SocketAddr::port(&addr))));
    let mut client = Client::connect(addr);
    client.send(b"x\n");
    client.end();
    let ran = running.wait().code(0);
    let kinds: Vec<String> = ran
        .out()
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["type"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .filter(|kind| kind != "peer_name")
        .collect();
    assert_eq!(kinds, ["listening", "connected", "data", "closed"]);
}

#[test]
fn the_port_file_appears_with_the_port_and_goes_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let listen = sockkit("listen 0 --keep-open --port-file").arg(&path).serve();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", listen.port()));
    listen.stop().code(0);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    let ran = sockkit("listen 0 --port-file /no/such/directory/port").run().code(8);
    assert!(ran.stderr.contains("no such file or directory"), "{}", ran.stderr);
}

#[test]
fn an_idle_client_of_many_is_closed_where_that_is_asked_for() {
    let listen = sockkit("listen 0 -k --max-clients 1 --idle-timeout 200ms -4").serve();
    let mut silent = listen.client();
    let mut next = listen.client();
    next.send(b"heard");
    assert_eq!(silent.read_to_end(), b"");
    listen.running.stdout.wait_for_text("heard");
}
