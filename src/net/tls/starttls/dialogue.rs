//! Lines to a server and answers from it, each within limits.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::net::tls::starttls::error::StarttlsProblem;

/// The longest line that is read, in bytes: IMAP's recommendation (RFC 7162 section 4), and far
/// beyond the 512 of SMTP and POP3.
const MAX_REPLY_LINE: usize = 8192;

/// The most lines of one answer; servers list their abilities in a dozen or two.
const MAX_REPLY_LINES: usize = 128;

/// A conversation in lines.
#[derive(Debug)]
pub(super) struct Dialogue<'a, S> {
    stream: &'a mut S,
    /// What was read beyond the last line: less than a line and a chunk.
    held: Vec<u8>,
}

/// An answer of SMTP: one code, and a text on each line.
#[derive(Debug)]
pub(super) struct SmtpReply {
    /// The lines, code and all; at least one.
    lines: Vec<Vec<u8>>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Dialogue<'a, S> {
    pub(super) fn new(stream: &'a mut S) -> Self {
        Self { stream, held: Vec::new() }
    }

    /// Sends a line. Nothing may have come that was not asked for: it could pass for the answer.
    pub(super) async fn command(&mut self, line: &str) -> Result<(), StarttlsProblem> {
        if !self.held.is_empty() {
            return Err(StarttlsProblem::Unasked);
        }
        let line = format!("{line}\r\n");
        self.stream.write_all(line.as_bytes()).await.map_err(StarttlsProblem::Stream)?;
        self.stream.flush().await.map_err(StarttlsProblem::Stream)
    }

    /// Ends the conversation, which must have said all it was asked and nothing else.
    pub(super) fn finish(self) -> Result<(), StarttlsProblem> {
        if self.held.is_empty() { Ok(()) } else { Err(StarttlsProblem::Unasked) }
    }

    /// Reads a line, and returns it without its end.
    pub(super) async fn line(&mut self) -> Result<Vec<u8>, StarttlsProblem> {
        loop {
            let end = self.held.iter().position(|byte| *byte == b'\n');
            if end.unwrap_or(self.held.len()) > MAX_REPLY_LINE {
                return Err(StarttlsProblem::TooLong);
            }
            if let Some(end) = end {
                let mut line: Vec<u8> = self.held.drain(..=end).collect();
                line.pop();
                line.pop_if(|byte| *byte == b'\r');
                return Ok(line);
            }
            let mut chunk = [0; 1024];
            match self.stream.read(&mut chunk).await.map_err(StarttlsProblem::Stream)? {
                0 => return Err(StarttlsProblem::Closed),
                len => self.held.extend_from_slice(chunk.get(..len).unwrap_or_default()),
            }
        }
    }

    /// Reads an answer of SMTP (RFC 5321 section 4.2.1): `250-` on every line but the last.
    pub(super) async fn reply(&mut self, due: &'static str) -> Result<SmtpReply, StarttlsProblem> {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        while lines.len() < MAX_REPLY_LINES {
            let line = self.line().await?;
            let same = lines.first().is_none_or(|first| line.get(..3) == first.get(..3));
            let more = match line.as_slice() {
                [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', rest @ ..] if same => match rest.first() {
                    None | Some(b' ') => false,
                    Some(b'-') => true,
                    Some(_) => return Err(StarttlsProblem::Unexpected { said: line, due }),
                },
                _ => return Err(StarttlsProblem::Unexpected { said: line, due }),
            };
            lines.push(line);
            if !more {
                return Ok(SmtpReply { lines });
            }
        }
        Err(StarttlsProblem::TooLong)
    }

    /// Reads an answer of IMAP: the untagged lines, and the one with the tag.
    pub(super) async fn tagged(
        &mut self,
        tag: &[u8],
    ) -> Result<(Vec<Vec<u8>>, Vec<u8>), StarttlsProblem> {
        let mut untagged = Vec::new();
        while untagged.len() < MAX_REPLY_LINES {
            let line = self.line().await?;
            if line.starts_with(tag) {
                return Ok((untagged, line));
            }
            if !line.starts_with(b"* ") {
                return Err(StarttlsProblem::Unexpected {
                    said: line,
                    due: "an answer with our tag",
                });
            }
            untagged.push(line);
        }
        Err(StarttlsProblem::TooLong)
    }

    /// Reads a list of POP3, up to the line with a lone dot.
    pub(super) async fn until_dot(&mut self) -> Result<Vec<Vec<u8>>, StarttlsProblem> {
        let mut lines = Vec::new();
        while lines.len() < MAX_REPLY_LINES {
            let line = self.line().await?;
            if line == b"." {
                return Ok(lines);
            }
            lines.push(line);
        }
        Err(StarttlsProblem::TooLong)
    }
}

impl SmtpReply {
    /// Returns whether the code is this one.
    pub(super) fn is(&self, code: &str) -> bool {
        self.lines.iter().all(|line| line.starts_with(code.as_bytes()))
    }

    /// Refuses any other code.
    pub(super) fn must_be(mut self, code: &str) -> Result<(), StarttlsProblem> {
        if self.is(code) {
            Ok(())
        } else {
            Err(StarttlsProblem::Refused(self.lines.swap_remove(0)))
        }
    }

    /// Returns whether a line after the first lists this ability.
    pub(super) fn has(&self, keyword: &[u8]) -> bool {
        let listed = self.lines.iter().skip(1).filter_map(|line| line.get(4..));
        listed.into_iter().any(|text| has_word(text, keyword))
    }
}

pub(super) fn has_word(line: &[u8], word: &[u8]) -> bool {
    line.split(|byte| *byte == b' ').any(|part| part.eq_ignore_ascii_case(word))
}
