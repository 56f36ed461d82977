//! Runs of sockkit in a network namespace of their own.

use std::process::{Command, Stdio};

use crate::support::{Sockkit, skip};

/// Runs the program in a network namespace of its own, after `setup` (a shell script).
///
/// `None` where this machine cannot make one; that the test was skipped is printed, and written
/// to the file `SOCKKIT_TEST_SKIPS` names, so that a run can tell what it did not test.
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
