//! Clients and servers on Unix stream sockets, and the paths that the sockets are bound to.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::{fs, thread};

/// A temporary directory, and the path of a socket in it.
pub(crate) struct SocketPath {
    pub(crate) path: PathBuf,
    _directory: tempfile::TempDir,
}

impl SocketPath {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { path: directory.path().join("socket"), _directory: directory }
    }

    /// `unix:PATH`
    pub(crate) fn endpoint(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    /// Creates a stale socket file: one without a listener.
    pub(crate) fn leave_stale(&self) {
        drop(UnixListener::bind(&self.path).unwrap());
        assert!(fs::symlink_metadata(&self.path).unwrap().file_type().is_socket());
    }
}

pub(crate) fn client(path: &Path) -> UnixStream {
    with_deadlines(UnixStream::connect(path).unwrap())
}

pub(crate) fn with_deadlines(stream: UnixStream) -> UnixStream {
    stream.set_read_timeout(Some(crate::support::TIMEOUT)).unwrap();
    stream.set_write_timeout(Some(crate::support::TIMEOUT)).unwrap();
    stream
}

pub(crate) fn read_to_end(mut stream: &UnixStream) -> Vec<u8> {
    let mut read = Vec::new();
    stream.read_to_end(&mut read).unwrap();
    read
}

pub(crate) fn shut_down(stream: &UnixStream) {
    stream.shutdown(std::net::Shutdown::Write).unwrap();
}

/// Accepts one client, sends `answer` after its EOF, and returns its request.
pub(crate) fn reply_after_eof(
    listener: UnixListener,
    answer: Vec<u8>,
) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut stream = with_deadlines(listener.accept().unwrap().0);
        let request = read_to_end(&stream);
        stream.write_all(&answer).unwrap();
        request
    })
}
