//! The server's side of a login: asks for user name and password, and again after an invalid one.

use crate::lines::{LINE_END, Line, LineSplitter};

/// The longest user name, in bytes: twice the limit of vsftpd.
pub const MAX_USER: usize = 256;

/// The longest password, in bytes: enough for any passphrase.
pub const MAX_PASSWORD: usize = 1024;

/// How many bytes of a line that is too long are skipped before the server closes the connection.
const MAX_SKIPPED_FIELD: usize = 64 * 1024;

/// The most failed attempts of a connection: the default `MaxAuthTries` of OpenSSH.
pub const MAX_TRIES: u32 = 6;

/// The first prompt that a client receives.
pub const USER_PROMPT: &str = "Username: ";

const PASSWORD_PROMPT: &str = "Password: ";

/// How a client's bytes are divided into fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// Each line is a field.
    Lines,
    /// Each read is a field: the course's clients send fields without a line ending.
    Reads,
}

/// The state of the dialogue with one client.
#[derive(Debug)]
pub struct LoginDialogue {
    fields: Fields,
    lines: LineSplitter,
    user: Option<Vec<u8>>,
    tries: u32,
}

/// A user name and a password, with the bytes that the client sent.
#[derive(Debug)]
pub struct Credentials {
    /// The user name; never empty or blank.
    pub user: Vec<u8>,
    /// The password; never empty.
    pub password: Password,
    /// The number of the attempt on this connection, from 1.
    pub attempt: u32,
}

/// A password, which debug output never shows. Its copies in memory are not wiped, because the log
/// holds it in clear text anyway.
pub struct Password(pub Vec<u8>);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The server's next action.
#[derive(Debug)]
pub enum LoginAction {
    /// Send this text and continue to read.
    Send(String),
    /// Record the login and reply.
    Record(Credentials),
    /// Send this text and close the connection.
    Close(String),
}

impl LoginDialogue {
    /// Returns the state after the server has sent [`USER_PROMPT`].
    pub fn new(fields: Fields) -> Self {
        let lines = LineSplitter::new(MAX_USER, MAX_SKIPPED_FIELD);
        Self { fields, lines, user: None, tries: 0 }
    }

    /// Consumes `bytes` from the front up to the next action, and returns that action; `None` once
    /// `bytes` is empty.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<LoginAction> {
        match self.fields {
            Fields::Lines => self.lines.next(bytes).map(|line| self.handle(line)),
            Fields::Reads if bytes.is_empty() => None,
            Fields::Reads => {
                let field = std::mem::take(bytes);
                let field = field.strip_suffix(b"\n").unwrap_or(field);
                let field = field.strip_suffix(b"\r").unwrap_or(field);
                let max = if self.user.is_some() { MAX_PASSWORD } else { MAX_USER };
                let line =
                    if field.len() > max { Line::TooLong } else { Line::Complete(field.to_vec()) };
                Some(self.handle(line))
            }
        }
    }

    /// Returns how many bytes of an unfinished login the server holds; `None` for zero.
    pub fn unfinished(&self) -> Option<usize> {
        let bytes = self.lines.pending() + self.user.as_ref().map_or(0, Vec::len);
        (bytes > 0).then_some(bytes)
    }

    fn handle(&mut self, line: Line) -> LoginAction {
        let field = match line {
            Line::Complete(field) => field,
            Line::TooLong => {
                let max = if self.user.is_some() { MAX_PASSWORD } else { MAX_USER };
                return self.reject(&format!("line too long (max {max} bytes)"));
            }
            Line::Endless => return LoginAction::Close(format!("ERR line too long{LINE_END}")),
        };
        match self.user.take() {
            None if field.trim_ascii().is_empty() => self.reject("empty user name"),
            None => {
                self.user = Some(field);
                self.lines.set_max(MAX_PASSWORD);
                LoginAction::Send(PASSWORD_PROMPT.to_owned())
            }
            Some(_) if field.is_empty() => self.reject("empty password"),
            Some(user) => {
                let password = Password(field);
                LoginAction::Record(Credentials { user, password, attempt: self.tries + 1 })
            }
        }
    }

    /// Reports an invalid field and starts again at the user name, or closes after [`MAX_TRIES`].
    fn reject(&mut self, reason: &str) -> LoginAction {
        self.user = None;
        self.lines.set_max(MAX_USER);
        self.tries += 1;
        if self.tries >= MAX_TRIES {
            return LoginAction::Close(format!("ERR {reason}; too many tries{LINE_END}"));
        }
        LoginAction::Send(format!("ERR {reason}, try again{LINE_END}{USER_PROMPT}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes each of `reads` to the dialogue and returns the server's actions as text.
    fn feed(dialogue: &mut LoginDialogue, reads: &[&[u8]]) -> Vec<String> {
        let mut actions = Vec::new();
        for mut bytes in reads.iter().copied() {
            while let Some(action) = dialogue.next(&mut bytes) {
                actions.push(match action {
                    LoginAction::Send(text) => text,
                    LoginAction::Close(text) => format!("{text}(closed)"),
                    LoginAction::Record(Credentials { user, password, attempt }) => {
                        format!("#{attempt} {}:{}", user.escape_ascii(), password.0.escape_ascii())
                    }
                });
            }
        }
        actions
    }

    #[test]
    fn a_login_is_recorded_with_any_line_ending() {
        for end in ["\n", "\r\n", "\r", "\r\0"] {
            let mut dialogue = LoginDialogue::new(Fields::Lines);
            let bytes = format!("alice{end}s3cret{end}");
            let actions = feed(&mut dialogue, &[bytes.as_bytes()]);
            assert_eq!(actions, ["Password: ", "#1 alice:s3cret"], "{end:?}");
        }
    }

    #[test]
    fn an_empty_field_is_reported_and_the_dialogue_starts_again() {
        let mut dialogue = LoginDialogue::new(Fields::Lines);
        let again = |field: &str| format!("ERR empty {field}, try again\r\nUsername: ");
        let actions = feed(&mut dialogue, &[b"\n", b"  \n", b"bob\n\n", b"bob\n \n"]);
        let expected = [
            again("user name"),
            again("user name"),
            "Password: ".to_owned(),
            again("password"),
            "Password: ".to_owned(),
            // A password may consist of spaces.
            "#4 bob: ".to_owned(),
        ];
        assert_eq!(actions, expected);
    }

    #[test]
    fn the_sixth_failed_attempt_closes_the_connection() {
        let mut dialogue = LoginDialogue::new(Fields::Lines);
        let actions = feed(&mut dialogue, &[b"\n\n\n\n\n\n"]);
        assert_eq!(actions.len(), 6);
        assert_eq!(actions[5], "ERR empty user name; too many tries\r\n(closed)");
    }

    #[test]
    fn a_field_of_the_maximum_length_is_accepted_and_one_more_byte_is_not() {
        let mut dialogue = LoginDialogue::new(Fields::Lines);
        let line = |len: usize| [vec![b'x'; len], vec![b'\n']].concat();
        let actions = feed(&mut dialogue, &[&line(MAX_USER), &line(MAX_PASSWORD)]);
        assert!(actions[1].starts_with("#1 "), "{actions:?}");
        let mut dialogue = LoginDialogue::new(Fields::Lines);
        let actions = feed(&mut dialogue, &[&line(MAX_USER + 1)]);
        assert_eq!(actions, ["ERR line too long (max 256 bytes), try again\r\nUsername: "]);
        let actions = feed(&mut dialogue, &[b"bob\n", &line(MAX_PASSWORD + 1)]);
        assert_eq!(actions[1], "ERR line too long (max 1024 bytes), try again\r\nUsername: ");
        let actions = feed(&mut dialogue, &[&vec![b'x'; 100_000]]);
        assert_eq!(actions, ["ERR line too long\r\n(closed)"]);
    }

    #[test]
    fn with_field_per_read_each_read_is_one_field() {
        let mut dialogue = LoginDialogue::new(Fields::Reads);
        let actions = feed(&mut dialogue, &[b"alice", b"s3cret\r\n"]);
        assert_eq!(actions, ["Password: ", "#1 alice:s3cret"]);
        let actions = feed(&mut LoginDialogue::new(Fields::Reads), &[b"\n", b"a\nb", b"x"]);
        assert_eq!(actions[1..], ["Password: ", "#2 a\\nb:x"]);
    }

    #[test]
    fn the_bytes_of_an_unfinished_login_are_counted() {
        let mut dialogue = LoginDialogue::new(Fields::Lines);
        assert_eq!(dialogue.unfinished(), None);
        feed(&mut dialogue, &[b"alice\npas"]);
        assert_eq!(dialogue.unfinished(), Some(8));
    }

    #[test]
    fn debug_output_does_not_show_a_password() {
        let password = Password(b"s3cret".to_vec());
        assert_eq!(format!("{password:?}"), "[redacted]");
    }
}
