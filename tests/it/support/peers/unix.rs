//! Clients and servers on Unix stream sockets, and the paths that the sockets are bound to.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::{fs, thread};

/// A directory with room for a socket.
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { path: directory.path().join("socket"), _directory: directory }
    }

    /// `unix:PATH`
    pub(crate) fn word(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    /// Leaves a socket behind that nobody listens on.
    pub(crate) fn leave_stale(&self) {
        drop(UnixListener::bind(&self.path).unwrap());
        assert!(fs::symlink_metadata(&self.path).unwrap().file_type().is_socket());
    }
}

pub(crate) fn client(path: &Path) -> UnixStream {
    with_deadlines(UnixStream::connect(path).unwrap())
}

pub(crate) fn with_deadlines(stream: UnixStream) -> UnixStream {
    stream.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    stream.set_write_timeout(Some(crate::support::PATIENCE)).unwrap();
    stream
}

pub(crate) fn read_to_end(mut stream: &UnixStream) -> Vec<u8> {
    let mut read = Vec::new();
    stream.read_to_end(&mut read).unwrap();
    read
}

pub(crate) fn end(stream: &UnixStream) {
    stream.shutdown(std::net::Shutdown::Write).unwrap();
}

/// Serves one client of a foreign server with an answer after its end, and returns its request.
pub(crate) fn answer_after_the_end(
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
