//! The foundation of the black-box tests: sockkit as a child process, the peers it talks to, and a
//! deadline on every wait.

mod captured;
mod namespace;
pub(crate) mod peers;
pub(crate) mod procfs;
pub(crate) mod program;
pub(crate) mod recording;
pub(crate) mod script;
pub(crate) mod terminal;

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use self::captured::Captured;
pub(crate) use self::namespace::in_namespace;
pub(crate) use self::peers::{Client, ClosedPort, Peer, fill};
pub(crate) use self::program::{Killed, Ran, Running, Server, Sockkit, shell, sockkit};
pub(crate) use self::terminal::Terminal;

/// How long anything may take before its test fails: far more than it ever needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// As long as some programs wait for an answer after their own end, and longer.
pub(crate) const SLOW_ANSWER: Duration = Duration::from_secs(1);

/// Bytes in which every piece is another, so that one that is lost, doubled or moved is seen.
pub(crate) fn payload(len: u32) -> Vec<u8> {
    (0..len).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Waits until `condition` holds, for things nobody announces.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Says that a test was skipped, and why.
pub(crate) fn skip(test: &str, why: &str) {
    let line = format!("skipped {test}: {why}\n");
    #[expect(clippy::print_stderr, reason = "shown with --nocapture")]
    {
        eprint!("{line}");
    }
    if let Some(path) = std::env::var_os("SOCKKIT_TEST_SKIPS") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        file.unwrap().write_all(line.as_bytes()).unwrap();
    }
}
