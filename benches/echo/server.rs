//! The server processes.

use std::fs;
use std::io::{self, BufRead as _, BufReader, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{BARE_LOOP, Kind, TIMEOUT};

/// A running server process; killed when dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) addr: SocketAddr,
}

impl Server {
    /// Starts the server; `sockkit` is the path of its executable.
    pub(crate) fn start(kind: Kind, sockkit: &str) -> io::Result<Self> {
        match kind {
            Kind::Sockkit => Self::start_sockkit(sockkit, &[]),
            Kind::BareLoop => Self::start_bare_loop(),
        }
    }

    /// Starts sockkit's echo server over TLS.
    pub(crate) fn start_tls(sockkit: &str) -> io::Result<Self> {
        Self::start_sockkit(sockkit, &["--tls", "--self-signed"])
    }

    fn start_sockkit(sockkit: &str, tls: &[&str]) -> io::Result<Self> {
        let dir = TempDir::new()?;
        let port_file = dir.path().join("port");
        let process = Command::new(sockkit)
            .args(["echo-server", "127.0.0.1:0", "--quiet"])
            // The limit must not affect the measurement: all clients must fit.
            .args(["--max-clients", "20000"])
            .args(tls)
            .arg("--port-file")
            .arg(&port_file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let mut server = Self::new(process);
        let port = server.port_from(&port_file)?;
        server.addr.set_port(port);
        Ok(server)
    }

    /// Waits until the server listens, and returns its port. The port file is written atomically,
    /// so a file that exists is complete.
    fn port_from(&mut self, file: &Path) -> io::Result<u16> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            match fs::read_to_string(file) {
                Ok(port) => return port_number(&port),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            if let Some(status) = self.process.try_wait()? {
                return Err(io::Error::other(format!("the server ended: {status}")));
            }
            if Instant::now() > deadline {
                return Err(ErrorKind::TimedOut.into());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn start_bare_loop() -> io::Result<Self> {
        let process = Command::new(std::env::current_exe()?)
            .arg(BARE_LOOP)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut server = Self::new(process);
        let mut port = String::new();
        if let Some(stdout) = server.process.stdout.take() {
            BufReader::new(stdout).read_line(&mut port)?;
        }
        server.addr.set_port(port_number(&port)?);
        Ok(server)
    }

    fn new(process: Child) -> Self {
        Self { process, addr: (Ipv4Addr::LOCALHOST, 0).into() }
    }

    /// Returns the resident memory of the process, in bytes.
    pub(crate) fn memory(&self) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        // The format is `VmRSS:      1234 kB`, where kB means KiB: proc_pid_status(5).
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"))
            .and_then(|kib| kib.trim().parse::<f64>().ok());
        kib.map(|kib| kib * 1024.0).ok_or_else(|| io::Error::other("VmRSS is missing"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // If this fails, the process has already exited.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn port_number(text: &str) -> io::Result<u16> {
    let invalid = |_| io::Error::other(format!("the server reported an invalid port: {text:?}"));
    text.trim().parse().map_err(invalid)
}
