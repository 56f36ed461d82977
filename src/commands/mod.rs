//! The commands: the program's table of contents.

mod chat_server;
mod completions;
mod connect;
mod dialing;
mod echo_server;
mod info;
mod interrupt;
mod listen;
mod login;
mod login_server;
mod port_file;
mod resolve;
mod server;
mod values;

use crate::exit::Exit;
use crate::output::Output;

/// Everything sockkit can do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show this machine: its names, addresses, interfaces, gateways and DNS servers
    Info(info::Args),
    /// Ask the DNS: names to addresses and back, any record type, any server
    Resolve(resolve::Args),
    /// Wait for clients, say who came, print what they send
    Listen(listen::Args),
    /// Talk to a server: at a prompt, or through a pipe
    Connect(connect::Args),
    /// Send back whatever clients send, to many of them at once
    EchoServer(echo_server::Args),
    /// Ask clients for user and password, show and record each pair
    LoginServer(login_server::Args),
    /// Give a login server a user and a password
    Login(login::Args),
    /// Open a chat room for everybody who connects
    ChatServer(chat_server::Args),
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
        Command::Resolve(args) => resolve::run(&args, out),
        Command::Listen(args) => listen::run(&args, out),
        Command::Connect(args) => connect::run(&args, out),
        Command::EchoServer(args) => echo_server::run(&args, out),
        Command::LoginServer(args) => login_server::run(&args, out),
        Command::Login(args) => login::run(&args, out),
        Command::ChatServer(args) => chat_server::run(&args, out),
        Command::Completions(args) => completions::run(&args, program, out),
    }
}
