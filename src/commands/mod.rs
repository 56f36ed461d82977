//! The commands, one module each.

mod chat_server;
mod completions;
mod connect;
mod doctor;
mod echo_server;
mod info;
mod listen;
mod login;
mod login_server;
mod probe;
mod resolve;

use std::ffi::OsString;
use std::iter;

use clap::builder::StyledStr;
use clap::error::ErrorKind;
use clap::{ArgMatches, Args as _, FromArgMatches, Subcommand};

use crate::exit::{EXIT_STATUS, Exit};
use crate::failure::Failure;
use crate::output::Output;

/// Defines [`Command`] from the table below, as clap's derive macro would, except that only the
/// arguments of the requested command are defined, which saves a third of the startup time. For the
/// same reason, the global options are not clap's, which copies them to all commands at once.
macro_rules! commands {
    ($($about:literal $name:literal $variant:ident($module:ident),)+) => {
        /// The commands of sockkit, with their arguments.
        #[derive(Debug)]
        pub enum Command {
            $(#[doc = $about] $variant($module::Args),)+
        }

        impl<G: clap::Args> Subcommand for Invocation<G> {
            fn augment_subcommands(program: clap::Command) -> clap::Command {
                program.subcommand_required(true).arg_required_else_help(true)
                    $(.subcommand(clap::Command::new($name).about($about).defer(|command| {
                        let command = G::augment_args($module::Args::augment_args(command));
                        finish_help(command.about($about))
                    })))+
            }

            fn augment_subcommands_for_update(program: clap::Command) -> clap::Command {
                Self::augment_subcommands(program)
            }

            fn has_subcommand(name: &str) -> bool {
                [$($name),+].contains(&name)
            }
        }

        impl<G: clap::Args> FromArgMatches for Invocation<G> {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                Self::from_arg_matches_mut(&mut matches.clone())
            }

            fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
                let (name, mut matches) = matches
                    .remove_subcommand()
                    .ok_or_else(|| clap::Error::new(ErrorKind::MissingSubcommand))?;
                let global = G::from_arg_matches_mut(&mut matches)?;
                let command = match name.as_str() {
                    $($name => {
                        $module::Args::from_arg_matches_mut(&mut matches).map(Command::$variant)
                    })+
                    _ => Err(clap::Error::new(ErrorKind::MissingSubcommand)),
                };
                Ok(Self { command: command?, global })
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }
    };
}

/// A command, and the global options given after its name.
#[derive(Debug)]
pub struct Invocation<G> {
    /// The command to run.
    pub command: Command,
    /// The global options.
    pub global: G,
}

commands! {
    "Show this machine's host name, addresses and DNS servers"
    "info" Info(info),
    "Look up names and addresses: any record type, any server"
    "resolve" Resolve(resolve),
    "Accept connections, report each client and print what it sends"
    "listen" Listen(listen),
    "Connect to a server over TCP, TLS, UDP or a Unix socket"
    "connect" Connect(connect),
    "Send back what each client sends"
    "echo-server" EchoServer(echo_server),
    "Ask each client for a user name and password; record each pair"
    "login-server" LoginServer(login_server),
    "Send a user name and password to a login server"
    "login" Login(login),
    "Run a chat room for all clients that connect"
    "chat-server" ChatServer(chat_server),
    "Show whether ports are open; wait for them, scan them, time them"
    "probe" Probe(probe),
    "Check the layers from this machine to a server; name the first broken one"
    "doctor" Doctor(doctor),
    "Print the completion script for a shell"
    "completions" Completions(completions),
}

/// Returns the error for `args`, which clap rejected with `message`, if they have options of
/// another program. `unknown` is the option that clap does not know, if that is the reason; `parse`
/// returns the command of a command line, if it is valid.
pub fn advice(
    args: &[OsString],
    unknown: Option<&str>,
    message: &str,
    parse: &dyn Fn(&[String]) -> Option<Command>,
) -> Option<Failure> {
    let is_sound = |line: &[String]| match parse(line) {
        Some(Command::Resolve(args)) => resolve::is_sound(&args),
        _ => false,
    };
    let is_word = |arg: &OsString| !arg.as_encoded_bytes().starts_with(b"-");
    let at = args.iter().skip(1).position(is_word)? + 1;
    (args[at] == "resolve").then(|| resolve::advice(args, at + 1, unknown, message, &is_sound))?
}

/// Completes the help of a command: the summary (`-h`) shows only the command lines of the
/// examples, and the long help ends with the table of exit codes.
fn finish_help(command: clap::Command) -> clap::Command {
    // `ansi` leaves the text unchanged. `Display` would search it for styles to strip, which would
    // cost time at each start.
    let text =
        |help: Option<&StyledStr>| help.map(|help| help.ansi().to_string()).unwrap_or_default();
    let examples = text(command.get_after_help());
    let long = text(command.get_after_long_help().or_else(|| command.get_after_help()));
    let lines = examples.lines().filter(|line| line.starts_with("  $ ")).take(SUMMARY_EXAMPLES);
    let summary = iter::once("Examples:").chain(lines).collect::<Vec<_>>().join("\n");
    command.after_help(summary).after_long_help(format!("{long}\n\n{EXIT_STATUS}"))
}

/// The most examples in the summary of a command.
const SUMMARY_EXAMPLES: usize = 3;

/// Runs a command of `program`.
///
/// # Errors
/// The command failed; a negative answer is an exit code, not an error.
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
        Command::Probe(args) => probe::run(&args, out),
        Command::Doctor(args) => doctor::run(&args, out),
        Command::Completions(args) => completions::run(&args, program(), out),
    }
}
