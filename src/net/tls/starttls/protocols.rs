//! The STARTTLS dialogue of each protocol, up to the start of the handshake.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::net::Deadline;
use crate::net::tls::starttls::dialogue::{Dialogue, has_word};
use crate::net::tls::starttls::error::{StarttlsError, StarttlsProblem, StarttlsProtocol};

/// Asks the server on `stream` to switch to TLS; `peer` is the server's name in errors.
///
/// # Errors
/// The server does not offer TLS, refuses, breaks its protocol or sends unsolicited data, the
/// stream fails, or `deadline` passes.
pub async fn negotiate<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    protocol: StarttlsProtocol,
    peer: &str,
    deadline: Deadline,
) -> Result<(), StarttlsError> {
    let dialogue = Dialogue::new(stream);
    let negotiated = deadline.bound(async {
        match protocol {
            StarttlsProtocol::Smtp => smtp(dialogue).await,
            StarttlsProtocol::Imap => imap(dialogue).await,
            StarttlsProtocol::Pop3 => pop3(dialogue).await,
        }
    });
    let outcome = negotiated.await.unwrap_or(Err(StarttlsProblem::TimedOut));
    outcome.map_err(|problem| StarttlsError { peer: peer.to_owned(), protocol, problem })
}

async fn smtp<S: AsyncRead + AsyncWrite + Unpin>(
    mut dialogue: Dialogue<'_, S>,
) -> Result<(), StarttlsProblem> {
    let greeting = dialogue.read_smtp_reply("a greeting (220)").await?;
    greeting.require_code("220")?;
    // The machine's own name would disclose more to an unverified server than it needs.
    dialogue.send("EHLO localhost").await?;
    let capabilities = dialogue.read_smtp_reply("a reply to EHLO (250)").await?;
    let offered = capabilities.has_code("250") && capabilities.has_capability(b"STARTTLS");
    if !offered {
        return Err(StarttlsProblem::NotOffered);
    }
    dialogue.send("STARTTLS").await?;
    dialogue.read_smtp_reply("a reply to STARTTLS (220)").await?.require_code("220")?;
    dialogue.finish()
}

async fn imap<S: AsyncRead + AsyncWrite + Unpin>(
    mut dialogue: Dialogue<'_, S>,
) -> Result<(), StarttlsProblem> {
    let greeting = dialogue.read_line().await?;
    if !starts_with(&greeting, b"* OK") {
        // PREAUTH means that the client is already authenticated, BYE that the server closes the
        // connection. Neither permits STARTTLS.
        let valid = starts_with(&greeting, b"* PREAUTH") || starts_with(&greeting, b"* BYE");
        return Err(refused_or_unexpected(valid, greeting, "a greeting (* OK)"));
    }
    dialogue.send("a1 CAPABILITY").await?;
    let (capabilities, done) = dialogue.read_tagged(b"a1 ").await?;
    let listed =
        |line: &Vec<u8>| starts_with(line, b"* CAPABILITY ") && has_word(line, b"STARTTLS");
    if !starts_with(&done, b"a1 OK") || !capabilities.iter().any(listed) {
        return Err(StarttlsProblem::NotOffered);
    }
    dialogue.send("a2 STARTTLS").await?;
    let (_, done) = dialogue.read_tagged(b"a2 ").await?;
    if !starts_with(&done, b"a2 OK") {
        return Err(StarttlsProblem::Refused(done));
    }
    dialogue.finish()
}

async fn pop3<S: AsyncRead + AsyncWrite + Unpin>(
    mut dialogue: Dialogue<'_, S>,
) -> Result<(), StarttlsProblem> {
    let greeting = dialogue.read_line().await?;
    if !starts_with(&greeting, b"+OK") {
        let valid = starts_with(&greeting, b"-ERR");
        return Err(refused_or_unexpected(valid, greeting, "a greeting (+OK)"));
    }
    dialogue.send("CAPA").await?;
    let reply = dialogue.read_line().await?;
    if starts_with(&reply, b"+OK") {
        let capabilities = dialogue.read_list().await?;
        if !capabilities.iter().any(|line| line.eq_ignore_ascii_case(b"STLS")) {
            return Err(StarttlsProblem::NotOffered);
        }
    } else if !starts_with(&reply, b"-ERR") {
        // After -ERR, STLS is tried nevertheless: a server may support STLS but not CAPA.
        let expected = "a reply to CAPA (+OK)";
        return Err(StarttlsProblem::Unexpected { line: reply, expected });
    }
    dialogue.send("STLS").await?;
    let reply = dialogue.read_line().await?;
    if !starts_with(&reply, b"+OK") {
        let valid = starts_with(&reply, b"-ERR");
        return Err(refused_or_unexpected(valid, reply, "a reply to STLS (+OK)"));
    }
    dialogue.finish()
}

/// Returns the problem with a negative reply: `valid` is whether the protocol allows it here.
fn refused_or_unexpected(valid: bool, line: Vec<u8>, expected: &'static str) -> StarttlsProblem {
    if valid {
        StarttlsProblem::Refused(line)
    } else {
        StarttlsProblem::Unexpected { line, expected }
    }
}

/// Returns whether `line` starts with `start`, ignoring case: the keywords of all three protocols
/// are case-insensitive.
fn starts_with(line: &[u8], start: &[u8]) -> bool {
    line.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}
