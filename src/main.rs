//! The `sockkit` program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    sockkit::run(std::env::args_os()).into()
}
