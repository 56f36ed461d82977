//! System calls that no safe crate offers: kernel statistics of a connection, the registration of a
//! descriptor, the dispositions of signals, a closed standard output, and the preparation of a
//! child process.
//!
//! The only file with `unsafe`.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::ioctl::{Getter, ioctl};
use rustix::process::{Resource, Rlimit, Signal};
use tokio::io::unix::{AsyncFd, AsyncFdRegisterError};

/// `TIOCOUTQ`, which tcp(7) calls `SIOCOUTQ`.
#[cfg(target_os = "linux")]
#[expect(clippy::cast_possible_truncation, reason = "ioctl numbers have 32 bits")]
const OUTPUT_QUEUE: rustix::ioctl::Opcode = libc::TIOCOUTQ as rustix::ioctl::Opcode;

/// Returns how many sent bytes the peer's TCP has not acknowledged; a FIN counts as one byte.
///
/// # Errors
/// The descriptor is not a connected stream socket.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no crate wraps SIOCOUTQ for sockets")]
pub fn unacknowledged(socket: impl AsFd) -> io::Result<u32> {
    // SAFETY: for a socket, this opcode writes one `int` (tcp(7)), and the getter's buffer is one
    // `i32`.
    let bytes = unsafe { ioctl(socket, Getter::<OUTPUT_QUEUE, i32>::new()) }?;
    Ok(u32::try_from(bytes).unwrap_or(0))
}

/// Returns 0: on other systems, written bytes count as acknowledged.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn unacknowledged(_socket: impl AsFd) -> io::Result<u32> {
    Ok(0)
}

/// Registers a descriptor with the current runtime.
///
/// # Errors
/// The runtime cannot register it; the error contains the descriptor.
#[expect(unsafe_code, reason = "tokio cannot check that a type keeps its descriptor open")]
pub fn register(descriptor: OwnedFd) -> Result<AsyncFd<OwnedFd>, AsyncFdRegisterError<OwnedFd>> {
    // SAFETY: an `OwnedFd` is always the same descriptor, and keeps it open until it is dropped.
    unsafe { AsyncFd::register(descriptor) }
}

/// Statistics of a TCP connection (`TCP_INFO`, tcp(7)).
///
/// A field is `None` if the kernel is too old to report it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// The smoothed round-trip time (RFC 6298), in microseconds.
    pub rtt_us: u32,
    /// The variation of the round-trip time (RFC 6298), in microseconds.
    pub rtt_var_us: u32,
    /// The minimum round-trip time of the last minutes, in microseconds; since Linux 4.6.
    pub min_rtt_us: Option<u32>,
    /// Retransmitted segments since the connection was opened.
    pub retransmits: Option<u32>,
    /// The congestion window, in segments.
    pub snd_cwnd: u32,
    /// The maximum segment size for sending, in bytes.
    pub snd_mss: u32,
    /// The maximum segment size for receiving, in bytes, as the kernel estimates it.
    pub rcv_mss: u32,
    /// The path MTU, in bytes.
    pub pmtu: u32,
    /// The name of the congestion control algorithm, such as `cubic`.
    pub congestion: Option<String>,
    /// The sent bytes that the peer has acknowledged, SYN and FIN included; since Linux 4.1.
    pub bytes_acked: Option<u64>,
    /// The state of the connection, as the kernel numbers it.
    state: u8,
}

impl TcpInfo {
    /// Returns whether the connection no longer exists, for example after a reset by the peer.
    pub fn is_closed(&self) -> bool {
        self.state == TCP_CLOSE
    }
}

/// The number of the state CLOSE (`TCP_CLOSE` in `linux/tcp_states.h`).
const TCP_CLOSE: u8 = 7;

/// Returns the kernel's statistics of a TCP connection.
///
/// # Errors
/// The descriptor is not a TCP socket.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no crate wraps TCP_INFO")]
pub fn tcp_info(socket: impl AsFd) -> io::Result<TcpInfo> {
    use std::mem::{MaybeUninit, offset_of};
    use std::os::fd::AsRawFd as _;

    let socket = socket.as_fd();
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut len = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).unwrap_or(0);
    // SAFETY: the borrow keeps the descriptor open. The kernel writes at most `len` bytes, which is
    // the size of `info`, and stores the number of bytes written in `len` (getsockopt(2)).
    let failed = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if failed != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the struct contains only integers, and fields that the kernel did not write are zero.
    let info = unsafe { info.assume_init() };
    // An older kernel writes fewer bytes: a field beyond them is unknown.
    let if_written = |offset: usize, value: u32| {
        let end = offset + size_of::<u32>();
        usize::try_from(len).is_ok_and(|len| end <= len).then_some(value)
    };
    Ok(TcpInfo {
        rtt_us: info.tcpi_rtt,
        rtt_var_us: info.tcpi_rttvar,
        // All bits are set until the kernel has measured a round trip.
        min_rtt_us: if_written(offset_of!(libc::tcp_info, tcpi_min_rtt), info.tcpi_min_rtt)
            .filter(|rtt| *rtt != u32::MAX),
        retransmits: if_written(
            offset_of!(libc::tcp_info, tcpi_total_retrans),
            info.tcpi_total_retrans,
        ),
        snd_cwnd: info.tcpi_snd_cwnd,
        snd_mss: info.tcpi_snd_mss,
        rcv_mss: info.tcpi_rcv_mss,
        pmtu: info.tcpi_pmtu,
        congestion: rustix::net::sockopt::tcp_congestion(socket).ok(),
        bytes_acked: usize::try_from(len)
            .is_ok_and(|len| len >= offset_of!(libc::tcp_info, tcpi_bytes_acked) + size_of::<u64>())
            .then_some(info.tcpi_bytes_acked),
        state: info.tcpi_state,
    })
}

/// Not supported on this system.
///
/// # Errors
/// Always: `Unsupported`.
#[cfg(not(target_os = "linux"))]
pub fn tcp_info(_socket: impl AsFd) -> io::Result<TcpInfo> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes a write beyond the limit of a file's size (`RLIMIT_FSIZE`) fail, instead of ending the
/// process. It is a handler, because the programs that sockkit starts would inherit `SIG_IGN`.
pub fn survive_file_size_limit() {
    // Without the handler, only the message about the limit is missing.
    signal_hook::flag::register(Signal::XFSZ.as_raw(), Arc::default()).ok();
}

/// Corrects what sockkit may have inherited from its parent process: SIGCHLD gets its default
/// disposition, because the kernel keeps no exit status of a child while it is ignored, and no
/// signal is blocked. Called once, before any thread is started.
#[expect(unsafe_code, reason = "no crate changes signal dispositions safely")]
pub fn reset_inherited_signals() {
    // SAFETY: the default disposition runs no code of this process, the set is initialized by
    // sigemptyset(3) before it is read, and a null pointer means that the old mask is not wanted.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Whether standard output was closed when the process started. Only code that runs before `main`
/// can know: Rust's runtime opens `/dev/null` in place of a closed standard stream, and every write
/// to it succeeds.
static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// The dynamic linker calls the functions in this section before `main` (`DT_INIT_ARRAY`).
#[cfg(target_os = "linux")]
#[used]
// SAFETY: the section holds pointers to functions with this ABI, and glibc and musl ignore that the
// function takes no arguments.
#[unsafe(link_section = ".init_array")]
#[expect(unsafe_code, reason = "no other code runs before Rust's runtime")]
static NOTE_CLOSED_STDOUT: extern "C" fn() = note_closed_stdout;

#[cfg(target_os = "linux")]
extern "C" fn note_closed_stdout() {
    let is_open = rustix::io::fcntl_getfd(rustix::stdio::stdout()).is_ok();
    STDOUT_WAS_CLOSED.store(!is_open, Ordering::Relaxed);
}

/// Makes every write to a standard output that was closed when the process started fail, instead of
/// succeeding without effect. Called once, before any thread is started.
pub fn restore_closed_stdout() {
    if STDOUT_WAS_CLOSED.load(Ordering::Relaxed) {
        // A descriptor that is not open for writing; a closed one would be reused for another file.
        // If it cannot be opened, writes are discarded as before.
        if let Ok(null) = std::fs::File::open("/dev/null") {
            rustix::stdio::dup2_stdout(null).ok();
        }
    }
}

/// Returns whether the process ignores `signal`, as nohup(1) and a shell's background jobs do.
#[expect(unsafe_code, reason = "no crate reads signal dispositions safely")]
pub fn is_signal_ignored(signal: i32) -> bool {
    // SAFETY: a null pointer means that the disposition is not changed; the kernel fills in
    // `current`, which is valid if all its bytes are zero.
    unsafe {
        let mut current: libc::sigaction = std::mem::zeroed();
        let read = libc::sigaction(signal, std::ptr::null(), &raw mut current);
        read == 0 && current.sa_sigaction == libc::SIG_IGN
    }
}

/// Stops the process with `signal`, such as SIGTSTP, as if neither it nor SIGCONT had a handler.
/// Returns after the process was continued; at once if nothing could continue it, because its
/// process group is orphaned.
#[expect(unsafe_code, reason = "no crate runs the default action and respects orphaned groups")]
pub fn stop_as_by_default(signal: i32) {
    // SAFETY: the dispositions are changed to the default, which is valid if all other bytes are
    // zero, and back to what the kernel has returned. `raise` directs the signal to this thread,
    // so its action is complete when `raise` returns.
    unsafe {
        let default: libc::sigaction = std::mem::zeroed();
        let changed = [signal, libc::SIGCONT].map(|number| {
            let mut previous = default;
            (number, libc::sigaction(number, &raw const default, &raw mut previous), previous)
        });
        libc::raise(signal);
        for (number, failed, previous) in changed {
            if failed == 0 {
                libc::sigaction(number, &raw const previous, std::ptr::null_mut());
            }
        }
    }
}

/// Ends the process with `code` at once, even while another thread is blocked. Nothing is cleaned
/// up or flushed. The black-box test of a blocked standard error covers this.
#[expect(unsafe_code, reason = "std's exit waits for locks that a blocked thread may hold")]
pub fn exit_now(code: u8) -> ! {
    // SAFETY: `_exit` runs no code of this process.
    unsafe { libc::_exit(code.into()) }
}

/// Makes `command` start its program in a session and process group of its own, without a
/// controlling terminal: in a background group, a read from `/dev/tty` would stop it (SIGTTIN).
/// The program is killed when the calling thread ends (Linux), and gets `descriptor_limit` as its
/// limit of open files.
#[expect(unsafe_code, reason = "code between fork and exec is unsafe")]
pub fn isolate_child(command: &mut Command, descriptor_limit: Option<Rlimit>) -> &mut Command {
    #[cfg(target_os = "linux")]
    let parent = rustix::process::getpid();
    let prepare = move || {
        rustix::process::setsid()?;
        #[cfg(target_os = "linux")]
        {
            let killed = Some(Signal::KILL);
            rustix::process::set_parent_process_death_signal(killed)?;
            // The parent may have ended before the call.
            if rustix::process::getppid() != Some(parent) {
                return Err(io::ErrorKind::NotFound.into());
            }
        }
        if let Some(limit) = descriptor_limit {
            rustix::process::setrlimit(Resource::Nofile, limit)?;
        }
        Ok(())
    };
    // SAFETY: the closure only makes system calls. It takes no lock and allocates no memory.
    unsafe { command.pre_exec(prepare) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn sent_bytes_are_unacknowledged_until_the_peer_reads_them() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        client.set_nonblocking(true).unwrap();
        // Fill the client's send buffer and the peer's receive buffer.
        let mut sent = 0;
        while let Ok(len) = client.write(&[b'x'; 16 * 1024]) {
            sent += len;
        }
        assert!(unacknowledged(&client).unwrap() > 0);
        client.set_nonblocking(false).unwrap();
        let mut read = vec![0; sent];
        peer.read_exact(&mut read).unwrap();
        while unacknowledged(&client).unwrap() > 0 {
            std::thread::yield_now();
        }
    }

    #[tokio::test]
    async fn a_descriptor_that_cannot_be_registered_is_returned() {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        // epoll does not accept a regular file.
        let (file, error) = register(file.into()).unwrap_err().into_parts();
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        assert!(std::fs::File::from(file).metadata().unwrap().is_file());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(register(listener.into()).is_ok());
    }

    #[test]
    fn tcp_info_counts_acknowledged_bytes_and_knows_whether_the_connection_exists() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let before = tcp_info(&client).unwrap().bytes_acked.unwrap();
        client.write_all(b"data").unwrap();
        peer.read_exact(&mut [0; 4]).unwrap();
        while tcp_info(&client).unwrap().bytes_acked != Some(before + 4) {
            std::thread::yield_now();
        }
        assert!(!tcp_info(&client).unwrap().is_closed());
        socket2::SockRef::from(&peer).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(peer);
        while !tcp_info(&client).unwrap().is_closed() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn tcp_info_reports_round_trip_time_segment_sizes_and_congestion_control() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let info = tcp_info(&client).unwrap();
        // The kernel measures the round-trip time of the handshake.
        assert!(info.rtt_us > 0 && info.snd_cwnd > 0, "{info:?}");
        assert!((500..=65_536).contains(&info.snd_mss), "{info:?}");
        assert!(info.pmtu >= info.snd_mss, "{info:?}");
        assert!(info.retransmits.is_some() && info.congestion.is_some(), "{info:?}");
    }

    #[test]
    fn tcp_info_fails_for_unix_and_udp_sockets() {
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(tcp_info(&one).is_err());
        let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(tcp_info(&datagrams).is_err());
    }

    #[test]
    fn an_ignored_signal_is_recognized() {
        // Rust's runtime ignores SIGPIPE, and no test changes SIGURG.
        assert!(is_signal_ignored(libc::SIGPIPE));
        assert!(!is_signal_ignored(libc::SIGURG));
        assert!(!is_signal_ignored(-1));
    }

    #[test]
    fn a_signal_that_is_ignored_by_default_stops_nothing_and_its_handler_is_restored() {
        let before = is_signal_ignored(libc::SIGCONT);
        // SIGURG in place of a signal that would stop the tests.
        stop_as_by_default(libc::SIGURG);
        assert!(!is_signal_ignored(libc::SIGURG));
        assert_eq!(is_signal_ignored(libc::SIGCONT), before);
    }

    #[test]
    fn a_reset_of_the_inherited_signals_unblocks_them_all() {
        reset_inherited_signals();
        assert!(!is_signal_ignored(libc::SIGCHLD));
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        assert!(status.contains("SigBlk:\t0000000000000000\n"), "{status}");
    }

    #[test]
    fn an_isolated_child_leads_a_session_and_has_the_given_limit() {
        let limit = Rlimit { current: Some(123), maximum: Some(456) };
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -Sn; ulimit -Hn; cut -d' ' -f1,5,6 /proc/$$/stat"]);
        let output = isolate_child(&mut command, Some(limit)).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let [soft, hard, ids] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
        assert_eq!((soft, hard), ("123", "456"));
        let [pid, group, session] = ids.split(' ').collect::<Vec<_>>()[..] else { panic!("{ids}") };
        assert_eq!((group, session), (pid, pid));
    }
}
