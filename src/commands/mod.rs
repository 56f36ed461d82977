//! The commands: the program's table of contents.

mod completions;
mod connect;
mod echo_server;
mod info;
mod interrupt;
mod port_file;
mod server;
mod values;

use crate::exit::Exit;
use crate::output::Output;

/// Everything sockkit can do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show this machine: its names, addresses, interfaces, gateways and DNS servers
    Info(info::Args),
    /// Talk to a server: at a prompt, or through a pipe
    Connect(connect::Args),
    /// Send back whatever clients send, to many of them at once
    EchoServer(echo_server::Args),
    /// Print the completion script for a shell
    Completions(completions::Args),
}

/// Runs a command of `program`.
///
/// # Errors
/// Whatever kept it from giving an answer; a negative answer is none.
pub fn run(command: Command, program: clap::Command, out: Output) -> anyhow::Result<Exit> {
    match command {
        Command::Info(args) => info::run(&args, out),
        Command::Connect(args) => connect::run(&args, out),
        Command::EchoServer(args) => echo_server::run(&args, out),
        Command::Completions(args) => completions::run(&args, program, out),
    }
}
