//! What a line means: something said, or a command.

/// The commands, as `/help` and `--help` list them.
pub const HELP: &str =
    "/who, /nick NAME, /me ACTION, /msg NAME TEXT, /quit [TEXT], /help; //x says /x";

/// A line from a member, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Say it to everybody.
    Say(&'a [u8]),
    /// Say that one does something.
    Me(&'a [u8]),
    /// Say it to one member.
    Msg(&'a [u8], &'a [u8]),
    /// Change one's name.
    Nick(&'a [u8]),
    /// List the members.
    Who,
    /// List the commands.
    Help,
    /// Leave, with a last word.
    Quit(&'a [u8]),
    /// A blank line.
    Nothing,
    /// No such command.
    Unknown(&'a [u8]),
}

impl<'a> Command<'a> {
    /// Understands a line.
    pub fn parse(line: &'a [u8]) -> Self {
        let Some(command) = line.strip_prefix(b"/") else {
            return if line.trim_ascii().is_empty() { Self::Nothing } else { Self::Say(line) };
        };
        if command.starts_with(b"/") {
            return Self::Say(command);
        }
        let (word, rest) = split_word(command);
        match word {
            b"me" => Self::Me(rest),
            b"msg" => {
                let (to, text) = split_word(rest);
                Self::Msg(to, text)
            }
            b"nick" => Self::Nick(rest),
            b"who" => Self::Who,
            b"help" => Self::Help,
            b"quit" => Self::Quit(rest),
            _ => Self::Unknown(word),
        }
    }
}

/// The first word, and what follows the spaces behind it.
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_mean_what_the_help_says() {
        for (line, meaning) in [
            (&b"hello there"[..], Command::Say(b"hello there")),
            (b"", Command::Nothing),
            (b" \t", Command::Nothing),
            (b"//who", Command::Say(b"/who")),
            (b"/who", Command::Who),
            (b"/me  waves ", Command::Me(b"waves ")),
            (b"/msg bob hi there", Command::Msg(b"bob", b"hi there")),
            (b"/msg", Command::Msg(b"", b"")),
            (b"/nick bob", Command::Nick(b"bob")),
            (b"/quit", Command::Quit(b"")),
            (b"/dance now", Command::Unknown(b"dance")),
            (b"/", Command::Unknown(b"")),
        ] {
            assert_eq!(Command::parse(line), meaning, "{}", line.escape_ascii());
        }
    }
}
