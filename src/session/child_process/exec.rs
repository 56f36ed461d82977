//! `--exec`: a program whose standard input and output are connected to the peer.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::Command;

use rustix::process::Signal;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::Addr;
use crate::net::relay::{BlockingWriter, Input, Sink, Source};
use crate::session::child_process::process::ChildProcess;
use crate::{blocking, reason};

/// A program and its arguments, split into words as in a shell; no shell is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommandLine(Vec<OsString>);

impl TryFrom<OsString> for CommandLine {
    type Error = String;

    fn try_from(line: OsString) -> Result<Self, String> {
        // Words are bytes, and need not be UTF-8. For the library, which splits text, each byte is
        // the character with its number.
        let text: String = line.as_bytes().iter().copied().map(char::from).collect();
        let to_bytes = |word: &String| word.chars().filter_map(|c| u8::try_from(c).ok()).collect();
        match shell_words::split(&text) {
            Ok(words) if words.first().is_some_and(|program| !program.is_empty()) => {
                Ok(Self(words.iter().map(to_bytes).map(OsString::from_vec).collect()))
            }
            Ok(_) => Err("no program given".to_owned()),
            Err(_) => Err("unclosed quotation mark".to_owned()),
        }
    }
}

/// The running program of one connection. The program and the processes that it started are killed
/// when this is dropped.
#[derive(Debug)]
pub(crate) struct ExecProcess {
    child: ChildProcess,
    /// The program's standard output.
    pub source: Source,
    /// The program's standard input.
    pub sink: Sink,
}

impl CommandLine {
    /// Starts the program for the connection between `peer` and `local`.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(crate) fn start(&self, peer: &Addr, local: &Addr) -> Result<ExecProcess, Failure> {
        let [name, args @ ..] = &self.0[..] else {
            return Err(Failure::new(Exit::Usage, "no program given"));
        };
        let failed = |error: io::Error| {
            let message = format!("cannot run {}: {}", name.display(), reason::of(&error));
            Failure::new(Exit::File, message)
        };
        let (stdin, input_writer) = io::pipe().map_err(failed)?;
        let (output_reader, stdout) = io::pipe().map_err(failed)?;
        let mut command = Command::new(name);
        command.args(args).stdin(stdin).stdout(stdout);
        pass_address(&mut command, "SOCKKIT_PEER", peer);
        pass_address(&mut command, "SOCKKIT_LOCAL", local);
        // This drops `command`, which holds the child's ends of the pipes: while they are open, the
        // output never reaches EOF.
        let child = ChildProcess::start(command)?;
        let output = File::from(OwnedFd::from(output_reader));
        let source = match Input::of_pipe(&output) {
            Some(input) => input,
            None => Input::start(output, None).map_err(failed)?,
        };
        let input = ProgramInput(Some(File::from(OwnedFd::from(input_writer))));
        let sink = Sink::start(input).map_err(failed)?;
        Ok(ExecProcess { child, source: source.into(), sink })
    }
}

/// Sets an address in a program's environment: `…_ADDR` and, for an IP address, `…_PORT`.
fn pass_address(command: &mut Command, prefix: &str, addr: &Addr) {
    let host = addr.host().unwrap_or_else(|| addr.to_string());
    command.env(format!("{prefix}_ADDR"), host);
    match addr.port() {
        Some(port) => command.env(format!("{prefix}_PORT"), port.to_string()),
        None => command.env_remove(format!("{prefix}_PORT")),
    };
}

impl ExecProcess {
    /// Waits until the program exits.
    ///
    /// # Errors
    /// The program exits with another status than 0.
    pub(crate) async fn finish(mut self) -> Result<(), Failure> {
        // The program may be waiting for EOF on its standard input.
        drop(self.sink);
        let ended = self.child.exited().await?;
        // SIGPIPE: the program wrote after the peer had closed the connection.
        if ended.exit() == Exit::Success || ended.is_by(Signal::PIPE) {
            return Ok(());
        }
        Err(Failure::new(ended.exit(), format!("{} failed: {ended}", self.child.name())))
    }
}

/// The standard input of a program; `None` once the program has closed it.
struct ProgramInput(Option<File>);

impl BlockingWriter for ProgramInput {
    fn write(&mut self, _from: &str, bytes: &[u8]) -> io::Result<()> {
        let Some(input) = &mut self.0 else { return Ok(()) };
        match blocking::write_all(input, bytes) {
            // The program reads no more input, but may still write.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.0 = None;
                Ok(())
            }
            done => done,
        }
    }

    fn peer_closed(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn a_command_line_is_split_into_words_as_in_a_shell() {
        let split = |line: &[u8]| CommandLine::try_from(OsString::from_vec(line.to_vec()));
        let line = split(b"awk '{ print $2 }' \"a b\"").unwrap();
        assert_eq!(line.0, ["awk", "{ print $2 }", "a b"]);
        let line = split("./caf\u{e9} '\u{1f600} '".as_bytes()).unwrap();
        assert_eq!(line.0, ["./caf\u{e9}", "\u{1f600} "]);
        let line = split(b"./\xff\xa0 '\x80 '").unwrap();
        assert_eq!(line.0, [&b"./\xff\xa0"[..], b"\x80 "].map(OsStr::from_bytes));
        for text in ["", "  ", "''", "a 'b"] {
            assert!(split(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
