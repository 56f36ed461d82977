//! Blocking reads and writes on standard streams that another process set to `O_NONBLOCK`.
//!
//! A pipe inherited from a program that uses it asynchronously (node, ssh) may have `O_NONBLOCK`
//! set. That program shares the flag, so sockkit must not clear it; it waits with poll(2) instead.
//! This module is a leaf: it uses no other module of sockkit.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};

/// A reader that waits for data even if its file is non-blocking.
#[derive(Debug)]
pub struct Reader(pub File);

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait_for(&self.0, PollFlags::IN)?;
                }
                done => return done,
            }
        }
    }
}

/// Writes all of `bytes`, and waits as long as necessary even if the stream is non-blocking.
///
/// # Errors
/// The error that the stream reports, except `WouldBlock`.
pub fn write_all(stream: &mut (impl Write + AsFd), bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(len) => rest = &rest[len..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                wait_for(stream, PollFlags::OUT)?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits without a timeout until one of `events` is ready, or a signal arrives.
fn wait_for(stream: &impl AsFd, events: PollFlags) -> io::Result<()> {
    match poll(&mut [PollFd::from_borrowed_fd(stream.as_fd(), events)], None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::ioctl_fionbio;
    use std::os::fd::OwnedFd;
    use std::thread;

    #[test]
    fn a_non_blocking_pipe_transfers_every_byte() {
        let (reader, writer) = io::pipe().unwrap();
        let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
        ioctl_fionbio(&reader, true).unwrap();
        ioctl_fionbio(&writer, true).unwrap();
        let sent: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
        let copy = sent.clone();
        let writing = thread::spawn(move || write_all(&mut File::from(writer), &copy).unwrap());
        let mut read = Vec::new();
        Reader(File::from(reader)).read_to_end(&mut read).unwrap();
        writing.join().unwrap();
        assert!(read == sent);
    }
}
