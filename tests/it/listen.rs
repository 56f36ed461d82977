//! `listen`: who came, what they sent, and how it ends.

use std::net::TcpListener;

use rustix::process::Signal;

use crate::support::{Client, Sockkit, sockkit};

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
fn the_real_port_is_reported_and_is_one_for_both_families() {
    let listen = sockkit("listen 0 --keep-open").serve();
    let port = listen.port();
    assert_ne!(port, "0");
    let text = listen.running.stderr.text();
    if std::net::TcpStream::connect(("::1", listen.addr.port())).is_ok() {
        listen.running.stderr.wait_for_text(&format!("listening on [::1]:{port}"));
    }
    assert!(text.contains("only this machine can reach it"), "{text}");
    listen.stop().code(0);
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
fn our_input_is_sent_and_its_end_passed_on() {
    let listen = sockkit("listen 0").serve();
    let mut client = listen.client();
    let mut running = listen.running;
    running.write(b"welcome\n");
    running.close_stdin();
    assert_eq!(client.read_to_end(), b"welcome\n");
    // Our half still works: half-close is not close.
    client.send(b"late");
    client.end();
    let ran = running.wait().code(0);
    assert_eq!(ran.stdout, b"late");
}

#[test]
fn an_input_that_never_held_a_byte_does_not_end_the_conversation() {
    let listen = sockkit("listen 0").serve();
    let mut client = listen.client();
    let mut running = listen.running;
    running.close_stdin();
    client.send(b"first ");
    running.stdout.wait_for_text("first");
    client.send(b"second");
    client.end();
    assert_eq!(running.wait().code(0).stdout, b"first second");
}

#[test]
fn the_second_client_is_refused_while_the_first_is_served() {
    let listen = sockkit("listen 0 -4").serve();
    let mut client = listen.client();
    client.send(b"x");
    listen.running.stdout.wait_for_text("x");
    crate::support::eventually("the port is closed", || {
        std::net::TcpStream::connect(listen.addr).is_err().then_some(())
    });
    client.end();
    listen.running.wait().code(0);
}

#[test]
fn many_clients_are_served_at_once_with_keep_open() {
    let listen = sockkit("listen 0 --keep-open").serve();
    let mut idle = listen.client();
    let mut clients: Vec<Client> = (0..50).map(|_| listen.client()).collect();
    for client in &mut clients {
        client.send(b"hello\n");
        client.end();
        client.read_to_end();
    }
    idle.send(b"still here\n");
    let out = listen.running.stdout.wait_for_text("still here\n");
    assert_eq!(out.matches("hello\n").count(), 50);
    let ran = listen.stop().code(0);
    assert!(ran.stderr.contains("stopping"), "{}", ran.stderr);
}

#[test]
fn a_reset_is_exit_4_for_one_client_and_nothing_for_many() {
    let listen = sockkit("listen 0").serve();
    let mut client = listen.client();
    client.send(b"x");
    listen.running.stdout.wait_for_text("x");
    client.reset();
    let ran = listen.running.wait().code(4);
    assert!(ran.stderr.contains("connection reset by peer"), "{}", ran.stderr);

    let listen = sockkit("listen 0 --keep-open").serve();
    listen.client().reset();
    let mut client = listen.client();
    client.send(b"alive");
    listen.running.stdout.wait_for_text("alive");
    listen.stop().code(0);
}

#[test]
fn a_busy_port_is_exit_7_and_says_what_to_try() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let ran = sockkit(&format!("listen {}", addr.port())).run().code(7);
    let expected = format!(
        "error: cannot listen on {addr}: address already in use\ntry: port 0 for any free port\n"
    );
    assert_eq!(ran.stderr, expected);
    let ran = sockkit("listen 192.0.2.1:0").run().code(7);
    assert!(ran.stderr.contains("not an address of this machine"), "{}", ran.stderr);
}

#[test]
fn what_is_no_port_is_a_usage_error() {
    for port in ["70000", "-1", "abc", "80x", "", "::1"] {
        Sockkit::new(["listen", "--", port]).run().code(2);
    }
}

#[test]
fn a_name_that_does_not_exist_is_exit_3() {
    sockkit("listen no-such-host.invalid:0").run().code(3);
}

#[test]
fn one_client_and_a_signal_is_an_interruption() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let listen = sockkit("listen 0").serve();
        listen.running.signal(signal);
        listen.running.wait().code(code);
        let listen = sockkit("listen 0").serve();
        let mut client = listen.client();
        client.send(b"x");
        listen.running.stdout.wait_for_text("x");
        listen.running.signal(signal);
        listen.running.wait().code(code);
    }
}

#[test]
fn the_port_can_be_taken_again_at_once() {
    let listen = sockkit("listen 0 -4").serve();
    let port = listen.port();
    let mut client = listen.client();
    let mut running = listen.running;
    running.write(b"bye");
    running.close_stdin();
    client.read_to_end();
    client.end();
    running.wait().code(0);
    let again = sockkit(&format!("listen {port} -4 --keep-open")).serve();
    again.stop().code(0);
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
fn connecting_right_after_the_line_is_never_refused() {
    for _ in 0..20 {
        let listen = sockkit("listen 0 -4").serve();
        drop(listen.client());
    }
}

#[test]
fn under_json_a_slow_reader_slows_the_sender_and_loses_nothing() {
    let program = env!("CARGO_BIN_EXE_sockkit");
    let (mut reader, writer) = std::io::pipe().unwrap();
    let child = std::process::Command::new(program)
        .args(["listen", "0", "-4", "--json"])
        .stdin(std::process::Stdio::null())
        .stdout(writer)
        .spawn();
    let mut child = crate::support::Killed(child.unwrap());
    use std::io::{Read as _, Write as _};
    let mut first = [0; 256];
    let len = reader.read(&mut first).unwrap();
    let line = std::str::from_utf8(&first[..len]).unwrap().lines().next().unwrap();
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    let client = Client::connect(event["addr"].as_str().unwrap().parse().unwrap());
    client.stream.set_write_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    // Until nothing moves any more: the reader looks away, so the sender must come to a stop.
    let mut sent = 0;
    while let Ok(len) = (&client.stream).write(&[b'x'; 65536]) {
        sent += len;
        assert!(sent < 200_000_000, "nobody holds the sender back");
    }
    client.end();
    let rest = String::from_utf8(crate::support::Captured::of(reader).to_end()).unwrap();
    let status = crate::support::eventually("the end", || child.0.try_wait().unwrap());
    assert!(status.success());
    let events = rest.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let received: usize = events.filter_map(|event| Some(event["text"].as_str()?.len())).sum();
    assert_eq!(received, sent);
}

#[test]
fn a_reader_that_leaves_ends_it_quietly_also_with_many_clients() {
    let program = env!("CARGO_BIN_EXE_sockkit");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let script = format!(
        "{program} listen 0 -k --port-file {} | head -c1; exit ${{PIPESTATUS[0]}}",
        path.display()
    );
    let mut command = std::process::Command::new("bash");
    command.args(["-c", &script]);
    let running = Sockkit::of(command).start();
    let port: u16 = crate::support::eventually("the port file", || {
        std::fs::read_to_string(&path).ok()?.trim().parse().ok()
    });
    crate::support::eventually("the end", || {
        let client = std::net::TcpStream::connect(("127.0.0.1", port));
        let Ok(mut client) = client else { return Some(()) };
        use std::io::Write as _;
        client.write_all(b"hello\n").ok();
        None
    });
    running.wait().code(0);
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

#[test]
fn a_name_that_stands_for_a_family_this_machine_lacks_is_no_obstacle() {
    let setup = "ip link set lo up
        echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
        hosts=$(mktemp); printf '127.0.0.1 both.example\\n::1 both.example\\n' > $hosts
        mount --bind $hosts /etc/hosts; rm $hosts";
    let Some(listen) =
        crate::support::in_namespace("listen without IPv6", setup, "listen both.example:0")
    else {
        return;
    };
    let running = listen.start();
    running.stderr.wait_for_text("listening on 127.0.0.1:");
    running.signal(Signal::TERM);
    running.wait().code(143);
}
