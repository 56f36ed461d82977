//! Turns the signals that would end the process into a [`Stop`]: the first signal drains, the
//! second forces the end. A signal that the parent process made sockkit ignore stays ignored.

use std::io::{self, ErrorKind, IsTerminal as _, Read as _};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use crate::exit::Exit;
use crate::net::Stop;
use crate::{reason, sys, threads};

/// What SIGHUP does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hangup {
    /// It stops sockkit.
    Stops,
    /// The command uses it to reopen its log, unless standard input is a terminal: then SIGHUP
    /// means that the terminal was closed, and stops sockkit.
    ReopensLog,
}

impl Hangup {
    /// Returns whether SIGHUP stops sockkit.
    pub(crate) fn stops(self) -> bool {
        self == Self::Stops || io::stdin().is_terminal()
    }
}

/// After a second signal, how long sockkit may take to end in order. It takes longer only while a
/// write to a blocked terminal or pipe blocks the thread of the runtime.
const FORCED_END_TIMEOUT: Duration = Duration::from_secs(1);

/// The value of [`SignalWatch::last`] after a panic of the thread that receives the signals. No
/// signal has this number.
const LOST: u8 = u8::MAX;

/// Handles signals from its creation to the end of the process.
#[derive(Clone, Debug)]
pub(crate) struct SignalWatch {
    stop: Stop,
    last: Arc<AtomicU8>,
}

impl SignalWatch {
    /// Installs the signal handlers. From then on, no signal that can be handled ends the process,
    /// except those of a fault in the program itself, such as SIGSEGV. A thread of its own receives
    /// the signals, so that the second one ends even a process that is blocked in a write.
    ///
    /// # Errors
    /// A handler cannot be installed, or the thread cannot be started.
    pub(crate) fn watch(hangup: Hangup) -> io::Result<Self> {
        let this = Self { stop: Stop::new(), last: Arc::default() };
        let numbers = stop_signals().filter(|number| {
            let is_hangup = *number == Signal::HUP.as_raw();
            !sys::is_signal_ignored(*number) && (!is_hangup || hangup.stops())
        });
        let mut signals = SignalReceiver::new(numbers)?;
        let watch = this.clone();
        let receive = move || {
            let receive = || signals.receive(|number| watch.received(number));
            let lost = catch_unwind(AssertUnwindSafe(receive)).err();
            if let Some(panic) = lost {
                // Otherwise sockkit would go on, and no signal would end it.
                watch.last.store(LOST, Ordering::Relaxed);
                watch.stop.request();
                resume_unwind(panic);
            }
        };
        threads::start("signals", receive).map_err(reason::of_thread)?;
        Ok(this)
    }

    fn received(&self, number: i32) {
        let number = u8::try_from(number).unwrap_or_default();
        self.last.store(number, Ordering::Relaxed);
        self.stop.request();
        if self.stop.is_forced() {
            thread::sleep(FORCED_END_TIMEOUT);
            sys::exit_now(Exit::Signal(number).code());
        }
    }

    /// Returns the stop that the signals request.
    pub(crate) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Returns the exit code of the last signal, or of the loss of the thread that receives them;
    /// `None` if there was neither.
    pub(crate) fn exit(&self) -> Option<Exit> {
        match self.last.load(Ordering::Relaxed) {
            0 => None,
            LOST => Some(Exit::Internal),
            number => Some(Exit::Signal(number)),
        }
    }
}

/// Calls `action` in a thread of its own each time SIGHUP arrives.
///
/// # Errors
/// The handler cannot be installed, or the thread cannot be started.
pub(crate) fn on_hangup(action: impl Fn() + Send + 'static) -> io::Result<()> {
    on_signals("hangup", [Signal::HUP], move |_| action())
}

/// Calls `action` with each of `signals` that arrives, by its number, in a thread of its own with
/// this `name`.
///
/// # Errors
/// The handlers cannot be installed, or the thread cannot be started.
pub(crate) fn on_signals(
    name: &str,
    signals: impl IntoIterator<Item = Signal>,
    action: impl Fn(i32) + Send + 'static,
) -> io::Result<()> {
    let mut signals = SignalReceiver::new(signals.into_iter().map(Signal::as_raw))?;
    threads::start(name, move || signals.receive(&action)).map_err(reason::of_thread)
}

/// Receives signals in a thread. The iterators of the library would panic if the kernel failed.
struct SignalReceiver(SignalDelivery<UnixStream, SignalOnly>);

/// After a failed read, how long to wait before the next.
const SIGNAL_RETRY_INTERVAL: Duration = Duration::from_millis(100);

impl SignalReceiver {
    /// Installs the handlers of the signals with these numbers.
    fn new(numbers: impl IntoIterator<Item = i32>) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        SignalDelivery::with_pipe(read, write, SignalOnly, numbers).map(Self)
    }

    /// Calls `handle` with the number of each signal that arrives, for ever.
    fn receive(&mut self, handle: impl Fn(i32)) {
        loop {
            // A handler writes a byte after it has recorded its signal.
            match self.0.get_read_mut().read(&mut [0]) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => thread::sleep(SIGNAL_RETRY_INTERVAL),
            }
            self.0.pending().for_each(&handle);
        }
    }
}

/// Returns the numbers of the signals that end a process by default and can be handled: all that
/// signal(7) lists, except SIGPIPE and SIGXFSZ, which become errors of a write, and those of a
/// fault in the program itself.
fn stop_signals() -> impl Iterator<Item = i32> {
    let portable = [
        Signal::HUP,
        Signal::INT,
        Signal::QUIT,
        Signal::TERM,
        Signal::ABORT,
        Signal::ALARM,
        Signal::USR1,
        Signal::USR2,
        Signal::PROF,
        Signal::VTALARM,
        Signal::XCPU,
    ];
    #[cfg(target_os = "linux")]
    let others = [Signal::IO, Signal::POWER, Signal::STKFLT].map(Signal::as_raw).into_iter();
    #[cfg(target_os = "linux")]
    let others = others.chain(libc::SIGRTMIN()..=libc::SIGRTMAX());
    #[cfg(not(target_os = "linux"))]
    let others = [];
    portable.map(Signal::as_raw).into_iter().chain(others)
}
