//! sockkit at a pseudoterminal: what a user types, and what the screen shows.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command};

use rustix::process::{Signal, kill_process};

use crate::support::signals;
use crate::support::{Captured, eventually};

/// A process at a pseudoterminal.
pub(crate) struct Terminal {
    child: Child,
    master: std::fs::File,
    /// The bytes written to the terminal, control sequences included.
    pub(crate) screen: Captured,
}

impl Terminal {
    /// Starts `sockkit ARGS…`, split at spaces, in the foreground of a terminal.
    pub(crate) fn start(args: &str, directory: &Path) -> Self {
        Self::of(env!("CARGO_BIN_EXE_sockkit"), args.split_whitespace(), directory)
    }

    /// Starts any program in the foreground of a terminal.
    pub(crate) fn of(
        program: &str,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        directory: &Path,
    ) -> Self {
        let (master, slave) = pseudoterminal();
        // In a new session, with this terminal as the controlling terminal.
        signals::stop_ignoring();
        let child = Command::new("setsid")
            .args(["--ctty", "--wait", program])
            .args(args)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .current_dir(directory)
            .stdin(slave.try_clone().unwrap())
            .stdout(slave.try_clone().unwrap())
            .stderr(slave)
            .spawn()
            .unwrap();
        let screen = Captured::of(master.try_clone().unwrap());
        Self { child, master, screen }
    }

    /// Starts a shell with job control in a terminal, and `sockkit ARGS…` in it.
    pub(crate) fn start_job(args: &str, directory: &Path) -> Self {
        Self::start_command_job(&format!("{} {args}", env!("CARGO_BIN_EXE_sockkit")), directory)
    }

    /// Does the same with any command of the shell.
    pub(crate) fn start_command_job(command: &str, directory: &Path) -> Self {
        let shell = ["--norc", "--noprofile", "--noediting", "-i"];
        let mut terminal = Self::of("bash", shell, directory);
        // What is typed before the first prompt can be lost when bash sets the terminal up.
        terminal
            .screen
            .wait_for(|text| (text.ends_with("$ ") || text.ends_with("# ")).then_some(()));
        terminal.type_in(&format!("PS1='ready; '; {command}; echo ended\r"));
        terminal
    }

    /// Ends the shell of [`Self::start_job`], after the job has ended.
    #[track_caller]
    pub(crate) fn end_shell(mut self) {
        self.screen.wait_for(|text| {
            let has_ended = text.contains("\nended") && text.ends_with("ready; ");
            has_ended.then_some(())
        });
        self.type_in("exit\r");
        assert_eq!(self.exit_code(), 0);
    }

    /// Types text; `\u{3}` is Ctrl-C and `\u{4}` Ctrl-D.
    pub(crate) fn type_in(&mut self, text: &str) {
        self.type_bytes(text.as_bytes());
    }

    /// Types bytes that need not be UTF-8.
    pub(crate) fn type_bytes(&mut self, bytes: &[u8]) {
        self.master.write_all(bytes).unwrap();
    }

    /// Hangs up the terminal, as when its window is closed.
    pub(crate) fn hang_up(&self) {
        // The reading thread holds a copy of the descriptor, so closing it would not hang up.
        let session = rustix::termios::tcgetsid(&self.master).unwrap();
        rustix::process::kill_process_group(session, Signal::HUP).unwrap();
    }

    /// Sends a signal to the program only.
    pub(crate) fn signal(&self, signal: Signal) {
        // The program is the leader of the terminal's session.
        let session = rustix::termios::tcgetsid(&self.master).unwrap();
        kill_process(session, signal).unwrap();
    }

    /// Sends a signal to the process group in the foreground.
    pub(crate) fn signal_foreground(&self, signal: Signal) {
        let group = rustix::termios::tcgetpgrp(&self.master).unwrap();
        rustix::process::kill_process_group(group, signal).unwrap();
    }

    /// The side of the terminal that the user has.
    pub(crate) fn master(&self) -> &std::fs::File {
        &self.master
    }

    /// The rows that the terminal shows, without the empty ones at the end.
    pub(crate) fn rows(&self) -> Vec<String> {
        let mut rows = rows(&self.screen.text());
        while rows.pop_if(|row| row.is_empty()).is_some() {}
        rows
    }

    /// Whether the terminal has the settings of a new one.
    pub(crate) fn has_default_settings(&self) -> bool {
        let settings = |terminal| format!("{:?}", rustix::termios::tcgetattr(terminal).unwrap());
        settings(&self.master) == settings(&pseudoterminal().0)
    }

    /// Whether the terminal echoes input.
    pub(crate) fn echoes(&self) -> bool {
        use rustix::termios::{LocalModes, tcgetattr};
        tcgetattr(&self.master).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    /// Waits for the program to exit and returns its exit code.
    #[track_caller]
    pub(crate) fn wait(mut self) -> i32 {
        self.exit_code()
    }

    /// Waits for the program to exit and returns its exit code; keeps the terminal.
    #[track_caller]
    pub(crate) fn exit_code(&mut self) -> i32 {
        let status = eventually("the end of the program", || self.child.try_wait().unwrap());
        use std::os::unix::process::ExitStatusExt as _;
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
    }
}

impl Terminal {
    /// Waits until the screen shows these rows, one below the other.
    #[track_caller]
    pub(crate) fn wait_for_rows(&self, expected: &[&str]) {
        self.screen.wait_for(|text| {
            let shown = rows(text);
            shown.windows(expected.len()).any(|some| some == expected).then_some(())
        });
    }

    /// Returns the whole output after the program has exited.
    pub(crate) fn full_output(&self) -> String {
        String::from_utf8(self.screen.to_end()).unwrap()
    }

    /// Waits until the line editor has switched the echo off.
    #[track_caller]
    pub(crate) fn wait_until_editing(&self) {
        eventually("lines are edited", || (!self.echoes()).then_some(()));
    }
}

/// The rows that a terminal of 80 columns shows after `text`.
pub(crate) fn rows(text: &str) -> Vec<String> {
    let mut rows: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0_usize, 0_usize);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{1b}' => {
                assert_eq!(chars.next(), Some('['), "{text:?}");
                let mut number = String::new();
                let command = loop {
                    match chars.next().unwrap() {
                        digit @ ('0'..='9' | ';' | '?') => number.push(digit),
                        command => break command,
                    }
                };
                let count = number.parse().unwrap_or(1);
                match command {
                    'A' => row = row.saturating_sub(count),
                    'B' => row += count,
                    'C' => column += count,
                    'D' => column = column.saturating_sub(count),
                    'G' => column = count - 1,
                    'K' => rows[row].truncate(column),
                    'J' => {
                        rows.truncate(row + 1);
                        rows[row].truncate(column);
                    }
                    'm' | 'h' | 'l' | 'n' => {}
                    _ => panic!("{command:?} in {text:?}"),
                }
            }
            '\u{7}' => {}
            '\u{8}' => column = column.saturating_sub(1),
            c => {
                if column == 80 {
                    (row, column) = (row + 1, 0);
                }
                rows.resize(rows.len().max(row + 1), Vec::new());
                let width = rows[row].len().max(column + 1);
                rows[row].resize(width, ' ');
                rows[row][column] = c;
                column += 1;
            }
        }
        rows.resize(rows.len().max(row + 1), Vec::new());
    }
    rows.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned()).collect()
}

/// Opens a pseudoterminal and returns its master and its slave.
fn pseudoterminal() -> (std::fs::File, std::fs::File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let slave = std::fs::OpenOptions::new().read(true).write(true).open(name).unwrap();
    (master.into(), slave)
}

/// A terminal that is not read and is full, so that its next writer blocks: its master and its
/// slave.
pub(crate) fn full_terminal() -> (std::fs::File, std::fs::File) {
    let (master, slave) = pseudoterminal();
    rustix::io::ioctl_fionbio(&slave, true).unwrap();
    while rustix::io::write(&slave, &[b'x'; 4096]).is_ok() {}
    while rustix::io::write(&slave, b"x").is_ok() {}
    rustix::io::ioctl_fionbio(&slave, false).unwrap();
    (master, slave)
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Dropping the terminal hangs up the processes that still run in it.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) const LEFT: &str = "\u{1b}[D";
pub(crate) const UP: &str = "\u{1b}[A";
