//! Observers of the clients of `listen`: recording and statistics.

use crate::support::recording::{carried, directory, recorded};
use crate::support::sockkit;

#[test]
fn the_clients_of_one_listener_share_a_recording() {
    let (_directory, path) = directory();
    let listen = sockkit("listen 0 --keep-open --record").arg(&path).serve();
    let mut peers = Vec::new();
    for word in ["one\n", "two\n"] {
        let mut client = listen.client();
        peers.push((client.stream.local_addr().unwrap().to_string(), word));
        client.send(word);
        listen.running.stdout.wait_for_text(word);
        client.end();
        client.read_to_end();
    }
    listen.stop().code(0);
    let lines = recorded(&path);
    assert_eq!(lines.iter().filter(|line| line["type"] == "record").count(), 1);
    for (peer, word) in peers {
        assert_eq!(carried(&lines, "in", &peer), word);
        let of_peer = |kind: &str| {
            lines.iter().any(|line| line["type"] == kind && line["peer"] == peer.as_str())
        };
        assert!(of_peer("connected") && of_peer("closed"), "{lines:?}");
    }
}

#[test]
fn a_listener_has_figures_of_its_client_too() {
    let listen = sockkit("listen 0 --stats").serve();
    let mut client = listen.client();
    client.send("hello");
    client.end();
    let ran = listen.running.wait().code(0);
    assert!(ran.stderr.contains("first byte"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("resolve"), "{}", ran.stderr);
    client.read_to_end();
}
