//! The tools to measure, their commands and their targets.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Target: sockkit's rate divided by that of ncat, netcat or socat is at least this.
const MIN_TOOL_RATIO: f64 = 1.0;

/// Target: sockkit's rate divided by that of the plain loop is at least this.
const MIN_LOOP_RATIO: f64 = 0.95;

/// Target: sockkit's rate over TLS divided by that of openssl is at least this.
const MIN_OPENSSL_RATIO: f64 = 2.0;

/// Returns whether `program` is a path or in a folder of `PATH`.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    program.contains('/') || std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// A tool to measure. Its client reads standard input, and its server writes standard output.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Tool {
    Sockkit,
    Netcat,
    Ncat,
    Socat,
    SocatLarge,
    PlainLoop,
    SockkitTls,
    Openssl,
}

impl Tool {
    pub(crate) const PLAIN: [Self; 6] =
        [Self::Sockkit, Self::Netcat, Self::Ncat, Self::Socat, Self::SocatLarge, Self::PlainLoop];
    pub(crate) const TLS: [Self; 2] = [Self::SockkitTls, Self::Openssl];

    pub(crate) fn is_sockkit(self) -> bool {
        matches!(self, Self::Sockkit | Self::SockkitTls)
    }

    /// Returns the program, given the path of sockkit.
    pub(crate) fn program(self, sockkit: &str) -> &str {
        match self {
            Self::Sockkit | Self::SockkitTls => sockkit,
            Self::Netcat => "nc.openbsd",
            Self::Ncat => "ncat",
            Self::Socat | Self::SocatLarge => "socat",
            Self::PlainLoop => "/proc/self/exe",
            Self::Openssl => "openssl",
        }
    }

    /// Returns the arguments of the server and of the client, separated by spaces.
    pub(crate) fn arguments(self, port: u16) -> [String; 2] {
        let socat = |flags: &str| {
            [
                format!("{flags} TCP4-LISTEN:{port},bind=127.0.0.1,reuseaddr STDOUT"),
                format!("{flags} STDIN TCP4:127.0.0.1:{port}"),
            ]
        };
        match self {
            Self::Sockkit => {
                [format!("-q listen 127.0.0.1:{port}"), format!("-q connect 127.0.0.1:{port}")]
            }
            Self::SockkitTls => [
                format!("-q listen 127.0.0.1:{port} --tls --self-signed"),
                format!("-q connect 127.0.0.1:{port} --tls --insecure"),
            ],
            Self::Netcat => [format!("-d -l 127.0.0.1 {port}"), format!("-N 127.0.0.1 {port}")],
            Self::Ncat => [format!("--recv-only -l 127.0.0.1 {port}"), format!("127.0.0.1 {port}")],
            Self::Socat => socat("-u"),
            Self::SocatLarge => socat("-u -b 262144"),
            Self::PlainLoop => [format!("loop-server {port}"), format!("loop-client {port}")],
            Self::Openssl => [
                format!(
                    "s_server -quiet -naccept 1 -cert cert.pem -key key.pem -accept 127.0.0.1:{port}"
                ),
                // `-quiet` also ignores EOF on standard input, which `-no_ign_eof` undoes.
                format!("s_client -quiet -no_ign_eof -nocommands -connect 127.0.0.1:{port}"),
            ],
        }
    }

    /// Returns the target for sockkit's rate divided by this tool's, or `None` for sockkit itself.
    pub(crate) fn min_ratio(self) -> Option<f64> {
        match self {
            Self::Sockkit | Self::SockkitTls => None,
            Self::Netcat | Self::Ncat | Self::Socat | Self::SocatLarge => Some(MIN_TOOL_RATIO),
            Self::PlainLoop => Some(MIN_LOOP_RATIO),
            Self::Openssl => Some(MIN_OPENSSL_RATIO),
        }
    }

    /// Creates in `dir` the files that the tool needs.
    pub(crate) fn prepare(self, dir: &Path) -> io::Result<()> {
        if self != Self::Openssl {
            return Ok(());
        }
        // The kind of key that `sockkit listen --self-signed` creates.
        let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
                       -subj /CN=localhost -keyout key.pem -out cert.pem";
        let made = Command::new("openssl")
            .args(request.split_whitespace())
            .current_dir(dir)
            .stderr(Stdio::null())
            .status()?;
        if made.success() {
            Ok(())
        } else {
            Err(io::Error::other("openssl created no certificate"))
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sockkit => "sockkit",
            Self::Netcat => "nc.openbsd -N",
            Self::Ncat => "ncat",
            Self::Socat => "socat -u",
            Self::SocatLarge => "socat -u -b 262144",
            Self::PlainLoop => "plain loop",
            Self::SockkitTls => "sockkit --tls",
            Self::Openssl => "openssl",
        })
    }
}
