//! The arguments of `probe`.

use std::ffi::OsString;
use std::time::Duration;

use crate::net::address::endpoint::LocalAddress;
use crate::net::probe::payload::ProbePayload;
use crate::options::tls::TlsClientArgs;
use crate::options::values::{self, FamilyArgs, Limit, TimeoutArgs, count, days, duration};
use crate::options::{CONNECTION, TIMEOUTS};

const EXAMPLES: &str = "\
Examples:
  Show whether a server listens on two ports, and how fast it answers
  $ sockkit probe localhost 80 443

  Wait until a database accepts connections, then start a program
  $ sockkit probe db:5432 --wait 30s -- ./server

  Find the open ports of a host
  $ sockkit probe localhost 1-65535

  Show the certificate of a server; fail if it expires soon
  $ sockkit probe www.example.com 443 --tls --expires-within 30d

  Measure how fast and how reliably a server answers
  $ sockkit probe www.example.com 443 -c 100 -i 200ms";

/// How targets are written, what the states mean, and the exit codes, for the long help.
const TARGETS: &str = "\
Targets:
  HOST PORTS...         80, https, 80,443 or 1-1024; several lists
  HOST:PORTS...         the same for several hosts; [v6]:PORTS
  https://HOST/PATH     a URL: its host and port; https and tls use TLS
  udp://HOST:PORTS      tcp, udp or tls chooses the transport
  unix:PATH             a Unix socket
  -                     such targets from standard input, one or more per line

States:
  open           a server accepted the connection, or answered the datagram
  closed         the host refused: no server listens on the port
  filtered       no answer: a firewall may drop the packets
  unreachable    no route, or a router or this machine rejects the packets
  open|filtered  UDP: no refusal and no answer, so nothing is known

Of a name with several addresses, sockkit reports the first one that is open, as a
client would use it; --each probes every address. Exit codes: 0 if all ports are
open (with --any: one of them), else 1; 3 if a name has no address; 5 if --wait or
--timeout has expired; 6 if TLS or a certificate fails. After `--`, a program replaces
sockkit if the code would be 0.

Instead of              use
  nc -z HOST PORTS        sockkit probe HOST PORTS
  nmap -p 1-1024 HOST     sockkit probe HOST 1-1024
  tcping HOST PORT        sockkit probe HOST PORT --watch
  wait-for-it HOST:PORT -t 30 -- CMD
                          sockkit probe HOST:PORT --wait 30s -- CMD";

/// The arguments of `probe`.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{TARGETS}"),
)]
pub struct Args {
    /// A host and its ports, or HOST:PORTS, a URL or unix:PATH
    #[arg(value_name = "TARGET", required = true)]
    pub(super) words: Vec<OsString>,
    /// Once the ports are as wanted, replace sockkit with CMD
    ///
    /// CMD has the process id, the standard streams and the environment of sockkit, which prints
    /// nothing to standard output.
    #[arg(last = true, value_name = "CMD")]
    pub(super) command: Vec<OsString>,
    /// Probe again until the ports are open, for at most this long
    ///
    /// The pause grows from 50 ms to 1 s. Names are looked up again while a port is not open. After
    /// this long, sockkit exits with 5; 0 sets no limit.
    #[arg(long, value_name = "DURATION", value_parser = values::limit, help_heading = REPEATING,
          conflicts_with_all = ["count", "watch"])]
    pub(super) wait: Option<Limit>,
    /// With --wait, the ports must stay open this long
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = REPEATING,
          requires = "wait")]
    pub(super) stable: Option<Duration>,
    /// One open port is enough: exit with 0 if any is open
    #[arg(long, help_heading = REPEATING)]
    pub(super) any: bool,
    /// Expect no port to be open: exit with 0 if no port is open
    #[arg(long, help_heading = REPEATING)]
    pub(super) invert: bool,
    /// Probe N times, and print statistics
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..),
          help_heading = REPEATING)]
    pub(super) count: Option<u64>,
    /// Probe until stopped, and print statistics
    #[arg(long, help_heading = REPEATING, conflicts_with = "count")]
    pub(super) watch: bool,
    /// Time from one probe to the next [default: 1s]
    ///
    /// With --wait, the pause between two probes.
    #[arg(short, long, value_name = "DURATION", value_parser = interval, help_heading = REPEATING)]
    pub(super) interval: Option<Duration>,
    /// Probe UDP ports
    ///
    /// Only an answer proves that a UDP port is open. With unix:PATH, sockkit looks for a socket
    /// for datagrams.
    #[arg(short, long, help_heading = CONNECTION)]
    pub(super) udp: bool,
    /// Send this datagram to UDP ports: dns, ntp or hex:DIGITS
    ///
    /// By default, ports 53 and 123 are asked in their protocol, and other ports receive an empty
    /// datagram.
    #[arg(long, value_name = "PAYLOAD", help_heading = CONNECTION, hide_short_help = true)]
    pub(super) payload: Option<ProbePayload>,
    #[command(flatten)]
    pub(super) tls: TlsClientArgs,
    /// Exit with 1 if a certificate expires within this time
    ///
    /// Days are written as 30d.
    #[arg(long, value_name = "DAYS", value_parser = days, help_heading = "TLS")]
    pub(super) expires_within: Option<Duration>,
    /// Show what the server sends first
    ///
    /// A server that sends nothing for 1 s gets the request `GET / HTTP/1.0`. sockkit recognizes
    /// SSH, SMTP, FTP, IMAP, POP3, HTTP and TLS.
    #[arg(long, help_heading = CONNECTION)]
    pub(super) banner: bool,
    /// Probe every address of a name, not only the first one that is open
    #[arg(long, help_heading = CONNECTION, hide_short_help = true)]
    pub(super) each: bool,
    /// Probe at most N ports at once
    #[arg(long, value_name = "N", default_value_t = PROBES_AT_ONCE, value_parser = count,
          help_heading = CONNECTION, hide_short_help = true)]
    pub(super) concurrency: usize,
    #[command(flatten)]
    pub(super) family: FamilyArgs,
    /// Probe from this local address
    ///
    /// :PORT sets only the port.
    #[arg(long, value_name = "[ADDR][:PORT]", value_parser = values::of_bytes::<LocalAddress>(),
          help_heading = CONNECTION, hide_short_help = true)]
    pub(super) from: Option<LocalAddress>,
    /// Wait at most this long for each port
    ///
    /// 0 leaves the limit to the kernel.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = values::limit,
          help_heading = TIMEOUTS, display_order = 0)]
    pub(super) connect_timeout: Limit,
    #[command(flatten)]
    pub(super) timeout: TimeoutArgs,
}

/// The help heading of the options that probe again.
const REPEATING: &str = "Waiting and repeating";

/// The shortest time from one probe to the next: more would be a flood.
const MIN_PROBE_INTERVAL: Duration = Duration::from_millis(1);

fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        short if short < MIN_PROBE_INTERVAL => Err("give at least 1ms".to_owned()),
        interval => Ok(interval),
    }
}

/// How many ports are probed at once by default. A host that drops packets holds each for the whole
/// timeout; more at once can overflow the tables of routers.
const PROBES_AT_ONCE: usize = 500;
