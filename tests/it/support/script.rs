//! A script file in a directory of its own, and what a run reports about it.

use std::fs;
use std::path::PathBuf;

use crate::support::{Outcome, Sockkit, sockkit};

/// A temporary directory with a script in it.
pub(crate) struct Scripted {
    folder: tempfile::TempDir,
}

impl Scripted {
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("s.txt"), text).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `sockkit ARGS… --script s.txt`, in the script's directory.
    pub(crate) fn sockkit(&self, args: &str) -> Sockkit {
        sockkit(args).arg("--script").arg("s.txt").dir(self.folder.path())
    }
}

#[track_caller]
pub(crate) fn assert_stderr_contains(ran: &Outcome, parts: &[&str]) {
    for part in parts {
        assert!(ran.stderr.contains(part), "{part:?} is not in {}", ran.stderr);
    }
}
