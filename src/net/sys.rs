//! What the kernel knows of a connection and no safe crate asks for.
//!
//! The one file with `unsafe`: each call is one ioctl whose argument the kernel fills in.

use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Getter, ioctl};

/// `TIOCOUTQ`, which tcp(7) calls `SIOCOUTQ`.
#[cfg(target_os = "linux")]
const OUTPUT_QUEUE: rustix::ioctl::Opcode = 0x5411;

/// Returns how much of what was sent the peer's TCP has not acknowledged, in bytes; the end of
/// our side counts as one.
///
/// # Errors
/// The descriptor is no connected stream socket.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no crate wraps SIOCOUTQ for sockets")]
pub fn unacknowledged(socket: impl AsFd) -> io::Result<u32> {
    // SAFETY: for a socket this opcode writes one `int` (tcp(7)), which is what the getter gives
    // it room for.
    let bytes = unsafe { ioctl(socket, Getter::<OUTPUT_QUEUE, i32>::new()) }?;
    Ok(u32::try_from(bytes).unwrap_or(0))
}

/// Elsewhere nobody can say; what was written counts as arrived.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn unacknowledged(_socket: impl AsFd) -> io::Result<u32> {
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn bytes_count_until_the_peers_kernel_has_them() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        client.set_nonblocking(true).unwrap();
        // Until nothing fits any more, on either side.
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
}
