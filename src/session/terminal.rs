//! The terminal as it was found: put back, however a command ends.
//!
//! What is typed at a terminal may be hidden or edited, which changes its settings. Knows neither
//! what is typed nor why.

use std::io::{self, IsTerminal as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::exit::Exit;
use crate::net;
use crate::output::Output;
use crate::session::signals::SignalWatch;

/// How long a terminal that takes nothing may hold up the end.
const EDITOR_END_TIMEOUT: Duration = Duration::from_secs(1);

/// The settings of the terminal that standard input is, from when this was made; dropping it puts
/// them back.
pub(crate) struct TerminalGuard {
    settings: Option<Termios>,
    out: Output,
}

impl TerminalGuard {
    /// Remembers the settings, if there is a terminal.
    pub(crate) fn remember(out: Output) -> Self {
        Self { settings: tcgetattr(rustix::stdio::stdin()).ok(), out }
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        let Some(before) = &self.settings else { return };
        // First, since the editor may be about to change the settings.
        let (out, (told, ended)) = (self.out, mpsc::channel());
        thread::spawn(move || {
            out.end_conversation();
            // Nobody may wait any more.
            told.send(()).ok();
        });
        ended.recv_timeout(EDITOR_END_TIMEOUT).ok();
        let now = tcgetattr(rustix::stdio::stdin());
        if !now.is_ok_and(|now| is_same(before, &now)) {
            // Nothing better can be done with a terminal that refuses. Where nothing was changed
            // nothing is set: in the background that would stop us.
            tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, before).ok();
        }
    }
}

/// Whether two settings are the same, as far as anybody here changes them.
fn is_same(one: &Termios, other: &Termios) -> bool {
    one.input_modes == other.input_modes
        && one.output_modes == other.output_modes
        && one.control_modes == other.control_modes
        && one.local_modes == other.local_modes
}

/// Does `work`, which may change the terminal's settings, and puts them back. At a terminal a
/// signal ends it with the signal's code; elsewhere signals do what they do to any program.
///
/// # Errors
/// What `work` says; signals could not be watched.
pub(crate) async fn keep(
    out: Output,
    work: impl Future<Output = anyhow::Result<Exit>>,
) -> anyhow::Result<Exit> {
    if !io::stdin().is_terminal() {
        return work.await;
    }
    let interrupt = SignalWatch::watch()
        .map_err(|source| net::Error::System { operation: "watch for signals", source })?;
    let _terminal = TerminalGuard::remember(out);
    let stop = interrupt.stop();
    tokio::select! {
        biased;
        outcome = work => outcome,
        () = stop.draining() => Ok(interrupt.exit().unwrap_or(Exit::Success)),
    }
}
