//! Certificates and keys from PEM files, and what can be wrong with them.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{OtherError, RootCertStore};

use crate::reason;

/// The largest file that is read, in bytes: a system's whole bundle of CAs has a quarter of one.
const MAX_FILE: u64 = 1024 * 1024;

/// Where a certificate and its private key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// A PEM file: the certificate, then those that lead from it to a CA.
    pub certificate: PathBuf,
    /// A PEM file with the key (PKCS#8, PKCS#1 or SEC1); none if the certificate's has it too.
    pub key: Option<PathBuf>,
}

/// Why TLS could not be set up, before any peer was involved.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file could not be read.
    #[error("cannot read {}: {}", path.display(), reason::of(source))]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The key log could not be opened for writing.
    #[error("cannot write {}: {}", path.display(), reason::of(source))]
    KeyLog {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file has not what it should have.
    #[error("{} holds no {what} in PEM form", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
    },
    /// A key is protected by a passphrase.
    #[error("the private key in {} is encrypted", path.display())]
    Encrypted {
        /// Which file.
        path: PathBuf,
    },
    /// A file's contents make no sense.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The public key in the certificate is not that of the private one.
    #[error(
        "the certificate in {} and the key in {} do not belong together",
        certificate.display(),
        key.display()
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The TLS library refused, for a reason that lies in no file.
    #[error("cannot set TLS up: {0}")]
    Library(rustls::Error),
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Generate(rcgen::Error),
}

/// A certificate with its chain, and its key.
pub(super) type CertificateAndKey = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl KeyPair {
    /// Reads both.
    pub(super) fn read(&self) -> Result<CertificateAndKey, SetupError> {
        Ok((certificates(&self.certificate)?, private_key(self.key_path())?))
    }

    /// Says what it means that the library refused what [`Self::read`] gave.
    pub(super) fn refused(&self, error: rustls::Error) -> SetupError {
        let key = self.key_path().to_owned();
        match error {
            rustls::Error::InconsistentKeys(_) => {
                SetupError::Mismatch { certificate: self.certificate.clone(), key }
            }
            rustls::Error::InvalidCertificate(error) => {
                SetupError::Damaged { path: self.certificate.clone(), why: error.to_string() }
            }
            rustls::Error::General(why) => SetupError::Damaged { path: key, why },
            rustls::Error::Other(OtherError(error)) => {
                SetupError::Damaged { path: key, why: error.to_string() }
            }
            error => SetupError::Library(error),
        }
    }

    fn key_path(&self) -> &Path {
        self.key.as_deref().unwrap_or(&self.certificate)
    }
}

/// Reads the CAs of a file: at least one.
pub(super) fn roots(path: &Path) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        let damaged = |error: rustls::Error| SetupError::Damaged {
            path: path.to_owned(),
            why: error.to_string(),
        };
        roots.add(certificate).map_err(damaged)?;
    }
    Ok(roots)
}

/// Reads the certificates of a file: at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| damaged(path, &error))?;
    if found.is_empty() {
        return Err(SetupError::Missing { path: path.to_owned(), what: "certificate" });
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, SetupError> {
    let text = read(path)?;
    match PrivateKeyDer::pem_slice_iter(&text).next() {
        Some(Ok(key)) => Ok(key),
        // Of PKCS#8, or an older header inside: neither is decrypted here.
        _ if contains(&text, b"ENCRYPTED") => Err(SetupError::Encrypted { path: path.to_owned() }),
        Some(Err(error)) => Err(damaged(path, &error)),
        None => Err(SetupError::Missing { path: path.to_owned(), what: "private key" }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, SetupError> {
    let mut text = Vec::new();
    let outcome = File::open(path)
        .and_then(|file| file.take(MAX_FILE.saturating_add(1)).read_to_end(&mut text));
    let len = outcome.map_err(|source| SetupError::Read { path: path.to_owned(), source })?;
    if u64::try_from(len).is_ok_and(|len| len <= MAX_FILE) {
        return Ok(text);
    }
    let why = format!("it has more than {MAX_FILE} bytes");
    Err(SetupError::Damaged { path: path.to_owned(), why })
}

fn damaged(path: &Path, error: &rustls::pki_types::pem::Error) -> SetupError {
    use rustls::pki_types::pem::Error;
    // The library's own words would show lines of what may be a key.
    let why = match error {
        Error::MissingSectionEnd { .. } => "a section has no END line",
        Error::IllegalSectionStart { .. } => "a BEGIN line is not whole",
        Error::Base64Decode(_) => "a section is not base64",
        _ => "it is not PEM",
    };
    SetupError::Damaged { path: path.to_owned(), why: why.to_owned() }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn file(contents: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.pem");
        fs::write(&path, contents).unwrap();
        (directory, path)
    }

    #[test]
    fn each_kind_of_broken_file_has_a_reason_of_its_own() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n\
                      -----END RSA PRIVATE KEY-----\n";
        let torn = key.split_once("-----END").unwrap().0;
        for (contents, words) in [
            ("", "holds no private key"),
            ("hello", "holds no private key"),
            (&encrypted, "is encrypted"),
            (legacy, "is encrypted"),
            (torn, "has no END line"),
            (&key.replace('M', "*"), "not base64"),
            (&"x".repeat(1024 * 1024 + 1), "more than 1048576 bytes"),
        ] {
            let (_directory, path) = file(contents);
            let message = private_key(&path).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
            assert!(message.contains("file.pem"), "{message}");
        }
        let (_directory, path) = file(&key);
        assert!(private_key(&path).is_ok());
        let message = certificates(&path).unwrap_err().to_string();
        assert!(message.contains("holds no certificate"), "{message}");
        let absent = path.with_file_name("absent");
        let message = certificates(&absent).unwrap_err().to_string();
        assert!(message.ends_with("absent: no such file or directory"), "{message}");
    }
}
