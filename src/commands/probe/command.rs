//! `probe … -- CMD`: sockkit replaces itself with a program once the ports are as wanted.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::accept::descriptors;
use crate::reason;

/// Replaces sockkit with `command`, which keeps the process id, the standard streams and the
/// environment. Returns only if that fails.
pub(super) fn replace_with(command: &[OsString]) -> Failure {
    let Some((program, args)) = command.split_first() else {
        return Failure::new(Exit::Usage, "no command given after --");
    };
    descriptors::restore_descriptor_limit();
    let error = Command::new(program).args(args).exec();
    let message = format!("cannot run {}: {}", program.display(), reason::of(&error));
    Failure::new(Exit::File, message)
}
