//! The key log: TLS secrets in a file from which Wireshark decrypts a capture.

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls::{KeyLog, NoKeyLog};

use crate::files::append::{self, Existing};
use crate::net::tls::pem::SetupError;
use crate::sync::lock;

/// The file that `SSLKEYLOGFILE` names, in the NSS format (draft-ietf-tls-keylogfile). Unlike
/// rustls's implementation, it reports an error if the file cannot be opened, and only the file's
/// owner can read it.
#[derive(Debug)]
struct KeyLogFile(Mutex<File>);

/// Opens the key log at `path` for appending; without a path, nothing is logged.
///
/// # Errors
/// The file cannot be opened.
pub(super) fn open(path: Option<&Path>) -> Result<Arc<dyn KeyLog>, SetupError> {
    let Some(path) = path else {
        return Ok(Arc::new(NoKeyLog));
    };
    let file = append::open(path, Existing::FileOrStream);
    let file = file.map_err(|source| SetupError::KeyLog { path: path.to_owned(), source })?;
    Ok(Arc::new(KeyLogFile(Mutex::new(file))))
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        let mut file = lock(&self.0);
        // rustls accepts no error here, and a full disk must not end the connection.
        append::append_lines(&mut file, line.as_bytes());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        // Writing to a String cannot fail.
        write!(digits, "{byte:02x}").unwrap_or_default();
        digits
    })
}
