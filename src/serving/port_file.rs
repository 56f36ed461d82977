//! `--port-file`: tells a script the port, once there is one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::reason;

/// A file that holds the port for as long as the server runs.
#[derive(Debug)]
pub(crate) struct PortFile(PathBuf);

impl PortFile {
    /// Writes the file in one step: whoever sees it sees all of it.
    ///
    /// # Errors
    /// The file, or the one beside it that becomes it, cannot be written.
    pub(crate) fn write(path: &Path, port: u16) -> Result<Self, Failure> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}.tmp", std::process::id()));
        let beside = PathBuf::from(beside);
        let written = fs::write(&beside, format!("{port}\n"));
        written.and_then(|()| fs::rename(&beside, path)).map_err(|error: io::Error| {
            fs::remove_file(&beside).ok();
            let path = path.display();
            Failure::new(Exit::File, format!("cannot write {path}: {}", reason::of(&error)))
        })?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PortFile {
    fn drop(&mut self) {
        // Somebody else may have removed it already.
        fs::remove_file(&self.0).ok();
    }
}
