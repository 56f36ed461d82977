//! What an error means to a user: the exit code, the cause, and what to try.
//!
//! The one place that turns the layers' errors into the shape every command prints.

use std::io::{self, ErrorKind};

use crate::exit::Exit;
use crate::files::record_log;
use crate::net;
use crate::net::address::names::NameError;
use crate::net::tls::{self, starttls};
use crate::output::ErrorReport;
use crate::reason;

/// An error a command finds itself, with everything a user should know of it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    exit: Exit,
    message: String,
    cause: Option<String>,
    hint: Option<String>,
}

impl Failure {
    /// Returns a failure that ends the program with `exit`.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), cause: None, hint: None }
    }

    /// Adds what is known beyond the message.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds what to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Returns the exit code `error` stands for, and what to print of it: nothing, where standard
/// output's reader has simply left.
pub fn explain(error: &anyhow::Error) -> (Exit, Option<ErrorReport>) {
    if let Some(output) = error.downcast_ref::<io::Error>() {
        // A bare io::Error comes from standard output alone; all others have a type of their own.
        if output.kind() == ErrorKind::BrokenPipe {
            return (Exit::Success, None);
        }
        let message = format!("cannot write standard output: {}", reason::of(output));
        return finish(Exit::File, message, None, None);
    }
    for source in error.chain() {
        if let Some(failure) = source.downcast_ref::<Failure>() {
            let Failure { exit, message, cause, hint } = failure;
            if let Exit::Signal(_) = exit {
                // Whoever interrupts knows it.
                return (*exit, None);
            }
            return finish(*exit, message.clone(), cause.clone(), hint.clone());
        }
        if let Some(failure) = source.downcast_ref::<net::Error>() {
            let hint = network_hint(failure).map(str::to_owned);
            return finish(network_exit(failure), failure.to_string(), None, hint);
        }
        if let Some(failure) = source.downcast_ref::<tls::TlsError>() {
            let (exit, hint) = handshake(&failure.problem);
            return finish(exit, failure.to_string(), None, hint);
        }
        if let Some(failure) = source.downcast_ref::<tls::SetupError>() {
            let (exit, hint) = tls_setup(failure);
            return finish(exit, failure.to_string(), None, hint.map(str::to_owned));
        }
        if let Some(failure) = source.downcast_ref::<starttls::StarttlsError>() {
            let (exit, hint) = starttls(&failure.problem);
            return finish(exit, failure.to_string(), None, hint.map(str::to_owned));
        }
        if let Some(failure) = source.downcast_ref::<record_log::RecordLogError>() {
            let hint = failure.hint().map(str::to_owned);
            return finish(Exit::File, failure.to_string(), None, hint);
        }
    }
    finish(Exit::Internal, format!("{error:#}"), None, Some("please report this".to_owned()))
}

fn finish(
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
        net::Error::System { .. } => Exit::Internal,
    }
}

fn network_hint(error: &net::Error) -> Option<&'static str> {
    match error {
        net::Error::Listen { addr: net::Addr::Unix(_), source } => match source.kind() {
            ErrorKind::AddrInUse => Some("another path, or stop who listens there"),
            ErrorKind::AlreadyExists => Some("another path: files are never replaced"),
            _ => None,
        },
        net::Error::Listen { source, .. } => match source.kind() {
            ErrorKind::AddrInUse => Some("port 0 for any free port"),
            ErrorKind::AlreadyExists => Some("another path: files are never replaced"),
            ErrorKind::PermissionDenied => Some("a port above 1023, which needs no privilege"),
            ErrorKind::AddrNotAvailable => {
                Some("an address of this machine: `sockkit info` lists them")
            }
            _ => None,
        },
        net::Error::Bind { source, .. } => match source.kind() {
            ErrorKind::AddrInUse => Some("--from with the address alone, for any free port"),
            ErrorKind::AddrNotAvailable => {
                Some("an address of this machine: `sockkit info` lists them")
            }
            _ => None,
        },
        net::Error::Name { source: NameError::NotFound, .. } => {
            Some("the spelling, or `sockkit resolve` to see what the DNS says")
        }
        net::Error::Name { source: NameError::NoneOfFamily, .. } => {
            Some("without -4 and -6, to take any address")
        }
        net::Error::Name { .. } => Some("`sockkit info` to see which DNS servers are asked"),
        net::Error::Connect { timed_out: true, .. } => {
            Some("a longer limit; or look for a firewall that drops packets in silence")
        }
        net::Error::Connect { attempts, .. } => {
            let refused = |kind| attempts.iter().any(|attempt| attempt.error.kind() == kind);
            if refused(ErrorKind::ConnectionRefused) {
                Some("another port, or start the server: nothing listens there")
            } else if refused(ErrorKind::NetworkUnreachable) {
                Some("`sockkit info` to see this machine's addresses and gateways")
            } else {
                None
            }
        }
        net::Error::Stream { .. } | net::Error::System { .. } => None,
    }
}

fn handshake(problem: &tls::TlsProblem) -> (Exit, Option<String>) {
    use tls::{PlainProtocol, Side, TlsProblem};
    let hint = match problem {
        TlsProblem::NotTls { side: Side::Server, said } => match PlainProtocol::of(said) {
            Some(PlainProtocol::SmtpOrFtp) => "--starttls smtp, if it is SMTP; or without --tls",
            Some(PlainProtocol::Imap) => "--starttls imap instead of --tls",
            Some(PlainProtocol::Pop3) => "--starttls pop3 instead of --tls",
            _ => "without --tls, or another port",
        },
        TlsProblem::NotTls { side: Side::Client, .. } => "a client that speaks TLS, as with --tls",
        TlsProblem::Echo => "without --tls",
        TlsProblem::Closed(Side::Server) => "without --tls, if that port does not speak TLS",
        TlsProblem::TimedOut { silent } => {
            let hint = "a peer that speaks TLS at once: some servers wait for plain words first, \
                        which is --starttls of connect";
            return (Exit::TimedOut, silent.then(|| hint.to_owned()));
        }
        TlsProblem::Certificate { side: Side::Server, refusal, pin } => {
            return (Exit::Tls, pin.map(|pin| refused(refusal, pin)));
        }
        TlsProblem::Certificate { side: Side::Client, .. } => {
            "a certificate that a CA of --client-ca has signed"
        }
        TlsProblem::NoCertificate => "a client with a certificate, as with --cert and --key",
        TlsProblem::CertificateDemanded => "--cert FILE --key FILE",
        TlsProblem::OurCertificate { side: Side::Server, .. } => "another --cert",
        TlsProblem::OurCertificate { side: Side::Client, .. } => {
            "a client that trusts it: by --ca, or by --pin with its fingerprint"
        }
        TlsProblem::NoProtocol => "another --alpn, or none",
        TlsProblem::UnknownName => "--servername NAME",
        // How servers of TLS 1.2 miss a certificate, among other things.
        TlsProblem::Alert { side: Side::Server, .. } => {
            "--cert FILE --key FILE, if the server demands a certificate"
        }
        TlsProblem::Stream(error) => {
            return (stream_exit(error), None);
        }
        TlsProblem::Closed(Side::Client)
        | TlsProblem::NoVersion
        | TlsProblem::NoCipher
        | TlsProblem::Alert { side: Side::Client, .. }
        | TlsProblem::Broken { .. } => return (Exit::Tls, None),
    };
    (Exit::Tls, Some(hint.to_owned()))
}

/// What to try where a server's certificate, which has `pin`, was refused.
fn refused(refusal: &tls::CertificateRefusal, pin: tls::Pin) -> String {
    use tls::CertificateRefusal;
    match refusal {
        CertificateRefusal::WrongPin => format!("--pin {pin}, if you know that it was renewed"),
        CertificateRefusal::WrongName { .. } => {
            format!("--servername with a name it is for; or --pin {pin}, or --insecure")
        }
        CertificateRefusal::Expired(_) | CertificateRefusal::NotYetValid(_) => {
            format!("`date` here and there; or --pin {pin}, or --insecure")
        }
        // As an end entity's it is refused with --ca, too.
        CertificateRefusal::CaAsEndEntity => {
            format!("--pin {pin} if it is the right one, or --insecure")
        }
        // No flag makes that good.
        CertificateRefusal::NotItsOwner => "another peer: this one may be an impostor".to_owned(),
        _ => format!("--pin {pin} if it is the right one, --ca FILE, or --insecure"),
    }
}

fn tls_setup(error: &tls::SetupError) -> (Exit, Option<&'static str>) {
    use tls::SetupError;
    match error {
        SetupError::KeyLog { .. } => (Exit::File, Some("another SSLKEYLOGFILE, or none")),
        SetupError::Missing { .. } => {
            (Exit::File, Some("a PEM file, with BEGIN and END lines; openssl converts others"))
        }
        SetupError::Encrypted { .. } => {
            (Exit::File, Some("`openssl pkey -in FILE -out PLAIN`, which removes the passphrase"))
        }
        SetupError::Read { .. } | SetupError::Damaged { .. } => (Exit::File, None),
        SetupError::Mismatch { .. } => (Exit::Tls, Some("the --key that the --cert was made for")),
        SetupError::Library(_) | SetupError::Generate(_) => (Exit::Tls, None),
    }
}

fn starttls(problem: &starttls::StarttlsProblem) -> (Exit, Option<&'static str>) {
    use starttls::StarttlsProblem;
    match problem {
        StarttlsProblem::NotOffered => {
            (Exit::Tls, Some("--tls alone, on the port that speaks TLS at once (465, 993, 995)"))
        }
        StarttlsProblem::Refused(_) => (Exit::Tls, None),
        StarttlsProblem::Unexpected { .. } => {
            (Exit::Protocol, Some("another protocol for --starttls"))
        }
        StarttlsProblem::Unasked | StarttlsProblem::TooLong | StarttlsProblem::Closed => {
            (Exit::Protocol, None)
        }
        StarttlsProblem::TimedOut => {
            (Exit::TimedOut, Some("--tls without --starttls, if that port speaks TLS at once"))
        }
        StarttlsProblem::Stream(error) => (stream_exit(error), None),
    }
}

fn stream_exit(error: &io::Error) -> Exit {
    if error.kind() == ErrorKind::TimedOut { Exit::TimedOut } else { Exit::Network }
}
