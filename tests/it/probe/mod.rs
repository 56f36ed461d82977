//! `probe`: the states of ports, and what a script can rely on.

mod banner;
mod once;
mod repeat;
mod states;
mod terminal;
mod tls;
mod wait;

use std::net::{SocketAddr, TcpListener};

use serde_json::Value;

use crate::support::{Outcome, Sockkit};

/// Runs `sockkit probe` with these arguments.
#[track_caller]
fn probe<const N: usize>(words: [&str; N]) -> Outcome {
    Sockkit::new(["probe"].into_iter().chain(words)).run()
}

/// The JSON objects on standard output.
fn json(ran: &Outcome) -> Vec<Value> {
    ran.out().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A port on which the kernel accepts connections.
fn open_port() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}
