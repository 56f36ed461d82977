//! Options that say which certificates of a TLS server are trusted.

use std::path::PathBuf;

use crate::net::tls::{ClientTrust, Pin, ServerName};

/// Which certificate a server must present.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TrustArgs {
    /// Trust only the certificates in this PEM file, and those that they have signed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pin", "insecure"],
          hide_short_help = true)]
    ca: Option<PathBuf>,
    /// Trust only the certificate with this fingerprint
    ///
    /// FINGERPRINT is sha256:... in hex; the issuer and the name are not verified. The option can
    /// be repeated.
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "insecure", hide_short_help = true)]
    pin: Vec<Pin>,
    /// Encrypt, but do not verify the server's certificate
    #[arg(long, hide_short_help = true)]
    insecure: bool,
    /// Request and verify this server name instead of the server's host
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    servername: Option<ServerName>,
}

impl TrustArgs {
    /// Returns the certificates that are trusted.
    pub(crate) fn trust(&self) -> ClientTrust {
        match (&self.ca, self.insecure) {
            (Some(path), _) => ClientTrust::Ca(path.clone()),
            (None, true) => ClientTrust::AnyCertificate,
            (None, false) if self.pin.is_empty() => ClientTrust::Platform,
            (None, false) => ClientTrust::Pins(self.pin.clone()),
        }
    }

    /// Returns whether any certificate is accepted.
    pub(crate) fn trusts_anyone(&self) -> bool {
        self.insecure
    }

    /// Returns the name of `--servername`.
    pub(crate) fn server_name(&self) -> Option<ServerName> {
        self.servername.clone()
    }

    /// Returns one of these options that is given.
    pub(crate) fn flag(&self) -> Option<&'static str> {
        let given = [
            ("--ca", self.ca.is_some()),
            ("--pin", !self.pin.is_empty()),
            ("--insecure", self.insecure),
            ("--servername", self.servername.is_some()),
        ];
        given.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
    }
}
