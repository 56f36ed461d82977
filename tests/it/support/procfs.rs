//! Measurements of one process and of the kernel's TCP tables, read from `/proc`.
//!
//! Only the process itself is measured, so tests that run in parallel do not change the result.

use std::net::SocketAddr;
use std::process::Child;
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::support::{Running, eventually};

/// A running process.
#[derive(Clone, Copy)]
pub(crate) struct Process(u32);

/// How long the CPU time of a process is observed to decide whether it is idle.
const IDLE_SAMPLE: Duration = Duration::from_secs(1);

/// Clock ticks per second in `/proc/PID/stat`; the same on every Linux target of Rust.
const USER_HZ: u64 = 100;

impl Process {
    pub(crate) fn of(running: &Running) -> Self {
        Self(running.pid())
    }

    pub(crate) fn of_child(child: &Child) -> Self {
        Self(child.id())
    }

    /// The CPU time so far, in user and kernel mode (`proc_pid_stat(5)`, fields 14 and 15).
    pub(crate) fn cpu_time(self) -> Duration {
        let stat = self.read("stat");
        // The second field is a name in parentheses, which may contain spaces and parentheses.
        let fields = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11);
        let ticks: u64 = fields.take(2).map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * (1000 / USER_HZ))
    }

    /// Waits until the process uses less than 5 % of a CPU, which a busy loop never does.
    #[track_caller]
    pub(crate) fn wait_until_idle(self) {
        eventually("the process rests", || {
            let (before, since) = (self.cpu_time(), Instant::now());
            thread::sleep(IDLE_SAMPLE);
            (self.cpu_time() < before + since.elapsed() / 20).then_some(())
        });
    }

    /// The number of open descriptors.
    pub(crate) fn descriptors(self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.0)).unwrap().count()
    }

    /// The number of children, zombies included.
    pub(crate) fn children(self) -> usize {
        let parent = self.0.to_string();
        let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let stat = fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
            let after_name = stat.rsplit_once(')')?.1.to_owned();
            Some(after_name.split_whitespace().nth(1)? == parent)
        });
        processes.filter(|is_child| *is_child).count()
    }

    /// The peak resident memory in bytes, without the pages of the program's file, which are many
    /// in a debug build (`VmHWM` and `RssFile` of `proc_pid_status(5)`).
    pub(crate) fn peak_memory(self) -> u64 {
        let status = self.read("status");
        let bytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
        };
        bytes("VmHWM:") - bytes("RssFile:")
    }

    fn read(self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.0)).unwrap()
    }
}

/// Waits until the TCP of `peer` has acknowledged everything that the IPv4 socket at `local` has
/// sent.
#[track_caller]
pub(crate) fn wait_until_acknowledged(local: SocketAddr, peer: SocketAddr) {
    // proc_net_tcp: "sl local_address rem_address st tx_queue:rx_queue …", in hexadecimal.
    let (from, to) = (format!(":{:04X}", local.port()), format!(":{:04X}", peer.port()));
    eventually("everything is acknowledged", || {
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        let queue = table.lines().find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let found = fields.get(1)?.ends_with(&from) && fields.get(2)?.ends_with(&to);
            found.then(|| fields.get(4).map(|queues| (*queues).to_owned()))?
        });
        queue.unwrap().starts_with("00000000:").then_some(())
    });
}

/// Waits until a socket listens on a port of 127.0.0.1. It does not connect, because some servers
/// accept only one client.
#[track_caller]
pub(crate) fn wait_until_listening(port: u16) {
    // State 0A is TCP_LISTEN; addresses are in native byte order.
    let address = format!("0100007F:{port:04X}");
    eventually("a socket listens", || {
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        let listens = |line: &str| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            fields.get(1) == Some(&&*address) && fields.get(3) == Some(&"0A")
        };
        table.lines().any(listens).then_some(())
    });
}

/// The most bytes that the kernel buffers for one TCP connection between two sockets of this
/// machine (tcp(7): the maxima of `tcp_wmem` and `tcp_rmem`).
pub(crate) fn kernel_buffers() -> usize {
    let most = |name: &str| -> usize {
        let sizes = fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).unwrap();
        sizes.split_whitespace().last().unwrap().parse().unwrap()
    };
    most("tcp_wmem") + most("tcp_rmem")
}

/// Waits until the process with this id has exited.
#[track_caller]
pub(crate) fn wait_until_ended(pid: &str) {
    eventually("its end", || match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // A zombie, which its parent has not yet waited for.
        Ok(stat) if stat.rsplit_once(')').unwrap().1.starts_with(" Z") => Some(()),
        Ok(_) => None,
        Err(_) => Some(()),
    });
}

/// The process id after `pid ` in `text`.
pub(crate) fn pid_in(text: &str) -> Option<String> {
    let (line, _) = text.split_once("pid ")?.1.split_once('\n')?;
    Some(line.to_owned())
}
