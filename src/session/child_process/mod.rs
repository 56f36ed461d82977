//! Child processes: a program that serves a connection (`--exec`), and a command that runs while a
//! listener is open (`-- CMD`).

pub(crate) mod command;
pub(crate) mod exec;
mod process;
