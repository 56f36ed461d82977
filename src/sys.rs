//! Kernel statistics of a connection that no safe crate reads.
//!
//! The only file with `unsafe`: each system call passes a buffer that the kernel fills in.

use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Getter, ioctl};

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
}

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
}
