//! The client's side of a login: understands what a server says.

use crate::lines::{Line, LineSplitter};

/// The longest line or prompt taken from a server, in bytes.
const MAX_SERVER_LINE: usize = 4096;

/// Reads a server's prompts and replies.
#[derive(Debug)]
pub struct ReplyParser {
    lines: LineSplitter,
}

/// Something a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerMessage {
    /// It asks for a field: text that ends in a colon and a space, without a line end.
    Prompt(Vec<u8>),
    /// A line that begins with `OK`.
    Accepted(Vec<u8>),
    /// A line that begins with `ERR`.
    Refused(Vec<u8>),
    /// Any other line.
    Remark(Vec<u8>),
    /// A line longer than any server of this protocol says.
    TooLong,
}

impl ReplyParser {
    /// Begins to listen.
    pub fn new() -> Self {
        Self { lines: LineSplitter::new(MAX_SERVER_LINE, 0) }
    }

    /// Takes everything in `bytes`, and returns what the server said with it, in order.
    pub fn hear(&mut self, mut bytes: &[u8]) -> Vec<ServerMessage> {
        let mut said = Vec::new();
        while let Some(line) = self.lines.next(&mut bytes) {
            said.push(match line {
                Line::Complete(line) => classify(line),
                Line::TooLong | Line::Endless => ServerMessage::TooLong,
            });
        }
        if self.lines.partial().ends_with(b": ") {
            said.extend(self.lines.take_pending().map(ServerMessage::Prompt));
        }
        said
    }

    /// Takes the last line, where the server closed without ending it.
    pub fn rest(&mut self) -> Option<ServerMessage> {
        let rest = self.lines.take_pending()?;
        self.hear(&[&rest[..], b"\n"].concat()).pop()
    }
}

impl Default for ReplyParser {
    fn default() -> Self {
        Self::new()
    }
}

/// What a whole line is. A client that did not wait finds the prompts it answered unseen at the
/// beginning of the reply's line.
fn classify(line: Vec<u8>) -> ServerMessage {
    let after_prompt = (0..line.len()).filter(|at| line[..*at].ends_with(b": "));
    let reply = std::iter::once(0)
        .chain(after_prompt)
        .find(|at| begins(&line[*at..], b"OK") || begins(&line[*at..], b"ERR"));
    match reply {
        Some(at) if line[at..].starts_with(b"OK") => ServerMessage::Accepted(line[at..].to_vec()),
        Some(at) => ServerMessage::Refused(line[at..].to_vec()),
        None => ServerMessage::Remark(line),
    }
}

fn begins(line: &[u8], word: &[u8]) -> bool {
    let rest = line.strip_prefix(word);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_and_replies_are_told_apart_however_they_are_cut() {
        let text = b"Welcome\r\nUsername: ERR empty user name, try again\r\nUsername: ";
        for cut in 1..text.len() {
            let mut dialogue = ReplyParser::new();
            let mut said = dialogue.hear(&text[..cut]);
            said.extend(dialogue.hear(&text[cut..]));
            let refused = ServerMessage::Refused(b"ERR empty user name, try again".to_vec());
            assert_eq!(said.first(), Some(&ServerMessage::Remark(b"Welcome".to_vec())));
            assert!(said.contains(&refused), "{cut}: {said:?}");
            assert_eq!(said.last(), Some(&ServerMessage::Prompt(b"Username: ".to_vec())));
        }
        let mut dialogue = ReplyParser::new();
        assert_eq!(
            dialogue.hear(b"OK recorded\r\n"),
            [ServerMessage::Accepted(b"OK recorded".to_vec())]
        );
        assert_eq!(
            dialogue.hear(b"OKAY\nERR\n"),
            [ServerMessage::Remark(b"OKAY".to_vec()), ServerMessage::Refused(b"ERR".to_vec()),]
        );
    }

    #[test]
    fn a_last_line_without_end_counts() {
        let mut dialogue = ReplyParser::new();
        assert_eq!(dialogue.hear(b"OK rec"), []);
        assert_eq!(dialogue.rest(), Some(ServerMessage::Accepted(b"OK rec".to_vec())));
        assert_eq!(dialogue.rest(), None);
    }

    #[test]
    fn a_server_that_never_ends_a_line_is_given_up() {
        let mut dialogue = ReplyParser::new();
        assert_eq!(dialogue.hear(&vec![b'x'; MAX_SERVER_LINE + 1]), [ServerMessage::TooLong]);
    }
}
