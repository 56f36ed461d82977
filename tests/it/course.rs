//! Every exercise of the course, with clients and servers that behave as its Python programs do.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::peers::dns_server::{DnsServer, a};
use crate::support::{Client, Peer, sockkit};

/// The course's `recv(1024)`.
fn recv(stream: &mut TcpStream) -> Vec<u8> {
    let mut buffer = [0; 1024];
    let len = stream.read(&mut buffer).unwrap();
    buffer[..len].to_vec()
}

fn dial(addr: std::net::SocketAddr) -> TcpStream {
    Client::connect(addr).stream
}

#[test]
fn figure_1_a_server_prints_what_its_client_sends() {
    let listen = sockkit("listen 0").serve();
    let mut client = dial(listen.addr);
    client.write_all(b"Hello, world").unwrap();
    drop(client);
    let ran = listen.running.wait().code(0);
    assert_eq!(ran.stdout, b"Hello, world");
    assert!(ran.stderr.contains("connected 127.0.0.1:"), "{}", ran.stderr);
}

#[test]
fn figure_2_a_client_sends_a_line_and_prints_the_answer() {
    let peer = Peer::start(|mut client| {
        let data = recv(&mut client.stream);
        client.send(&data);
        data
    });
    let ran = sockkit(&format!("connect 127.0.0.1 {}", peer.port())).stdin("Hello, world").run();
    assert_eq!(ran.code(0).stdout, b"Hello, world");
    assert_eq!(peer.join(), b"Hello, world");
}

#[test]
fn task_1_listen_reports_the_address_and_the_name_of_a_client() {
    let listen = sockkit("listen 0").serve();
    let client = dial(listen.addr);
    let from = client.local_addr().unwrap();
    listen.running.stderr.wait_for_text("), local ");
    drop(client);
    let ran = listen.running.wait().code(0);
    // The name of a loopback address is on the line of the connection.
    let line = ran.stderr.lines().find(|line| line.starts_with("connected ")).unwrap();
    let rest = line.strip_prefix(&format!("connected {from} (")).unwrap();
    assert!(rest.ends_with(&format!("), local {}", listen.addr)), "{line}");
    assert!(!ran.stderr.contains("name "), "{}", ran.stderr);
    // `connect` sends the request, too.
    let listen = sockkit("listen 0").serve();
    sockkit(&format!("connect 127.0.0.1 {}", listen.port())).stdin("request\n").run().code(0);
    assert_eq!(listen.running.wait().code(0).stdout, b"request\n");
}

#[test]
fn task_2_login_sends_user_and_password_and_the_server_exits() {
    let directory = tempfile::tempdir().unwrap();
    let server = sockkit("login-server 0 --once").dir(directory.path()).serve();
    let login = format!("login 127.0.0.1 {} --user maria --password-stdin", server.port());
    let ran = sockkit(&login).stdin("segredo\n").run().code(0);
    assert_eq!(ran.out(), "OK recorded\n");
    let out = server.running.wait().code(0).out();
    assert!(out.contains(r#"user="maria" password="segredo""#), "{out}");
}

#[test]
fn task_2_field_per_read_accepts_the_courses_client() {
    let directory = tempfile::tempdir().unwrap();
    let server = sockkit("login-server 0 --once --field-per-read").dir(directory.path()).serve();
    let mut client = dial(server.addr);
    // s.send(input("usuario: ")); s.send(input("senha: ")), with a pause while the user types.
    assert_eq!(recv(&mut client), b"Username: ");
    client.write_all(b"maria").unwrap();
    assert_eq!(recv(&mut client), b"Password: ");
    client.write_all(b"segredo").unwrap();
    assert_eq!(recv(&mut client), b"OK recorded\r\n");
    drop(client);
    let out = server.running.wait().code(0).out();
    assert!(out.contains(r#"user="maria" password="segredo""#), "{out}");
}

#[test]
fn task_2a_login_works_with_the_courses_server() {
    // The course's server sends no prompt, receives twice, prints, and closes without an answer.
    let peer = Peer::start(|mut client| (recv(&mut client.stream), recv(&mut client.stream)));
    let login = format!("login 127.0.0.1 {} --user maria --password-stdin", peer.port());
    let ran = sockkit(&login).stdin("segredo\n").run().code(0);
    let note = "closed the connection without confirming the login";
    assert!(ran.stderr.contains(note), "{}", ran.stderr);
    assert_eq!(peer.join(), (b"maria\n".to_vec(), b"segredo\n".to_vec()));
}

#[test]
fn tasks_3_and_4_every_pair_of_successive_clients_is_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let server = sockkit("login-server 0").dir(directory.path()).serve();
    for number in 0..5 {
        let login =
            format!("login 127.0.0.1 {} --user user{number} --password-stdin", server.port());
        sockkit(&login).stdin("x\n").run().code(0);
    }
    server.stop().code(0);
    let log = fs::read_to_string(directory.path().join("log-acesso.txt")).unwrap();
    assert_eq!(log.lines().count(), 5);
    for (number, line) in log.lines().enumerate() {
        assert!(line.ends_with(&format!("user=\"user{number}\" password=\"x\"")), "{line}");
    }
}

#[test]
fn task_5_an_empty_field_is_refused_and_both_fields_are_asked_for_again() {
    let directory = tempfile::tempdir().unwrap();
    let server = sockkit("login-server 0").dir(directory.path()).serve();
    let mut client = Client::connect(server.addr);
    for (user, password) in [("", None), ("maria", Some(""))] {
        client.read_until("Username: ");
        client.send(format!("{user}\n"));
        if let Some(password) = password {
            client.read_until("Password: ");
            client.send(format!("{password}\n"));
        }
        assert!(client.line().starts_with("ERR empty "));
    }
    client.read_until("Username: ");
    client.send("maria\nsegredo\n");
    client.read_until("OK recorded\r\n");
    server.stop().code(0);
    assert_eq!(
        fs::read_to_string(directory.path().join("log-acesso.txt")).unwrap().lines().count(),
        1
    );
}

#[test]
fn slides_info_shows_the_host_name_and_its_addresses() {
    let info = sockkit("info --plain").run().code(0).out();
    let value = |name: &str| {
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}\t")).map(str::to_owned));
        line.unwrap()
    };
    assert_eq!(value("hostname"), hostname::get().unwrap().to_str().unwrap());
    // gethostbyname(gethostname()): the addresses of this machine's name, if it resolves.
    let addresses = value("addresses");
    let shown: Vec<std::net::IpAddr> =
        addresses.split(' ').filter(|field| *field != "-").map(|ip| ip.parse().unwrap()).collect();
    use std::net::ToSocketAddrs as _;
    let system = (value("hostname").as_str(), 0).to_socket_addrs();
    let expected: Vec<std::net::IpAddr> =
        system.map(|found| found.map(|addr| addr.ip()).collect()).unwrap_or_default();
    assert!(expected.iter().all(|ip| shown.contains(ip)), "{shown:?}, system: {expected:?}");
}

#[test]
fn slides_resolve_finds_the_address_of_a_remote_host() {
    // gethostbyname('www.ita.br'), answered by a local server: the tests use no other network.
    let server = DnsServer::with_records(vec![a("www.ita.br.", [161, 24, 23, 180])]);
    let ran = sockkit(&format!("resolve www.ita.br {}", server.argument())).run().code(0);
    let out = ran.out();
    assert!(out.lines().any(|line| line.ends_with("161.24.23.180")), "{out}");
}

#[test]
fn slides_the_echo_server_answers_with_the_time() {
    let server = sockkit("echo-server 0 --timestamp -v").serve();
    // The simple client: input, send, recv(BUFSIZ), print; an empty line ends it.
    let mut client = dial(server.addr);
    for text in ["oi", "tudo bem?"] {
        client.write_all(text.as_bytes()).unwrap();
        let answer = String::from_utf8(recv(&mut client)).unwrap();
        assert!(answer.ends_with(&format!(" {text}")), "{answer}");
        assert_eq!(answer.len(), "Sun Nov 22 01:21:27 2026 ".len() + text.len());
    }
    server.running.stderr.wait_for_text("\"tudo bem?\"");
}

#[test]
fn slides_connect_prints_the_answer_of_the_courses_server() {
    // The course's server: ctime() + ' ' + what it received.
    let peer = Peer::start(|mut client| {
        let data = recv(&mut client.stream);
        client.send([b"Sun Nov 22 01:21:27 2026 ", &data[..]].concat());
    });
    let ran = sockkit(&format!("connect 127.0.0.1 {}", peer.port())).stdin("oi\n").run().code(0);
    assert_eq!(ran.out(), "Sun Nov 22 01:21:27 2026 oi\n");
    peer.join();
}

#[test]
fn slides_the_echo_server_serves_many_clients_at_once() {
    let server = sockkit("echo-server 0 --timestamp").serve();
    let mut clients: Vec<TcpStream> = (0..20).map(|_| dial(server.addr)).collect();
    for round in 0..3 {
        for (number, client) in clients.iter_mut().enumerate().rev() {
            client.write_all(format!("{number}.{round}").as_bytes()).unwrap();
        }
        for (number, client) in clients.iter_mut().enumerate() {
            let answer = String::from_utf8(recv(client)).unwrap();
            assert!(answer.ends_with(&format!(" {number}.{round}")), "{answer}");
        }
    }
}

#[test]
fn the_last_exercise_many_users_chat() {
    let chat = sockkit("chat-server 0").serve();
    let mut users: Vec<Client> = ["ana", "bia", "caio"]
        .iter()
        .map(|name| {
            let mut client = chat.client();
            client.read_until("Nickname: ");
            client.send(format!("{name}\n"));
            client.read_until("commands\r\n");
            client
        })
        .collect();
    users[0].send("oi, gente\n");
    for user in &mut users[1..] {
        user.read_until("<ana> oi, gente\r\n");
    }
    users[2].send("oi, ana\n");
    users[0].read_until("<caio> oi, ana\r\n");
}
