//! The processes of a transfer.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// How long a server may take to start listening before the run fails.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Pause between two polls of the processes for their memory and their exit. The kernel reports the
/// peak of the memory, so a peak between two polls is not missed.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A running process; killed when dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let program = command.get_program().to_owned();
        let failed = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", program.display()))
        };
        command.spawn().map(Self).map_err(failed)
    }

    /// Takes the process's standard output, as the input of another process.
    pub(crate) fn output(&mut self) -> io::Result<Stdio> {
        let output = self.0.stdout.take().map(Stdio::from);
        output.ok_or_else(|| io::Error::other("the output is not a pipe, or was already taken"))
    }

    pub(crate) fn wait_for_success(&mut self) -> io::Result<()> {
        let status = self.0.wait()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // If this fails, the process has already exited.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A free port for a server that cannot report which port it chose. The port is bound here, so that
/// the kernel assigns it to no other process, with `SO_REUSEADDR`, so that the server can bind it
/// too.
pub(crate) struct ReservedPort(Socket);

impl ReservedPort {
    pub(crate) fn reserve() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        Ok(Self(socket))
    }

    pub(crate) fn number(&self) -> io::Result<u16> {
        let addr = self.0.local_addr()?.as_socket();
        addr.map(|addr| addr.port()).ok_or_else(|| io::Error::other("the socket has no port"))
    }

    /// Waits until `server` listens. It does not connect, because most tools serve only one client.
    pub(crate) fn wait_for_listener(&self, server: &mut Process) -> io::Result<()> {
        let address = format!("0100007F:{:04X}", self.number()?);
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            // The fields are number, local address, remote address and state; 0A is TCP_LISTEN.
            let table = fs::read_to_string("/proc/net/tcp")?;
            let listens = |line: &str| {
                let fields: Vec<&str> = line.split_whitespace().take(4).collect();
                matches!(fields[..], [_, local, _, "0A"] if local == address)
            };
            if table.lines().any(listens) {
                return Ok(());
            }
            if let Some(status) = server.0.try_wait()? {
                return Err(io::Error::other(format!("the server ended: {status}")));
            }
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
}
