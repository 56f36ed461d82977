//! Parses a member's line: a message to the room, or a command.

/// The commands, as `/help` and `--help` list them.
pub const HELP: &str =
    "/who, /nick NAME, /me ACTION, /msg NAME TEXT, /quit [TEXT], /help; //x sends /x";

/// A parsed line from a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// A message to the room.
    Message(&'a [u8]),
    /// `/me`: an action of the member, such as `waves`.
    Action(&'a [u8]),
    /// `/msg`: the nickname of the recipient, and a message for that member only.
    Private(&'a [u8], &'a [u8]),
    /// `/nick`: the member's new nickname.
    Nick(&'a [u8]),
    /// `/who`: list the members.
    Who,
    /// `/help`: list the commands.
    Help,
    /// `/quit`: leave the room, with a message that may be empty.
    Quit(&'a [u8]),
    /// A blank line, which has no effect.
    Blank,
    /// The name of a command that does not exist.
    Unknown(&'a [u8]),
}

impl<'a> Command<'a> {
    /// Parses a line, given without its line ending.
    pub fn parse(line: &'a [u8]) -> Self {
        let Some(command) = line.strip_prefix(b"/") else {
            return if line.trim_ascii().is_empty() { Self::Blank } else { Self::Message(line) };
        };
        if command.starts_with(b"/") {
            return Self::Message(command);
        }
        let (word, rest) = split_word(command);
        match word {
            b"me" => Self::Action(rest),
            b"msg" => {
                let (to, text) = split_word(rest);
                Self::Private(to, text)
            }
            b"nick" => Self::Nick(rest),
            b"who" => Self::Who,
            b"help" => Self::Help,
            b"quit" => Self::Quit(rest),
            _ => Self::Unknown(word),
        }
    }
}

/// Returns the first word, and the text after the spaces that follow it.
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_parsed_as_the_help_describes() {
        for (line, command) in [
            (&b"hello there"[..], Command::Message(b"hello there")),
            (b"", Command::Blank),
            (b" \t", Command::Blank),
            (b"//who", Command::Message(b"/who")),
            (b"/who", Command::Who),
            (b"/me  waves ", Command::Action(b"waves ")),
            (b"/msg bob hi there", Command::Private(b"bob", b"hi there")),
            (b"/msg", Command::Private(b"", b"")),
            (b"/nick bob", Command::Nick(b"bob")),
            (b"/quit", Command::Quit(b"")),
            (b"/dance now", Command::Unknown(b"dance")),
            (b"/", Command::Unknown(b"")),
        ] {
            assert_eq!(Command::parse(line), command, "{}", line.escape_ascii());
        }
    }
}
