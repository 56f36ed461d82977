//! `--port-file`: writes the port to a file while the server listens.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::reason;

/// A file that contains the port; removed when this is dropped.
#[derive(Debug)]
pub(crate) struct PortFile(PathBuf);

impl PortFile {
    /// Writes the file atomically: through a temporary file in the same folder that is renamed.
    ///
    /// # Errors
    /// The temporary file cannot be written or renamed.
    pub(crate) fn write(path: &Path, port: u16) -> Result<Self, Failure> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}.tmp", std::process::id()));
        let temporary = PathBuf::from(temporary);
        let written = fs::write(&temporary, format!("{port}\n"));
        written.and_then(|()| fs::rename(&temporary, path)).map_err(|error: io::Error| {
            fs::remove_file(&temporary).ok();
            let path = path.display();
            Failure::new(Exit::File, format!("cannot write {path}: {}", reason::of(&error)))
        })?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PortFile {
    fn drop(&mut self) {
        // The user may have removed the file already.
        fs::remove_file(&self.0).ok();
    }
}
