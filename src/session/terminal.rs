//! Restores the settings of the terminal, however a command ends.
//!
//! The line editor and the password prompt change these settings.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::exit::Exit;
use crate::failure;
use crate::net::deadline::Elapsed;
use crate::net::{self, Deadline, ExchangeEnd, Stop};
use crate::output::{Event, Events, Output, Payload};
use crate::session::outcome;
use crate::session::signals::{self, Hangup, SignalWatch};
use crate::{sys, threads};

/// How long a stop (Ctrl-Z) waits for the line editor to give the terminal back.
const SUSPEND_TIMEOUT: Duration = Duration::from_secs(1);

/// The saved settings of the terminal on standard input; dropping this restores them.
pub(crate) struct TerminalGuard {
    settings: Option<Termios>,
    out: Output,
}

impl TerminalGuard {
    /// Saves the settings, if standard input is a terminal.
    pub(crate) fn save(out: Output) -> Self {
        Self { settings: tcgetattr(rustix::stdio::stdin()).ok(), out }
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        let Some(before) = &self.settings else { return };
        // The editor must stop first, because it may be about to change the settings.
        let out = self.out;
        out.allowance().wait(|limit| within(limit, move || out.end_session()));
        let now = tcgetattr(rustix::stdio::stdin());
        if !now.is_ok_and(|now| is_same(before, &now)) {
            // An error is ignored, because nothing better can be done. Unchanged settings are not
            // set, because the kernel would stop a background process that sets them (SIGTTOU).
            tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, before).ok();
        }
    }
}

/// Runs `work`, which a blocked terminal can delay, in a thread, and waits for its end, at most for
/// `limit`.
fn within(limit: Duration, work: impl FnOnce() + Send + 'static) {
    let (done, end) = mpsc::channel();
    let work = move || {
        work();
        // The send fails if the wait below has timed out.
        done.send(()).ok();
    };
    // Without a thread, the wait ends at once.
    thread::Builder::new().spawn(work).ok();
    end.recv_timeout(limit).ok();
}

/// Begins an interactive session at the terminal that shows `payload`. If lines are edited there,
/// the terminal is given back while this process is stopped (Ctrl-Z).
///
/// # Errors
/// The signal handlers cannot be installed.
pub(crate) fn begin_session(payload: &Payload, out: Output) -> Result<(), net::Error> {
    if payload.begin_session() { follow_job_control(out) } else { Ok(()) }
}

/// Gives the terminal back when this process is stopped, takes it again when it is continued, and
/// draws the line being typed again when the size of the terminal changes.
///
/// # Errors
/// The signal handlers cannot be installed.
pub(crate) fn follow_job_control(out: Output) -> Result<(), net::Error> {
    let handle = move |number| {
        if number == Signal::TSTP.as_raw() {
            within(SUSPEND_TIMEOUT, move || out.suspend());
            sys::stop_as_by_default(number);
            resume(out);
        } else if number == Signal::CONT.as_raw() {
            // Another signal, which cannot be handled, has stopped this process.
            resume(out);
        } else {
            out.redraw();
        }
    };
    let signals = [Signal::TSTP, Signal::CONT, Signal::WINCH].into_iter();
    let signals = signals.filter(|signal| !sys::is_signal_ignored(signal.as_raw()));
    signals::on_signals("job control", signals, handle)
        .map_err(|source| net::Error::System { operation: "watch for signals", source })
}

/// In the background, how often to look whether the terminal has come back: a shell reports that
/// with no signal to a job that runs already.
const FOREGROUND_CHECK: Duration = Duration::from_millis(200);

/// Takes the terminal again, in the background once it has come back.
fn resume(out: Output) {
    if out.resume() {
        return;
    }
    let wait = move || {
        while out.is_suspended() {
            thread::sleep(FOREGROUND_CHECK);
            out.resume();
        }
    };
    // Without a thread, the next stop and `fg` take it.
    threads::start("background", wait).ok();
}

/// Returns whether two settings are equal in all modes that sockkit changes.
fn is_same(one: &Termios, other: &Termios) -> bool {
    one.input_modes == other.input_modes
        && one.output_modes == other.output_modes
        && one.control_modes == other.control_modes
        && one.local_modes == other.local_modes
}

/// Runs `work`, which may change the settings of the terminal, and restores them. `work` receives
/// the stop that a signal requests, and ends in order; a second signal drops it. After a signal,
/// this returns the exit code of the signal.
///
/// # Errors
/// `work` fails, or the signal handlers cannot be installed.
pub(crate) async fn restore_after<F>(
    out: Output,
    events: &Events,
    work: impl FnOnce(Stop) -> F,
) -> anyhow::Result<Exit>
where
    F: Future<Output = anyhow::Result<Exit>>,
{
    let signals = SignalWatch::watch(Hangup::Stops)
        .map_err(|source| net::Error::System { operation: "watch for signals", source })?;
    let _terminal = TerminalGuard::save(out);
    let stop = signals.stop();
    let outcome = tokio::select! {
        biased;
        outcome = work(stop.clone()) => outcome,
        () = stop.forced() => Ok(Exit::Success),
    };
    // The last output may still be blocked: from now on, the first signal ends sockkit.
    stop.drain();
    match signals.exit() {
        None => outcome,
        Some(exit) => {
            if let Err((_, Some(explained))) = outcome.as_ref().map_err(failure::explain) {
                events.warn(&explained.message);
            }
            Ok(exit)
        }
    }
}

/// Reports a connection with `peer` before its data, and waits until the event is printed. Returns
/// `None` if `stop` is requested first.
///
/// # Errors
/// Standard output cannot be written; `deadline` passes first.
pub(crate) async fn announce(
    events: &Events,
    connected: Event,
    peer: &str,
    deadline: Deadline,
    stop: &Stop,
) -> anyhow::Result<Option<()>> {
    match until(stop, deadline.bound(events.deliver(connected))).await {
        None => Ok(None),
        Some(Ok(printed)) => Ok(printed.map(Some)?),
        Some(Err(Elapsed)) => outcome::exit_of(ExchangeEnd::TimedOut, peer).map(|_| None),
    }
}

/// Runs `work` until it ends or `stop` is requested, which drops it; returns `None` then.
pub(crate) async fn until<T>(stop: &Stop, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = stop.draining() => None,
    }
}
