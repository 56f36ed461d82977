//! The dialogue of each protocol, up to the point where the handshake begins.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::net::Deadline;
use crate::net::tls::starttls::dialogue::{Dialogue, has_word};
use crate::net::tls::starttls::error::{StarttlsError, StarttlsProblem, StarttlsProtocol};

/// Asks the server behind `stream`, which errors call `peer`, to change over to TLS.
///
/// # Errors
/// It does not, or it does so in a way that must not be trusted.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    protocol: StarttlsProtocol,
    peer: &str,
    deadline: Deadline,
) -> Result<(), StarttlsError> {
    let dialogue = Dialogue::new(stream);
    let asked = deadline.bound(async {
        match protocol {
            StarttlsProtocol::Smtp => smtp(dialogue).await,
            StarttlsProtocol::Imap => imap(dialogue).await,
            StarttlsProtocol::Pop3 => pop3(dialogue).await,
        }
    });
    let outcome = asked.await.unwrap_or(Err(StarttlsProblem::TimedOut));
    outcome.map_err(|problem| StarttlsError { peer: peer.to_owned(), protocol, problem })
}

async fn smtp<S: AsyncRead + AsyncWrite + Unpin>(
    mut dialogue: Dialogue<'_, S>,
) -> Result<(), StarttlsProblem> {
    let greeting = dialogue.reply("a greeting (220)").await?;
    greeting.must_be("220")?;
    // A name of ours would tell a stranger more than it needs.
    dialogue.command("EHLO localhost").await?;
    let capabilities = dialogue.reply("an answer to EHLO (250)").await?;
    let offered = capabilities.is("250") && capabilities.has(b"STARTTLS");
    if !offered {
        return Err(StarttlsProblem::NotOffered);
    }
    dialogue.command("STARTTLS").await?;
    dialogue.reply("an answer to STARTTLS (220)").await?.must_be("220")?;
    dialogue.finish()
}

async fn imap<S: AsyncRead + AsyncWrite + Unpin>(
    mut dialogue: Dialogue<'_, S>,
) -> Result<(), StarttlsProblem> {
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
        return Err(StarttlsProblem::NotOffered);
    }
    dialogue.command("a2 STARTTLS").await?;
    let (_, done) = dialogue.tagged(b"a2 ").await?;
    if !starts_with(&done, b"a2 OK") {
        return Err(StarttlsProblem::Refused(done));
    }
    dialogue.finish()
}

async fn pop3<S: AsyncRead + AsyncWrite + Unpin>(
    mut dialogue: Dialogue<'_, S>,
) -> Result<(), StarttlsProblem> {
    let greeting = dialogue.line().await?;
    if !starts_with(&greeting, b"+OK") {
        return Err(refused_unless(!starts_with(&greeting, b"-ERR"), greeting, "a greeting (+OK)"));
    }
    dialogue.command("CAPA").await?;
    let answer = dialogue.line().await?;
    if starts_with(&answer, b"+OK") {
        let capabilities = dialogue.until_dot().await?;
        if !capabilities.iter().any(|line| line.eq_ignore_ascii_case(b"STLS")) {
            return Err(StarttlsProblem::NotOffered);
        }
    } else if !starts_with(&answer, b"-ERR") {
        // A server may know STLS without CAPA, which is younger: that one is just asked.
        return Err(StarttlsProblem::Unexpected { said: answer, due: "an answer to CAPA (+OK)" });
    }
    dialogue.command("STLS").await?;
    let answer = dialogue.line().await?;
    if !starts_with(&answer, b"+OK") {
        let due = "an answer to STLS (+OK)";
        return Err(refused_unless(!starts_with(&answer, b"-ERR"), answer, due));
    }
    dialogue.finish()
}

fn refused_unless(strange: bool, said: Vec<u8>, due: &'static str) -> StarttlsProblem {
    if strange { StarttlsProblem::Unexpected { said, due } } else { StarttlsProblem::Refused(said) }
}

/// Keywords are read in any case, as all three protocols demand.
fn starts_with(line: &[u8], start: &[u8]) -> bool {
    line.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}
