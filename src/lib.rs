//! sockkit: network diagnostics and a socket toolkit.
//!
//! # Layout
//!
//! - [`cli`]: the global flags; [`exit`]: what an outcome means to the shell; [`failure`]: what an
//!   error means to a user.
//! - [`commands`]: one module a command: its arguments, what happens, what it reports.
//! - [`dns`], [`login`], [`chat`]: protocol logic as plain state, without sockets where it can be.
//! - [`script`]: the expect/send language: text to steps, steps to a conversation.
//! - [`recorder`]: the append-only record file.
//! - [`net`]: sockets. Knows no command and prints nothing.
//! - [`output`]: reports and events to table, plain or JSON. Knows no command and no socket.
//! - [`text`], [`reason`], [`patient`]: leaves that anyone may name: the escaper, system errors in
//!   words, and standard streams that do not block.
//!
//! Whatever stands further up may name what stands below it, never the other way;
//! `tests/it/architecture.rs` holds that. The crate is a program first: its Rust API is for its
//! own tests and may change with any version.

pub mod blocking;
pub mod chat;
pub mod cli;
pub mod commands;
pub mod dns;
pub mod exit;
pub mod failure;
pub mod files;
pub mod lines;
pub mod login;
pub mod net;
pub mod options;
pub mod output;
pub mod reason;
pub mod script;
pub mod serving;
pub mod session;
pub mod sync;
pub mod sys;
pub mod text;

use std::ffi::OsString;
use std::panic;

use clap::{CommandFactory as _, Parser as _};

use crate::cli::Cli;
use crate::exit::Exit;
use crate::output::Output;

/// Parses `args`, runs the command and prints what went wrong, if anything did.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(answer) => return cli::answer(&answer, &args),
    };
    let out = match cli.global.output() {
        Ok(out) => out,
        Err(failure) => return complain(Output::default(), &failure.into()),
    };
    report_panics_briefly(out);
    let outcome = panic::catch_unwind(move || commands::run(cli.command, Cli::command, out));
    match outcome {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => complain(out, &error),
        // The hook has said it.
        Err(_) => Exit::Internal,
    }
}

/// Prints what went wrong, if a user should know, and returns what it means.
fn complain(out: Output, error: &anyhow::Error) -> Exit {
    let (exit, complaint) = failure::explain(error);
    if let Some(complaint) = complaint {
        out.error(&complaint);
    }
    exit
}

/// A panic is a bug, and is said in one line. What it says must not be shown: it could hold what
/// a peer sent, or a password.
fn report_panics_briefly(out: Output) {
    panic::set_hook(Box::new(move |info| {
        let place = info.location().map_or_else(String::new, |at| format!(" at {at}"));
        out.error(&output::ErrorReport {
            code: Exit::Internal.code(),
            message: format!("internal error in sockkit {}{place}", env!("CARGO_PKG_VERSION")),
            cause: None,
            hint: Some("please report it, with the command line that led here".to_owned()),
        });
    }));
}
