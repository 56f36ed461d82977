//! sockkit in tmux, a terminal that wraps its lines again when its width changes.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::termios::tcgetwinsize;

use crate::support::{TIMEOUT, eventually};

/// The number of the next server.
static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// A tmux server of its own, with one window in which a program runs.
pub(crate) struct Tmux(String);

impl Tmux {
    /// Returns `None` if there is no tmux.
    pub(crate) fn start(size: (u16, u16), command: &str) -> Option<Self> {
        let this = Self(format!(
            "sockkit-test-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        ));
        let (columns, rows) = (size.0.to_string(), size.1.to_string());
        let started =
            this.run(&["-f/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, command]);
        started.map(|_| this)
    }

    fn run(&self, args: &[&str]) -> Option<String> {
        let output = Command::new("tmux").arg("-L").arg(&self.0).args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    pub(crate) fn type_in(&self, text: &str) {
        self.run(&["send-keys", "-l", text]).unwrap();
    }

    /// Sets the width of the window, and waits until the program can know it: tmux wraps its lines
    /// again before.
    #[track_caller]
    pub(crate) fn resize(&self, columns: u16) {
        self.run(&["resize-window", "-x", &columns.to_string()]).unwrap();
        let path = self.run(&["display-message", "-p", "#{pane_tty}"]).unwrap();
        let terminal = std::fs::File::open(path.trim_end()).unwrap();
        eventually("the width of the terminal", || {
            (tcgetwinsize(&terminal).unwrap().ws_col == columns).then_some(())
        });
    }

    /// Waits until the screen shows these rows at its end.
    #[track_caller]
    pub(crate) fn wait_for_rows(&self, expected: &[&str]) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let rows = self.rows();
            let end = rows.len().saturating_sub(expected.len());
            if rows[end..] == *expected {
                return;
            }
            assert!(Instant::now() < deadline, "not in time: {expected:?}; the rows are {rows:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the cursor is in this column, from 0.
    #[track_caller]
    pub(crate) fn wait_for_column(&self, column: usize) {
        eventually(&format!("the cursor in column {column}"), || {
            let shown = self.run(&["display-message", "-p", "#{cursor_x}"]).unwrap();
            (shown.trim_end() == column.to_string()).then_some(())
        });
    }

    /// The rows of the screen and those that have scrolled out of it, without the empty ones at the
    /// end.
    pub(crate) fn rows(&self) -> Vec<String> {
        let shown = self.run(&["capture-pane", "-p", "-S", "-"]).unwrap();
        shown.trim_end().lines().map(|row| row.trim_end().to_owned()).collect()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}
