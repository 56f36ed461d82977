//! `listen`: accepts connections, reports each client and prints what it sends.

mod activation;
mod binding;
mod child_processes;
mod clients;
mod datagrams;
mod delivery;
mod endings;
mod observers;
mod script;
mod shared_input;
mod shutdown;
mod terminal;
mod tls;
mod unix;

use crate::support::{Client, in_namespace, sockkit};

#[test]
fn listen_reports_the_client_and_prints_what_it_sends() {
    let listen = sockkit("listen 0").serve();
    let mut client = listen.client();
    let addr = client.stream.local_addr().unwrap();
    client.send(b"Hello, world");
    client.shut_down();
    let ran = listen.running.wait().code(0);
    assert_eq!(ran.stdout, b"Hello, world");
    assert!(ran.stderr.contains(&format!("connected {addr}")), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(&format!("closed {addr}: 12 bytes in, 0 bytes out")),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_name_from_the_hosts_file_is_on_the_connection_line() {
    let test = "a_name_from_the_hosts_file_is_on_the_connection_line";
    let directory = tempfile::tempdir().unwrap();
    let hosts = directory.path().join("hosts");
    std::fs::write(&hosts, "127.0.0.1 localhost\n192.0.2.7\tdesk.example desk # mine\n").unwrap();
    let setup = format!(
        "ip link set lo up; ip addr add 192.0.2.7/24 dev lo; mount --bind {} /etc/hosts",
        hosts.display()
    );
    let connect = |client: &str| {
        format!(
            "{client} -- sh -c '{} connect $SOCKKIT_LISTEN_ADDR < /dev/null'",
            env!("CARGO_BIN_EXE_sockkit")
        )
    };
    for (listen, name) in
        [("listen 192.0.2.7:0", "desk.example"), ("listen 127.0.0.1:0", "localhost")]
    {
        let Some(listen) = in_namespace(test, &setup, &connect(listen)) else { return };
        let ran = listen.run().code(0);
        assert!(ran.stderr.contains(&format!(" ({name}), local ")), "{}", ran.stderr);
        assert!(!ran.stderr.contains("\nname "), "{}", ran.stderr);
    }
}

#[test]
fn json_has_the_name_of_a_loopback_client_as_an_event() {
    let listen = sockkit("listen 127.0.0.1:0 --json").start();
    let line = listen.stdout.wait_for(|text| Some(text.split_once('\n')?.0.to_owned()));
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    drop(Client::connect(event["addr"].as_str().unwrap().parse().unwrap()));
    listen.stdout.wait_for_text(r#"{"type":"peer_name","peer":"127.0.0.1:"#);
}

#[test]
fn the_first_json_object_is_listening() {
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
    client.shut_down();
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
fn the_port_file_holds_the_port_and_is_removed_at_exit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let listen = sockkit("listen 0 --keep-open --port-file").arg(&path).serve();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", listen.port()));
    listen.stop().code(0);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    let ran = sockkit("listen 0 --port-file /no/such/directory/port").run().code(8);
    assert!(ran.stderr.contains("no such file or directory"), "{}", ran.stderr);
}
