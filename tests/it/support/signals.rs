//! Signals that the test process has inherited as ignored.
//!
//! A shell without job control starts a background command with SIGINT and SIGQUIT ignored, and
//! nohup(1) ignores SIGHUP. sockkit leaves ignored signals ignored, so the tests must not pass them
//! on.

use std::fs;
use std::sync::{Arc, Once};

use rustix::process::Signal;

/// Makes programs that are started from now on begin with the default action of these signals. A
/// handler, unlike an ignored signal, is reset when a program is executed (execve(2)).
pub(crate) fn stop_ignoring() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
        let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap();
        for signal in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::USR1] {
            if ignored & 1 << (signal.as_raw() - 1) != 0 {
                signal_hook::flag::register(signal.as_raw(), Arc::default()).unwrap();
            }
        }
    });
}
