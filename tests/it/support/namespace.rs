//! Runs sockkit in a new network namespace, and other programs beside it.

use std::process::{Command, Stdio};

use crate::support::{Running, Sockkit, skip};

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

/// Runs a shell script in the network namespace of `running`, in which `sockkit` is a command.
#[track_caller]
pub(crate) fn beside(running: &Running, script: &str) {
    let program = env!("CARGO_BIN_EXE_sockkit");
    let script = format!("sockkit() {{ {program} \"$@\"; }}\n{script}");
    let mut command = Command::new("nsenter");
    let net = format!("--net=/proc/{}/ns/net", running.pid());
    command.args([&net, "sh", "-ec", &script]);
    Sockkit::of(command).run().code(0);
}
