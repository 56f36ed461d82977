//! The `sockkit` binary: passes the command line to the library and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    sockkit::run(std::env::args_os()).into()
}
