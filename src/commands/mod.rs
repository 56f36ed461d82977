//! The commands: the program's table of contents.

mod chat_server;
mod completions;
mod connect;
mod echo_server;
mod info;
mod listen;
mod login;
mod login_server;
mod resolve;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args as _, FromArgMatches, Subcommand};

use crate::exit::{EXIT_STATUS, Exit};
use crate::output::Output;

/// The table below, as clap's derive would read it, with one difference: a command's arguments are
/// defined only once it is the one that was asked for. That is a third of the time to start.
macro_rules! commands {
    ($($about:literal $name:literal $variant:ident($module:ident),)+) => {
        /// Everything sockkit can do.
        #[derive(Debug)]
        pub enum Command {
            $(#[doc = $about] $variant($module::Args),)+
        }

        impl Subcommand for Command {
            fn augment_subcommands(program: clap::Command) -> clap::Command {
                program.subcommand_required(true).arg_required_else_help(true)
                    $(.subcommand(clap::Command::new($name).about($about).defer(|command| {
                        with_exit_status($module::Args::augment_args(command).about($about))
                    })))+
            }

            fn augment_subcommands_for_update(program: clap::Command) -> clap::Command {
                Self::augment_subcommands(program)
            }

            fn has_subcommand(name: &str) -> bool {
                [$($name),+].contains(&name)
            }
        }

        impl FromArgMatches for Command {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                match matches.subcommand() {
                    $(Some(($name, matches)) => {
                        $module::Args::from_arg_matches(matches).map(Self::$variant)
                    })+
                    _ => Err(clap::Error::new(ErrorKind::MissingSubcommand)),
                }
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }
    };
}

commands! {
    "Show this machine: its names, addresses, interfaces, gateways and DNS servers"
    "info" Info(info),
    "Ask the DNS: names to addresses and back, any record type, any server"
    "resolve" Resolve(resolve),
    "Wait for clients, say who came, print what they send"
    "listen" Listen(listen),
    "Talk to a server: at a prompt, or through a pipe"
    "connect" Connect(connect),
    "Send back whatever clients send, to many of them at once"
    "echo-server" EchoServer(echo_server),
    "Ask clients for user and password, show and record each pair"
    "login-server" LoginServer(login_server),
    "Give a login server a user and a password"
    "login" Login(login),
    "Open a chat room for everybody who connects"
    "chat-server" ChatServer(chat_server),
    "Print the completion script for a shell"
    "completions" Completions(completions),
}

/// Every command's long help ends with the table of exit codes.
fn with_exit_status(command: clap::Command) -> clap::Command {
    let help = command.get_after_long_help().or_else(|| command.get_after_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    command.after_long_help(format!("{help}\n\n{EXIT_STATUS}"))
}

/// Runs a command of `program`.
///
/// # Errors
/// Whatever kept it from giving an answer; a negative answer is none.
pub fn run(command: Command, program: fn() -> clap::Command, out: Output) -> anyhow::Result<Exit> {
    match command {
        Command::Info(args) => info::run(&args, out),
        Command::Resolve(args) => resolve::run(&args, out),
        Command::Listen(args) => listen::run(&args, out),
        Command::Connect(args) => connect::run(&args, out),
        Command::EchoServer(args) => echo_server::run(&args, out),
        Command::LoginServer(args) => login_server::run(&args, out),
        Command::Login(args) => login::run(&args, out),
        Command::ChatServer(args) => chat_server::run(&args, out),
        Command::Completions(args) => completions::run(&args, program(), out),
    }
}
