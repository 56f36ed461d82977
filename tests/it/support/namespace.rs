//! Runs sockkit in a new network namespace, and other programs beside it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, thread};

use nix::sched::{CloneFlags, unshare};

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

/// Runs `run` in a thread that has its own loopback interface, `/etc/resolv.conf` and `/etc/hosts`,
/// with these texts. The sockets and programs that it starts have them too.
///
/// Returns `None` if this machine cannot create namespaces, and reports the test as skipped.
pub(crate) fn on_own_machine<T: Send>(
    test: &str,
    resolv_conf: &str,
    hosts: &str,
    run: impl FnOnce() -> T + Send,
) -> Option<T> {
    let inside = || {
        if unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).is_err() {
            skip(test, "cannot make namespaces");
            return None;
        }
        // Without this, the other mount namespaces would see the mounts too.
        command(&["mount", "--make-rprivate", "/"]);
        command(&["ip", "link", "set", "lo", "up"]);
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [("/etc/resolv.conf", resolv_conf), ("/etc/hosts", hosts)] {
            let file = dir.path().join(Path::new(path).file_name().unwrap());
            fs::write(&file, text).unwrap();
            command(&["mount", "--bind", file.to_str().unwrap(), path]);
        }
        Some(run())
    };
    thread::scope(|scope| scope.spawn(inside).join().unwrap())
}

#[track_caller]
fn command(words: &[&str]) {
    let status = Command::new(words[0]).args(&words[1..]).status().unwrap();
    assert!(status.success(), "{words:?}");
}
