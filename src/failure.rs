//! Maps an error to its exit code and to the report that the user sees: message, cause and hint.
//!
//! The only module that knows the error types of all layers below it.

use std::io::{self, ErrorKind};

use crate::exit::Exit;
use crate::files::record_log;
use crate::host::{self, Interface};
use crate::net;
use crate::net::address::names::NameError;
use crate::net::error::lacks_zone;
use crate::net::tls::{self, starttls};
use crate::output::{ErrorReport, StdoutError};
use crate::reason;

/// An error with its exit code, message, cause and hint, as a command or an option reports it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    exit: Exit,
    message: String,
    cause: Option<String>,
    hint: Option<String>,
}

impl Failure {
    /// Returns a failure with the exit code `exit`, without cause or hint.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), cause: None, hint: None }
    }

    /// Sets the cause: a detail that the message does not contain.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Sets the hint: something for the user to type or do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Returns the exit code of `error` and the report to print; no report if the reader of standard
/// output closed it or a signal ended the run.
pub fn explain(error: &anyhow::Error) -> (Exit, Option<ErrorReport>) {
    for source in error.chain() {
        if let Some(stdout) = source.downcast_ref::<StdoutError>() {
            if stdout.is_closed_by_reader() {
                return (Exit::Success, None);
            }
            let exit = if stdout.is_internal() { Exit::Internal } else { Exit::File };
            return with_report(exit, stdout.to_string(), None, None);
        }
        if let Some(failure) = source.downcast_ref::<Failure>() {
            let Failure { exit, message, cause, hint } = failure;
            if let Exit::Signal(_) = exit {
                // The user who sent the signal needs no message.
                return (*exit, None);
            }
            return with_report(*exit, message.clone(), cause.clone(), hint.clone());
        }
        if let Some(failure) = source.downcast_ref::<net::Error>() {
            let hint = network_hint(failure).map(str::to_owned).or_else(|| address_hint(failure));
            let cause = busy_port(failure);
            return with_report(network_exit(failure), failure.to_string(), cause, hint);
        }
        if let Some(failure) = source.downcast_ref::<tls::TlsError>() {
            let (exit, hint) = handshake_exit_and_hint(&failure.problem);
            return with_report(exit, failure.to_string(), None, hint);
        }
        if let Some(failure) = source.downcast_ref::<tls::SetupError>() {
            let (exit, hint) = setup_exit_and_hint(failure);
            return with_report(exit, failure.to_string(), None, hint.map(str::to_owned));
        }
        if let Some(failure) = source.downcast_ref::<starttls::StarttlsError>() {
            let (exit, hint) = starttls_exit_and_hint(&failure.problem);
            return with_report(exit, failure.to_string(), None, hint.map(str::to_owned));
        }
        if let Some(failure) = source.downcast_ref::<record_log::RecordLogError>() {
            let hint = failure.hint().map(str::to_owned);
            return with_report(Exit::File, failure.to_string(), None, hint);
        }
    }
    with_report(Exit::Internal, format!("{error:#}"), None, Some("please report this".to_owned()))
}

fn with_report(
    exit: Exit,
    message: String,
    cause: Option<String>,
    hint: Option<String>,
) -> (Exit, Option<ErrorReport>) {
    (exit, Some(ErrorReport { code: exit.code(), message, cause, hint }))
}

fn network_exit(error: &net::Error) -> Exit {
    match error {
        net::Error::Listen { .. } | net::Error::Bind { .. } => Exit::CannotListen,
        net::Error::Name { .. } => Exit::NameNotResolved,
        net::Error::Connect { timed_out: true, .. } => Exit::TimedOut,
        net::Error::Connect { attempts, .. }
            if attempts.iter().all(|attempt| attempt.error.kind() == ErrorKind::TimedOut) =>
        {
            Exit::TimedOut
        }
        net::Error::Stream { source, .. } if source.kind() == ErrorKind::TimedOut => Exit::TimedOut,
        net::Error::Connect { .. } | net::Error::Stream { .. } => Exit::Network,
        // A descriptor could not be opened, or a thread not started: no bug in sockkit.
        net::Error::System { source, .. } if reason::is_limit(source) => Exit::File,
        net::Error::System { .. } => Exit::Internal,
    }
}

/// Returns which process holds the port that could not be bound.
fn busy_port(error: &net::Error) -> Option<String> {
    match error {
        net::Error::Listen { addr, source } | net::Error::Bind { addr, source }
            if source.kind() == ErrorKind::AddrInUse =>
        {
            host::explain_busy_port(addr.port()?)
        }
        _ => None,
    }
}

fn network_hint(error: &net::Error) -> Option<&'static str> {
    match error {
        net::Error::Listen { addr: net::Addr::Unix(_), source } => match source.kind() {
            ErrorKind::AddrInUse => Some("another path, or stop the server that listens on it"),
            ErrorKind::AlreadyExists => {
                Some("another path: sockkit does not replace existing files")
            }
            _ => None,
        },
        net::Error::Listen { source, .. } => match source.kind() {
            ErrorKind::AddrInUse => Some("port 0 for any free port"),
            ErrorKind::AlreadyExists => {
                Some("another path: sockkit does not replace existing files")
            }
            ErrorKind::PermissionDenied => Some("a port above 1023, which needs no privilege"),
            ErrorKind::AddrNotAvailable => {
                Some("an address of this machine: `sockkit info` lists them")
            }
            _ => None,
        },
        net::Error::Bind { source, .. } => match source.kind() {
            ErrorKind::AddrInUse => Some("--from ADDR without a port, to use any free port"),
            ErrorKind::AddrNotAvailable => {
                Some("an address of this machine: `sockkit info` lists them")
            }
            _ => None,
        },
        net::Error::Name { source: NameError::NotFound, .. } => {
            Some("check the spelling, or run `sockkit resolve` to see the DNS answer")
        }
        net::Error::Name { source: NameError::NoInterface(_), .. } => {
            Some("`sockkit info` to see the interfaces of this machine")
        }
        net::Error::Name { source: NameError::NoneOfFamily, .. } => {
            Some("omit -4 and -6 to use any address")
        }
        net::Error::Name { .. } => {
            Some("`sockkit info` to see which DNS servers this machine uses")
        }
        net::Error::Connect { timed_out: true, .. } => {
            Some("a longer timeout, or check for a firewall that drops packets silently")
        }
        net::Error::Connect { attempts, .. }
            if attempts.iter().any(|attempt| attempt.addr.port().is_none()) =>
        {
            let refused = attempts.iter().any(|attempt| is_refused(&attempt.error));
            refused.then_some("check that the server is running and listening on this path")
        }
        net::Error::Connect { attempts, .. } => {
            let refused = |kind| attempts.iter().any(|attempt| attempt.error.kind() == kind);
            if refused(ErrorKind::ConnectionRefused) {
                Some("check that the server is running and listening on this port")
            } else if refused(ErrorKind::NetworkUnreachable) {
                Some("`sockkit info` to see this machine's addresses and gateways")
            } else {
                None
            }
        }
        net::Error::Stream { .. } | net::Error::System { .. } => None,
    }
}

fn is_refused(error: &io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionRefused
}

/// Returns the hint for an error whose cause is the address itself.
fn address_hint(error: &net::Error) -> Option<String> {
    let addr = match error {
        net::Error::Listen { addr, source } | net::Error::Bind { addr, source } => {
            lacks_zone(addr, source).then_some(addr)?
        }
        net::Error::Connect { attempts, .. } => {
            let mut attempts = attempts.iter();
            &attempts.find(|attempt| lacks_zone(&attempt.addr, &attempt.error))?.addr
        }
        _ => return None,
    };
    let up = host::interfaces().unwrap_or_default().into_iter().filter(Interface::is_up);
    let names: Vec<String> = up.map(|interface| interface.name).collect();
    Some(format!("{}%INTERFACE, with one of {}", addr.ip()?, names.join(", ")))
}

fn handshake_exit_and_hint(problem: &tls::TlsProblem) -> (Exit, Option<String>) {
    use tls::{PlainProtocol, Side, TlsProblem};
    let hint = match problem {
        TlsProblem::NotTls { side: Side::Server, sent } => match PlainProtocol::of(sent) {
            Some(PlainProtocol::SmtpOrFtp) => {
                "--starttls smtp if it is an SMTP server, or omit --tls"
            }
            Some(PlainProtocol::Imap) => "--starttls imap instead of --tls",
            Some(PlainProtocol::Pop3) => "--starttls pop3 instead of --tls",
            _ => "omit --tls",
        },
        TlsProblem::NotTls { side: Side::Client, .. } => {
            "a client that uses TLS (`sockkit connect --tls`)"
        }
        TlsProblem::Echo => "omit --tls",
        TlsProblem::Closed(Side::Server) => "omit --tls if this port does not use TLS",
        TlsProblem::TimedOut { silent } => {
            let hint = "check that the peer starts TLS immediately; for a server that starts in \
                        plaintext, use `sockkit connect --starttls`";
            return (Exit::TimedOut, silent.then(|| hint.to_owned()));
        }
        TlsProblem::Certificate { side: Side::Server, refusal, pin } => {
            return (Exit::Tls, pin.map(|pin| certificate_hint(refusal, pin)));
        }
        TlsProblem::Certificate { side: Side::Client, .. } => {
            "a client certificate that is in --client-ca, or signed by a CA in it"
        }
        TlsProblem::NoCertificate => {
            "a client with a certificate (`sockkit connect --cert FILE --key FILE`)"
        }
        TlsProblem::CertificateDemanded => "--cert FILE --key FILE",
        TlsProblem::LocalCertificateRejected { side: Side::Server, .. } => "another --cert",
        TlsProblem::LocalCertificateRejected { side: Side::Client, .. } => {
            "a client that trusts this certificate (--ca, or --pin with its fingerprint)"
        }
        TlsProblem::NoProtocol => "another --alpn, or omit it",
        TlsProblem::NoCipher => {
            "a peer with ECDHE, AES-GCM or ChaCha20, and a key of RSA with at least 2048 bits, \
             ECDSA on P-256 or P-384, or Ed25519"
        }
        TlsProblem::UnknownName => "--servername NAME",
        // TLS 1.2 has no alert for a missing client certificate: the server sends a general one.
        TlsProblem::Alert { side: Side::Server, .. } => {
            "--cert FILE --key FILE, if the server requires a client certificate"
        }
        TlsProblem::Stream(error) => {
            return (stream_exit(error), None);
        }
        TlsProblem::Closed(Side::Client)
        | TlsProblem::NoVersion
        | TlsProblem::Alert { side: Side::Client, .. }
        | TlsProblem::Broken { .. } => return (Exit::Tls, None),
    };
    (Exit::Tls, Some(hint.to_owned()))
}

/// Returns the hint for a server's certificate, with the fingerprint `pin`, that was rejected.
pub fn certificate_hint(refusal: &tls::CertificateRefusal, pin: tls::Pin) -> String {
    use tls::CertificateRefusal;
    match refusal {
        CertificateRefusal::WrongPin => {
            format!("--pin {pin} if you know that the certificate was renewed")
        }
        CertificateRefusal::WrongName { presented, .. } => {
            let name = presented.iter().find(|name| !name.contains(['*', '\\', ' ']));
            let name = name.map(|name| format!("--servername {name}, "));
            format!("{}--pin {pin}, or --insecure", name.unwrap_or_default())
        }
        CertificateRefusal::Expired(_) | CertificateRefusal::NotYetValid(_) => {
            format!("`date` to check the clock on both machines, --pin {pin}, or --insecure")
        }
        CertificateRefusal::CaAsEndEntity => {
            format!("--ca FILE or --pin {pin} to trust this certificate, or --insecure")
        }
        CertificateRefusal::UnusableKey(_)
        | CertificateRefusal::UnusableCaKey(_)
        | CertificateRefusal::UnsupportedSignature => {
            "a server whose certificate and CAs have keys \
             of RSA with at least 2048 bits, ECDSA on P-256 or P-384, or Ed25519, and signatures \
             with SHA-256 or better"
                .to_owned()
        }
        // No option can make this certificate trustworthy.
        CertificateRefusal::KeyNotProven => {
            "another server: this one may be an impostor".to_owned()
        }
        _ => format!(
            "--ca FILE to trust its issuer, --pin {pin} to trust this certificate, or --insecure"
        ),
    }
}

fn setup_exit_and_hint(error: &tls::SetupError) -> (Exit, Option<&'static str>) {
    use tls::SetupError;
    match error {
        SetupError::KeyLog { .. } => (Exit::File, Some("another SSLKEYLOGFILE, or unset it")),
        SetupError::Missing { .. } => (
            Exit::File,
            Some("a PEM file, with BEGIN and END lines; `openssl` converts other formats"),
        ),
        SetupError::Encrypted { .. } => {
            (Exit::File, Some("`openssl pkey -in FILE -out PLAIN` to remove the passphrase"))
        }
        SetupError::Read { .. } | SetupError::Damaged { .. } => (Exit::File, None),
        SetupError::Mismatch { .. } => (Exit::Tls, Some("the --key that belongs to this --cert")),
        SetupError::Library(_) | SetupError::Generate(_) => (Exit::Tls, None),
    }
}

fn starttls_exit_and_hint(problem: &starttls::StarttlsProblem) -> (Exit, Option<&'static str>) {
    use starttls::StarttlsProblem;
    match problem {
        StarttlsProblem::NotOffered => {
            (Exit::Tls, Some("--tls without --starttls, on the implicit TLS port (465, 993, 995)"))
        }
        StarttlsProblem::Refused(_) => (Exit::Tls, None),
        StarttlsProblem::Unexpected { .. } => (Exit::Protocol, Some("another --starttls protocol")),
        StarttlsProblem::Unsolicited | StarttlsProblem::TooLong | StarttlsProblem::Closed => {
            (Exit::Protocol, None)
        }
        StarttlsProblem::TimedOut => {
            (Exit::TimedOut, Some("--tls without --starttls, if this port uses implicit TLS"))
        }
        StarttlsProblem::Stream(error) => (stream_exit(error), None),
    }
}

fn stream_exit(error: &io::Error) -> Exit {
    if error.kind() == ErrorKind::TimedOut { Exit::TimedOut } else { Exit::Network }
}
