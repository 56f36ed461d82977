//! The client's side of a login: parses the server's prompts and replies.

use crate::lines::{Line, LineSplitter};

/// The longest line or prompt accepted from a server, in bytes.
const MAX_SERVER_LINE: usize = 4096;

/// Parses the bytes that a server sends into messages.
#[derive(Debug)]
pub struct ReplyParser {
    lines: LineSplitter,
}

/// A prompt or a line from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerMessage {
    /// A request for a field: an unfinished line that ends in a colon, or after which the server
    /// pauses.
    Prompt(Vec<u8>),
    /// A line that begins with the word `OK`.
    Accepted(Vec<u8>),
    /// A line that begins with the word `ERR`.
    Refused(Vec<u8>),
    /// Any other line.
    Other(Vec<u8>),
    /// A line over the limit of 4096 bytes.
    TooLong,
}

impl ReplyParser {
    /// Returns a parser that has received nothing.
    pub fn new() -> Self {
        Self { lines: LineSplitter::new(MAX_SERVER_LINE, 0) }
    }

    /// Consumes all of `bytes` and returns the messages that they complete, in order.
    pub fn parse(&mut self, mut bytes: &[u8]) -> Vec<ServerMessage> {
        let mut messages = Vec::new();
        while let Some(line) = self.lines.next(&mut bytes) {
            messages.push(match line {
                Line::Complete(line) => classify(line),
                Line::TooLong | Line::Endless => ServerMessage::TooLong,
            });
        }
        if is_prompt(self.lines.partial()) {
            messages.extend(self.lines.take_pending().map(ServerMessage::Prompt));
        }
        messages
    }

    /// Returns the unfinished line of a server that pauses: a reply without a line ending, else a
    /// prompt.
    pub fn unfinished(&mut self) -> Option<ServerMessage> {
        let text = self.lines.take_pending().filter(|text| !text.trim_ascii().is_empty())?;
        Some(match classify(text) {
            ServerMessage::Other(text) => ServerMessage::Prompt(text),
            reply => reply,
        })
    }

    /// Returns the last line of a server that closed the connection without ending the line.
    pub fn finish(&mut self) -> Option<ServerMessage> {
        let rest = self.lines.take_pending()?;
        self.parse(&[&rest[..], b"\n"].concat()).pop()
    }
}

impl Default for ReplyParser {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns whether `text` asks for a value: it ends in a colon.
pub fn is_prompt(text: &[u8]) -> bool {
    text.trim_ascii_end().ends_with(b":")
}

/// Returns the message that a complete line is. The line may begin with prompts that the client
/// answered before it received them.
fn classify(line: Vec<u8>) -> ServerMessage {
    // The space after the colon of a prompt may arrive after the prompt was answered.
    let start = line.len() - line.trim_ascii_start().len();
    let after_prompt = (0..line.len()).filter(|at| line[..*at].ends_with(b": "));
    let reply = std::iter::once(start)
        .chain(after_prompt)
        .find(|at| begins_with(&line[*at..], b"OK") || begins_with(&line[*at..], b"ERR"));
    match reply {
        Some(at) if line[at..].starts_with(b"OK") => ServerMessage::Accepted(line[at..].to_vec()),
        Some(at) => ServerMessage::Refused(line[at..].to_vec()),
        None => ServerMessage::Other(line),
    }
}

/// Returns whether `word` is the first word of `line`.
fn begins_with(line: &[u8], word: &[u8]) -> bool {
    let rest = line.strip_prefix(word);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_and_replies_are_recognized_wherever_a_read_splits_them() {
        let text = b"Welcome\r\nUsername: ERR empty user name, try again\r\nUsername: ";
        for cut in 1..text.len() {
            let mut parser = ReplyParser::new();
            let mut messages = parser.parse(&text[..cut]);
            messages.extend(parser.parse(&text[cut..]));
            let refused = ServerMessage::Refused(b"ERR empty user name, try again".to_vec());
            assert_eq!(messages.first(), Some(&ServerMessage::Other(b"Welcome".to_vec())));
            assert!(messages.contains(&refused), "{cut}: {messages:?}");
            // The space after the colon may arrive later.
            let Some(ServerMessage::Prompt(prompt)) = messages.last() else {
                panic!("{cut}: {messages:?}");
            };
            assert_eq!(prompt.trim_ascii_end(), b"Username:");
        }
        let mut parser = ReplyParser::new();
        assert_eq!(
            parser.parse(b"OK recorded\r\n"),
            [ServerMessage::Accepted(b"OK recorded".to_vec())]
        );
        assert_eq!(
            parser.parse(b"OKAY\nERR\n"),
            [ServerMessage::Other(b"OKAY".to_vec()), ServerMessage::Refused(b"ERR".to_vec()),]
        );
    }

    #[test]
    fn an_unfinished_line_is_a_prompt_if_it_ends_in_a_colon_or_the_server_pauses() {
        let mut parser = ReplyParser::new();
        assert_eq!(parser.parse(b"Usuario:"), [ServerMessage::Prompt(b"Usuario:".to_vec())]);
        // The space after the colon may come later, and is no text of its own.
        assert_eq!(parser.parse(b" "), []);
        assert_eq!(parser.unfinished(), None);
        assert_eq!(parser.parse(b" OK\n"), [ServerMessage::Accepted(b"OK".to_vec())]);
        assert_eq!(parser.parse(b"Senha"), []);
        assert_eq!(parser.unfinished(), Some(ServerMessage::Prompt(b"Senha".to_vec())));
        assert_eq!(parser.parse(b"OK gravado"), []);
        assert_eq!(parser.unfinished(), Some(ServerMessage::Accepted(b"OK gravado".to_vec())));
    }

    #[test]
    fn a_last_line_without_a_line_ending_is_a_message() {
        let mut parser = ReplyParser::new();
        assert_eq!(parser.parse(b"OK rec"), []);
        assert_eq!(parser.finish(), Some(ServerMessage::Accepted(b"OK rec".to_vec())));
        assert_eq!(parser.finish(), None);
    }

    #[test]
    fn a_line_over_the_limit_is_reported_before_it_ends() {
        let mut parser = ReplyParser::new();
        assert_eq!(parser.parse(&vec![b'x'; MAX_SERVER_LINE + 1]), [ServerMessage::TooLong]);
    }
}
