//! Support for the black-box tests: sockkit as a child process, its peers, and a deadline on every
//! wait.

mod captured;
mod namespace;
pub(crate) mod peers;
pub(crate) mod procfs;
pub(crate) mod program;
pub(crate) mod recording;
pub(crate) mod script;
mod signals;
pub(crate) mod terminal;
pub(crate) mod tmux;

use std::io::{PipeReader, PipeWriter, Write as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use self::captured::Captured;
pub(crate) use self::namespace::{beside, in_namespace, on_own_machine};
pub(crate) use self::peers::{Client, ClosedPort, Peer, fill_buffers};
pub(crate) use self::program::{KillOnDrop, Outcome, Running, Server, Sockkit, shell, sockkit};
pub(crate) use self::terminal::Terminal;

/// The longest wait before a test fails; far longer than any step needs.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// The delay of a slow reply: longer than some programs wait after they have sent EOF.
pub(crate) const SLOW_REPLY: Duration = Duration::from_secs(1);

/// Bytes without a pattern, so that a lost, repeated or moved part changes them.
pub(crate) fn payload(len: u32) -> Vec<u8> {
    (0..len).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A pipe that is full, so that its next writer blocks. It is as large as sockkit makes a pipe, so
/// that it stays full.
pub(crate) fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    rustix::pipe::fcntl_setpipe_size(&writer, 256 * 1024).unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while rustix::io::write(&writer, &[0; 4096]).is_ok() {}
    while rustix::io::write(&writer, &[0]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    (reader, writer)
}

/// Creates a FIFO.
pub(crate) fn fifo(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

/// Polls `condition` until it returns a value.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Reports on standard error, and in the file that `SOCKKIT_TEST_SKIPS` names, that a test was
/// skipped and why.
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
