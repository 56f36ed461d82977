//! Reads certificates and private keys from PEM files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{OtherError, RootCertStore};

use crate::net::tls::certificate::CertificateFields;
use crate::reason;

/// The largest file that is read, in bytes: four times a system's complete CA bundle.
const MAX_FILE: u64 = 1024 * 1024;

/// The paths of a certificate and its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// A PEM file: the certificate, followed by the intermediate certificates up to a CA.
    pub certificate: PathBuf,
    /// A PEM file with the key (PKCS#8, PKCS#1 or SEC1); `None` if the certificate's file has it.
    pub key: Option<PathBuf>,
}

/// Why TLS could not be set up, before any connection.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file could not be read.
    #[error("cannot read {}: {}", path.display(), reason::of(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The key log could not be opened for writing.
    #[error("cannot write {}: {}", path.display(), reason::of(source))]
    KeyLog {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file contains no certificate, or no private key.
    #[error("{} contains no PEM {what}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
    },
    /// The private key is encrypted with a passphrase.
    #[error("the private key in {} is encrypted", path.display())]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// A file's contents are invalid.
    #[error("cannot use {}: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is invalid.
        why: String,
    },
    /// The certificate was not issued for the private key.
    #[error(
        "the certificate in {} does not match the key in {}",
        certificate.display(),
        key.display()
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The TLS library reported an error that no file causes.
    #[error("cannot set up TLS: {0}")]
    Library(rustls::Error),
    /// The self-signed certificate could not be generated.
    #[error("cannot generate a certificate: {0}")]
    Generate(rcgen::Error),
}

/// A certificate chain, which begins with the end-entity certificate, and its private key.
pub(super) type CertificateAndKey = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl KeyPair {
    /// Reads the certificate chain and the private key.
    pub(super) fn read(&self) -> Result<CertificateAndKey, SetupError> {
        Ok((certificates(&self.certificate)?, private_key(self.key_path())?))
    }

    /// Returns the setup error for a library error about the certificate or key that [`Self::read`]
    /// returned.
    pub(super) fn setup_error(&self, error: rustls::Error) -> SetupError {
        let key = self.key_path().to_owned();
        let own = certificates(&self.certificate).ok().and_then(|own| own.into_iter().next());
        if let Some(unusable) = own.and_then(|own| CertificateFields::of(&own).unusable_key) {
            return SetupError::Damaged { path: key, why: unusable.to_string() };
        }
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

/// Reads the CA certificates in a file, at least one.
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

/// Reads the certificates in a file, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| damaged(path, &error))?;
    if found.is_empty() {
        return Err(SetupError::Missing { path: path.to_owned(), what: "certificate" });
    }
    Ok(found)
}

/// Reads the first private key in a file.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, SetupError> {
    let text = read(path)?;
    match PrivateKeyDer::pem_slice_iter(&text).next() {
        Some(Ok(key)) => Ok(key),
        // An encrypted PKCS#8 section or the older Proc-Type header; sockkit decrypts neither.
        _ if contains(&text, b"ENCRYPTED") => Err(SetupError::Encrypted { path: path.to_owned() }),
        Some(Err(error)) => Err(damaged(path, &error)),
        None => Err(SetupError::Missing { path: path.to_owned(), what: "private key" }),
    }
}

/// Reads a file of at most [`MAX_FILE`] bytes.
fn read(path: &Path) -> Result<Vec<u8>, SetupError> {
    let mut text = Vec::new();
    let outcome = File::open(path)
        .and_then(|file| file.take(MAX_FILE.saturating_add(1)).read_to_end(&mut text));
    let len = outcome.map_err(|source| SetupError::Read { path: path.to_owned(), source })?;
    if u64::try_from(len).is_ok_and(|len| len <= MAX_FILE) {
        return Ok(text);
    }
    let why = format!("it is larger than {MAX_FILE} bytes");
    Err(SetupError::Damaged { path: path.to_owned(), why })
}

fn damaged(path: &Path, error: &rustls::pki_types::pem::Error) -> SetupError {
    use rustls::pki_types::pem::Error;
    // The library's message would quote lines that may belong to a private key.
    let why = match error {
        Error::MissingSectionEnd { .. } => "a section has no END line",
        Error::IllegalSectionStart { .. } => "a BEGIN line is incomplete",
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
    fn each_kind_of_unusable_file_is_reported_with_its_reason() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n\
                      -----END RSA PRIVATE KEY-----\n";
        let truncated = key.split_once("-----END").unwrap().0;
        for (contents, reason) in [
            ("", "contains no PEM private key"),
            ("hello", "contains no PEM private key"),
            (&encrypted, "is encrypted"),
            (legacy, "is encrypted"),
            (truncated, "has no END line"),
            (&key.replace('M', "*"), "not base64"),
            (&"x".repeat(1024 * 1024 + 1), "larger than 1048576 bytes"),
        ] {
            let (_directory, path) = file(contents);
            let message = private_key(&path).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
            assert!(message.contains("file.pem"), "{message}");
        }
        let (_directory, path) = file(&key);
        assert!(private_key(&path).is_ok());
        let message = certificates(&path).unwrap_err().to_string();
        assert!(message.contains("contains no PEM certificate"), "{message}");
        let absent = path.with_file_name("absent");
        let message = certificates(&absent).unwrap_err().to_string();
        assert!(message.ends_with("absent: no such file or directory"), "{message}");
    }
}
