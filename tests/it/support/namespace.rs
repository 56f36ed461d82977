//! Runs sockkit in a new network namespace.

use std::process::{Command, Stdio};

use crate::support::{Sockkit, skip};

/// Returns a command line that runs sockkit in a new network namespace, after the shell script
/// `setup`.
///
/// Returns `None` if this machine cannot create one, and reports the test as skipped (see
/// [`skip`]).
pub(crate) fn in_namespace(test: &str, setup: &str, args: &str) -> Option<Sockkit> {
    let able = Command::new("unshare")
        .args(["-n", "-m", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !able {
        skip(test, "cannot make a network namespace (unshare -n)");
        return None;
    }
    let program = env!("CARGO_BIN_EXE_sockkit");
    let script = format!("{setup}\nexec {program} {args}");
    let mut command = Command::new("unshare");
    command.args(["-n", "-m", "sh", "-ec", &script]);
    Some(Sockkit::of(command))
}
