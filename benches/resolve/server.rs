//! The server: Knot DNS, with an address for every name in one zone.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long the server may take to answer before the run fails.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait for each reply until then.
const PROBE_TIMEOUT: Duration = Duration::from_millis(100);

/// The address of the server. dig reuses ports: at 127.0.0.1, its own port is sometimes that of the
/// server, and it reads its query as the reply.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The zone.
pub(crate) const ZONE: &str = "bench.example";

const ZONE_FILE: &str = "\
@ 300 SOA ns hostmaster 1 3600 900 86400 300
@ 300 NS ns
ns 300 A 192.0.2.53
* 300 A 192.0.2.1
";

/// A query for the SOA record of the root, which the server refuses.
const PROBE: &[u8] = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\0\0\x06\0\x01";

/// A running server; stopped when dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    process: Child,
    _folder: TempDir,
}

impl Server {
    /// Starts the server, and waits until it answers. Returns `None` if it is not installed.
    pub(crate) fn start() -> io::Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().display();
        // knotd does not report the port that the kernel chooses, so it gets one that was free.
        let port = UdpSocket::bind((ADDRESS, 0))?.local_addr()?.port();
        let zone_file = folder.path().join("zone");
        fs::write(&zone_file, format!("$ORIGIN {ZONE}.\n{ZONE_FILE}"))?;
        let settings = format!(
            "server:\n  rundir: \"{path}\"\n  listen: {ADDRESS}@{port}\n  udp-workers: 1\n  \
             tcp-workers: 1\n  background-workers: 1\ndatabase:\n  storage: \"{path}\"\n\
             zone:\n  - domain: {ZONE}\n    file: \"{}\"\n",
            zone_file.display()
        );
        let settings_file = folder.path().join("knot.conf");
        fs::write(&settings_file, settings)?;
        // Debian has the server outside of the search path of users.
        let knotd = ["knotd", "/usr/sbin/knotd"].into_iter().find_map(|program| {
            let mut command = Command::new(program);
            command.arg("-c").arg(&settings_file);
            match command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                started => Some(started),
            }
        });
        let Some(process) = knotd.transpose()? else { return Ok(None) };
        let mut server = Self { port, process, _folder: folder };
        server.wait_for_reply()?;
        Ok(Some(server))
    }

    fn wait_for_reply(&mut self) -> io::Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect((ADDRESS, self.port))?;
        socket.set_read_timeout(Some(PROBE_TIMEOUT))?;
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            // Fails at once while the port is closed.
            if socket.send(PROBE).is_ok() && socket.recv(&mut [0; 512]).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                return Err(io::Error::other(format!("knotd ended: {status}")));
            }
            std::thread::sleep(PROBE_TIMEOUT);
        }
        Err(io::Error::new(ErrorKind::TimedOut, "knotd does not answer"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // If this fails, the process has already exited.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
