//! Observers of the clients of `listen`: recording and statistics.

use crate::support::recording::{payload_of, read_recording, recording_path};
use crate::support::sockkit;

#[test]
fn all_clients_of_a_listener_share_one_recording() {
    let (_directory, path) = recording_path();
    let listen = sockkit("listen 0 --keep-open --record").arg(&path).serve();
    let mut peers = Vec::new();
    for word in ["one\n", "two\n"] {
        let mut client = listen.client();
        peers.push((client.stream.local_addr().unwrap().to_string(), word));
        client.send(word);
        listen.running.stdout.wait_for_text(word);
        client.shut_down();
        client.read_to_end();
    }
    listen.stop().code(0);
    let lines = read_recording(&path);
    assert_eq!(lines.iter().filter(|line| line["type"] == "record").count(), 1);
    for (conn, (peer, word)) in (1..).zip(peers) {
        assert_eq!(payload_of(&lines, "in", &peer), word);
        let of_peer = lines.iter().filter(|line| line["peer"] == peer.as_str());
        let kinds: Vec<_> = of_peer.clone().map(|line| line["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["connected", "data", "end", "end", "closed"]);
        for line in of_peer {
            assert_eq!(line["conn"], conn, "{line}");
        }
    }
}

#[test]
fn a_listener_prints_the_statistics_of_its_client() {
    let listen = sockkit("listen 0 --stats").serve();
    let mut client = listen.client();
    client.send("hello");
    client.shut_down();
    let ran = listen.running.wait().code(0);
    assert!(ran.stderr.contains("first byte"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("resolve"), "{}", ran.stderr);
    client.read_to_end();
}
