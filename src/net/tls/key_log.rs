//! The secrets of each connection, written where Wireshark reads them.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls::{KeyLog, NoKeyLog};

use crate::files::append::{self, Existing};
use crate::net::tls::pem::SetupError;
use crate::sync::lock;

/// The file that `SSLKEYLOGFILE` names, in NSS's format (draft-ietf-tls-keylogfile). Unlike
/// rustls's own it says when it cannot be opened, and is nobody else's to read.
#[derive(Debug)]
struct KeyLogFile(Mutex<File>);

/// Opens a key log for appending; without a path nothing is logged.
pub(super) fn open(path: Option<&Path>) -> Result<Arc<dyn KeyLog>, SetupError> {
    let Some(path) = path else {
        return Ok(Arc::new(NoKeyLog));
    };
    let file = append::open(path, Existing::Anything);
    let file = file.map_err(|source| SetupError::KeyLog { path: path.to_owned(), source })?;
    Ok(Arc::new(KeyLogFile(Mutex::new(file))))
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        let mut file = lock(&self.0);
        // There is nobody to tell here, and a full disk must not end the connection.
        file.write_all(line.as_bytes()).ok();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        // Writing to a String cannot fail.
        write!(digits, "{byte:02x}").unwrap_or_default();
        digits
    })
}
