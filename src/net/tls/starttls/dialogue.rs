//! Commands to a server and its replies, with limits on their size.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::net::tls::starttls::error::StarttlsProblem;

/// The longest line that is read, in bytes: IMAP's recommendation (RFC 7162 section 4), far more
/// than the 512 bytes of SMTP and POP3.
const MAX_REPLY_LINE: usize = 8192;

/// Maximum number of lines in one reply; a list of capabilities usually has fewer than 25.
const MAX_REPLY_LINES: usize = 128;

/// A line-based plain-text exchange with a server.
#[derive(Debug)]
pub(super) struct Dialogue<'a, S> {
    stream: &'a mut S,
    /// Bytes that were read after the last line: at most one line and one read.
    buffered: Vec<u8>,
}

/// An SMTP reply: one or more lines with the same code.
#[derive(Debug)]
pub(super) struct SmtpReply {
    /// The complete lines, with the code; at least one.
    lines: Vec<Vec<u8>>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Dialogue<'a, S> {
    pub(super) fn new(stream: &'a mut S) -> Self {
        Self { stream, buffered: Vec::new() }
    }

    /// Sends `line` as a command.
    ///
    /// # Errors
    /// The stream fails, or the server has already sent data that could pass as the reply.
    pub(super) async fn send(&mut self, line: &str) -> Result<(), StarttlsProblem> {
        if !self.buffered.is_empty() {
            return Err(StarttlsProblem::Unsolicited);
        }
        let line = format!("{line}\r\n");
        self.stream.write_all(line.as_bytes()).await.map_err(StarttlsProblem::Stream)?;
        self.stream.flush().await.map_err(StarttlsProblem::Stream)
    }

    /// Ends the exchange.
    ///
    /// # Errors
    /// The server has sent data after its last reply.
    pub(super) fn finish(self) -> Result<(), StarttlsProblem> {
        if self.buffered.is_empty() { Ok(()) } else { Err(StarttlsProblem::Unsolicited) }
    }

    /// Reads a line and returns it without its line ending.
    pub(super) async fn read_line(&mut self) -> Result<Vec<u8>, StarttlsProblem> {
        loop {
            let end = self.buffered.iter().position(|byte| *byte == b'\n');
            if end.unwrap_or(self.buffered.len()) > MAX_REPLY_LINE {
                return Err(StarttlsProblem::TooLong);
            }
            if let Some(end) = end {
                let mut line: Vec<u8> = self.buffered.drain(..=end).collect();
                line.pop();
                line.pop_if(|byte| *byte == b'\r');
                return Ok(line);
            }
            let mut chunk = [0; 1024];
            match self.stream.read(&mut chunk).await.map_err(StarttlsProblem::Stream)? {
                0 => return Err(StarttlsProblem::Closed),
                len => self.buffered.extend_from_slice(chunk.get(..len).unwrap_or_default()),
            }
        }
    }

    /// Reads an SMTP reply (RFC 5321 section 4.2.1): every line except the last has a hyphen after
    /// its code. `expected` describes the reply for an error.
    pub(super) async fn read_smtp_reply(
        &mut self,
        expected: &'static str,
    ) -> Result<SmtpReply, StarttlsProblem> {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        while lines.len() < MAX_REPLY_LINES {
            let line = self.read_line().await?;
            let same_code = lines.first().is_none_or(|first| line.get(..3) == first.get(..3));
            let more = match line.as_slice() {
                [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', rest @ ..] if same_code => {
                    match rest.first() {
                        None | Some(b' ') => false,
                        Some(b'-') => true,
                        Some(_) => return Err(StarttlsProblem::Unexpected { line, expected }),
                    }
                }
                _ => return Err(StarttlsProblem::Unexpected { line, expected }),
            };
            lines.push(line);
            if !more {
                return Ok(SmtpReply { lines });
            }
        }
        Err(StarttlsProblem::TooLong)
    }

    /// Reads an IMAP response: returns the untagged lines and the line with the tag.
    pub(super) async fn read_tagged(
        &mut self,
        tag: &[u8],
    ) -> Result<(Vec<Vec<u8>>, Vec<u8>), StarttlsProblem> {
        let mut untagged = Vec::new();
        while untagged.len() < MAX_REPLY_LINES {
            let line = self.read_line().await?;
            if line.starts_with(tag) {
                return Ok((untagged, line));
            }
            if !line.starts_with(b"* ") {
                return Err(StarttlsProblem::Unexpected { line, expected: "a tagged reply" });
            }
            untagged.push(line);
        }
        Err(StarttlsProblem::TooLong)
    }

    /// Reads the lines of a POP3 list, up to a line that contains only a dot.
    pub(super) async fn read_list(&mut self) -> Result<Vec<Vec<u8>>, StarttlsProblem> {
        let mut lines = Vec::new();
        while lines.len() < MAX_REPLY_LINES {
            let line = self.read_line().await?;
            if line == b"." {
                return Ok(lines);
            }
            lines.push(line);
        }
        Err(StarttlsProblem::TooLong)
    }
}

impl SmtpReply {
    /// Returns whether the reply has this code.
    pub(super) fn has_code(&self, code: &str) -> bool {
        self.lines.iter().all(|line| line.starts_with(code.as_bytes()))
    }

    /// Returns [`StarttlsProblem::Refused`] if the reply has another code.
    pub(super) fn require_code(mut self, code: &str) -> Result<(), StarttlsProblem> {
        if self.has_code(code) {
            Ok(())
        } else {
            Err(StarttlsProblem::Refused(self.lines.swap_remove(0)))
        }
    }

    /// Returns whether a line after the first lists this capability.
    pub(super) fn has_capability(&self, keyword: &[u8]) -> bool {
        let listed = self.lines.iter().skip(1).filter_map(|line| line.get(4..));
        listed.into_iter().any(|text| has_word(text, keyword))
    }
}

/// Returns whether `line` contains `word` between spaces, ignoring case.
pub(super) fn has_word(line: &[u8], word: &[u8]) -> bool {
    line.split(|byte| *byte == b' ').any(|part| part.eq_ignore_ascii_case(word))
}
