//! The plain words before a handshake, where one port serves both: SMTP (RFC 3207), IMAP (RFC 9051
//! section 6.2.1) and POP3 (RFC 2595 section 4).
//!
//! Knows no TLS: it ends where the server is ready for a handshake and not one byte further. What
//! a server sends behind its go-ahead was put there by somebody in between, to be taken for part of
//! the private conversation (CVE-2011-0411 and its like): it is refused.

mod dialogue;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use self::dialogue::Dialogue;
use super::Deadline;
use crate::{reason, text};

/// How a protocol asks for TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `STARTTLS` after `EHLO`.
    Smtp,
    /// `STARTTLS`, with a tag.
    Imap,
    /// `STLS`.
    Pop3,
}

/// A server did not get as far as a handshake.
#[derive(Debug, thiserror::Error)]
#[error("STARTTLS with {peer} ({protocol}) failed: {problem}")]
pub struct Error {
    /// The server.
    pub peer: String,
    /// What it should speak.
    pub protocol: Protocol,
    /// What was wrong.
    pub problem: Problem,
}

/// What was wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The server does not list it among what it can do.
    #[error("the server does not offer it")]
    NotOffered,
    /// The server says no.
    #[error("the server refuses: it said {}", quote(.0))]
    Refused(Vec<u8>),
    /// The server says something else than its protocol has for this place.
    #[error("the server said {} where {due} was due", quote(said))]
    Unexpected {
        /// One line.
        said: Vec<u8>,
        /// What was due.
        due: &'static str,
    },
    /// The server says more than was asked.
    #[error("the server sent bytes that nobody asked for, before the handshake")]
    Unasked,
    /// A line or an answer beyond any limit.
    #[error("the server's answer is too long")]
    TooLong,
    /// The server ended the connection.
    #[error("the server closed the connection")]
    Closed,
    /// The deadline passed.
    #[error("timed out waiting for the server's answer")]
    TimedOut,
    /// The stream failed.
    #[error("{}", reason::of(.0))]
    Stream(io::Error),
}

/// Asks the server behind `stream`, which errors call `peer`, to change over to TLS.
///
/// # Errors
/// It does not, or it does so in a way that must not be trusted.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    protocol: Protocol,
    peer: &str,
    deadline: Deadline,
) -> Result<(), Error> {
    let dialogue = Dialogue::new(stream);
    let asked = deadline.bound(async {
        match protocol {
            Protocol::Smtp => smtp(dialogue).await,
            Protocol::Imap => imap(dialogue).await,
            Protocol::Pop3 => pop3(dialogue).await,
        }
    });
    let outcome = asked.await.unwrap_or(Err(Problem::TimedOut));
    outcome.map_err(|problem| Error { peer: peer.to_owned(), protocol, problem })
}

async fn smtp<S: AsyncRead + AsyncWrite + Unpin>(
    mut dialogue: Dialogue<'_, S>,
) -> Result<(), Problem> {
    let greeting = dialogue.reply("a greeting (220)").await?;
    greeting.must_be("220")?;
    // A name of ours would tell a stranger more than it needs.
    dialogue.command("EHLO localhost").await?;
    let capabilities = dialogue.reply("an answer to EHLO (250)").await?;
    let offered = capabilities.is("250") && capabilities.has(b"STARTTLS");
    if !offered {
        return Err(Problem::NotOffered);
    }
    dialogue.command("STARTTLS").await?;
    dialogue.reply("an answer to STARTTLS (220)").await?.must_be("220")?;
    dialogue.finish()
}

async fn imap<S: AsyncRead + AsyncWrite + Unpin>(
    mut dialogue: Dialogue<'_, S>,
) -> Result<(), Problem> {
    let greeting = dialogue.line().await?;
    if !starts_with(&greeting, b"* OK") {
        // A server that has authenticated us already, or that is going away, says so.
        let known = starts_with(&greeting, b"* PREAUTH") || starts_with(&greeting, b"* BYE");
        return Err(refused_unless(!known, greeting, "a greeting (* OK)"));
    }
    dialogue.command("a1 CAPABILITY").await?;
    let (capabilities, done) = dialogue.tagged(b"a1 ").await?;
    let listed =
        |line: &Vec<u8>| starts_with(line, b"* CAPABILITY ") && has_word(line, b"STARTTLS");
    if !starts_with(&done, b"a1 OK") || !capabilities.iter().any(listed) {
        return Err(Problem::NotOffered);
    }
    dialogue.command("a2 STARTTLS").await?;
    let (_, done) = dialogue.tagged(b"a2 ").await?;
    if !starts_with(&done, b"a2 OK") {
        return Err(Problem::Refused(done));
    }
    dialogue.finish()
}

async fn pop3<S: AsyncRead + AsyncWrite + Unpin>(
    mut dialogue: Dialogue<'_, S>,
) -> Result<(), Problem> {
    let greeting = dialogue.line().await?;
    if !starts_with(&greeting, b"+OK") {
        return Err(refused_unless(!starts_with(&greeting, b"-ERR"), greeting, "a greeting (+OK)"));
    }
    dialogue.command("CAPA").await?;
    let answer = dialogue.line().await?;
    if starts_with(&answer, b"+OK") {
        let capabilities = dialogue.until_dot().await?;
        if !capabilities.iter().any(|line| line.eq_ignore_ascii_case(b"STLS")) {
            return Err(Problem::NotOffered);
        }
    } else if !starts_with(&answer, b"-ERR") {
        // A server may know STLS without CAPA, which is younger: that one is just asked.
        return Err(Problem::Unexpected { said: answer, due: "an answer to CAPA (+OK)" });
    }
    dialogue.command("STLS").await?;
    let answer = dialogue.line().await?;
    if !starts_with(&answer, b"+OK") {
        let due = "an answer to STLS (+OK)";
        return Err(refused_unless(!starts_with(&answer, b"-ERR"), answer, due));
    }
    dialogue.finish()
}

fn refused_unless(strange: bool, said: Vec<u8>, due: &'static str) -> Problem {
    if strange { Problem::Unexpected { said, due } } else { Problem::Refused(said) }
}

/// Keywords are read in any case, as all three protocols demand.
fn starts_with(line: &[u8], start: &[u8]) -> bool {
    line.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn has_word(line: &[u8], word: &[u8]) -> bool {
    line.split(|byte| *byte == b' ').any(|part| part.eq_ignore_ascii_case(word))
}

/// The longest quotation in a message, in bytes.
const MAX_QUOTED: usize = 80;

fn quote(line: &[u8]) -> String {
    text::quote(line.get(..MAX_QUOTED).unwrap_or(line))
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smtp => "SMTP",
            Self::Imap => "IMAP",
            Self::Pop3 => "POP3",
        })
    }
}
