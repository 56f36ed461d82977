//! sockkit: a command for network diagnostics and a toolkit for sockets.
//!
//! # Layout
//!
//! Each item may use the items below it, never those above it:
//!
//! - [`cli`]: the command line, its global options, and usage errors.
//! - [`commands`]: one module per command: its arguments, its `run` function and its report.
//! - [`options`]: groups of options that several commands share; each becomes typed settings.
//! - [`serving`]: the run of a server command above the accept loop: readiness, the port file,
//!   signals, the drain and the last events.
//! - [`session`]: one stream or datagram exchange as `connect` and `listen` run it: standard
//!   input and output, a script or a child process on the local side, observers, and the outcome.
//! - [`failure`]: maps an error to its exit code, message and hint.
//! - [`dns`], [`login`], [`chat`], [`script`]: protocols and the expect/send language, most of it
//!   plain state that is tested without sockets.
//! - [`net`]: sockets. Knows no command and prints nothing.
//! - [`output`]: reports and events as table, plain lines or JSON; the terminal. Knows no command
//!   and no socket.
//! - [`host`]: what the system reports about this machine: interfaces, routes, sockets.
//! - [`files`]: opens and appends to the files that sockkit writes: logs, recordings, key logs.
//! - Leaves, which every layer may use: [`exit`] (exit codes), [`text`] (the lossless escaper),
//!   [`lines`] (bytes to lines), [`reason`] (system errors in words), [`blocking`] (blocking reads
//!   and writes on non-blocking standard streams), [`sync`] (mutex locking), [`threads`] (threads
//!   whose loss is noticed), [`write_queue`] (a bounded queue in front of a thread that writes) and
//!   [`sys`] (system calls that need `unsafe`).
//!
//! The layers in order: `main → lib → cli → commands → options → serving → session → failure →
//! {dns, login, chat, script} → {net, output} → {host, files} → leaves`. [`net`] and [`output`] do
//! not use each other, and no modules form a cycle. The tests in `tests/it/architecture` enforce
//! this.
//!
//! The library exists for the `sockkit` program and its tests: the Rust API may change with any
//! version.

pub mod allowance;
pub mod blocking;
pub mod chat;
pub mod cli;
pub mod commands;
pub mod dns;
pub mod exit;
pub mod failure;
pub mod files;
pub mod host;
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
pub mod threads;
pub mod write_queue;

use std::ffi::OsString;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{CommandFactory as _, Parser as _};

use crate::cli::Cli;
use crate::exit::Exit;
use crate::output::Output;

/// Parses `args`, runs the command and prints its error, if any. Returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    sys::reset_inherited_signals();
    sys::restore_closed_stdout();
    sys::survive_file_size_limit();
    let args: Vec<OsString> = args.into_iter().collect();
    let (global, command) = match Cli::try_parse_from(&args) {
        Ok(cli) => cli.into_parts(),
        Err(answer) => return cli::answer(&answer, &args),
    };
    let out = match global.output() {
        Ok(out) => out,
        Err(failure) => return report_error(Output::default(), &failure.into()),
    };
    let panicked = report_panics(out);
    let outcome = panic::catch_unwind(move || commands::run(command, Cli::command, out));
    match outcome {
        // A thread that panicked may have left something undone.
        Ok(Ok(Exit::Success)) if panicked.load(Ordering::Relaxed) => Exit::Internal,
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => report_error(out, &error),
        // The panic hook has printed the error.
        Err(_) => Exit::Internal,
    }
}

/// Prints `error`, unless it ends the program without a message, and returns its exit code.
fn report_error(out: Output, error: &anyhow::Error) -> Exit {
    let (exit, report) = failure::explain(error);
    if let Some(report) = report {
        out.error(&report);
    }
    exit
}

/// Makes a panic, which is always a bug, print an error with its source location only. The panic
/// message is not printed: it can contain a peer's data or a password. Returns whether a thread has
/// panicked.
fn report_panics(out: Output) -> Arc<AtomicBool> {
    let panicked = Arc::new(AtomicBool::new(false));
    let reported = Arc::clone(&panicked);
    panic::set_hook(Box::new(move |info| {
        reported.store(true, Ordering::Relaxed);
        let location = info.location().map_or_else(String::new, |at| format!(" at {at}"));
        out.error(&output::ErrorReport {
            code: Exit::Internal.code(),
            message: format!("internal error in sockkit {}{location}", env!("CARGO_PKG_VERSION")),
            cause: None,
            hint: Some("please report this, with the command line that caused it".to_owned()),
        });
    }));
    panicked
}
