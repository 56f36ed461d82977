//! The server's side of a login: asks for user and password, refuses empty ones and asks again.

use crate::lines::{LINE_END, Line, LineSplitter};

/// The longest user name, in bytes: twice what vsftpd takes.
pub const MAX_USER: usize = 256;

/// The longest password, in bytes: a passphrase fits, a file does not.
pub const MAX_PASSWORD: usize = 1024;

/// How much of a line that is too long is skipped before the client is given up, in bytes.
const MAX_SKIPPED_FIELD: usize = 64 * 1024;

/// Refused attempts a connection may make: as many as OpenSSH allows.
pub const MAX_TRIES: u32 = 6;

/// What a client is asked first.
pub const USER_PROMPT: &str = "Username: ";

const PASSWORD_PROMPT: &str = "Password: ";

/// How a client's bytes are cut into fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// Each line is one.
    Lines,
    /// Each read is one, as the course's clients send them: without any line end.
    Reads,
}

/// A login that is under way.
#[derive(Debug)]
pub struct LoginDialogue {
    fields: Fields,
    lines: LineSplitter,
    user: Option<Vec<u8>>,
    tries: u32,
}

/// A user and a password, both as they were sent.
#[derive(Debug)]
pub struct Credentials {
    /// The user name; never empty or blank.
    pub user: Vec<u8>,
    /// The password; never empty.
    pub password: Password,
    /// Which attempt of the connection it was, from 1.
    pub attempt: u32,
}

/// A password, which debug output never shows. It is recorded in clear text, so its copies in
/// memory are not wiped.
pub struct Password(pub Vec<u8>);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What the server does next.
#[derive(Debug)]
pub enum LoginAction {
    /// Say this, and listen on.
    Say(String),
    /// Record this, and answer.
    Record(Credentials),
    /// Say this, and close.
    GiveUp(String),
}

impl LoginDialogue {
    /// Begins; the client has been sent [`USER_PROMPT`].
    pub fn new(fields: Fields) -> Self {
        let lines = LineSplitter::new(MAX_USER, MAX_SKIPPED_FIELD);
        Self { fields, lines, user: None, tries: 0 }
    }

    /// Takes bytes from the front of `bytes` until something is to be done; `None` once all of
    /// them are taken.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<LoginAction> {
        match self.fields {
            Fields::Lines => self.lines.next(bytes).map(|line| self.take(line)),
            Fields::Reads if bytes.is_empty() => None,
            Fields::Reads => {
                let field = std::mem::take(bytes);
                let field = field.strip_suffix(b"\n").unwrap_or(field);
                let field = field.strip_suffix(b"\r").unwrap_or(field);
                let max = if self.user.is_some() { MAX_PASSWORD } else { MAX_USER };
                let line =
                    if field.len() > max { Line::TooLong } else { Line::Complete(field.to_vec()) };
                Some(self.take(line))
            }
        }
    }

    /// Returns how much was given of a login that is not finished, in bytes; `None` for nothing.
    pub fn unfinished(&self) -> Option<usize> {
        let bytes = self.lines.pending() + self.user.as_ref().map_or(0, Vec::len);
        (bytes > 0).then_some(bytes)
    }

    fn take(&mut self, line: Line) -> LoginAction {
        let field = match line {
            Line::Complete(field) => field,
            Line::TooLong => {
                let max = if self.user.is_some() { MAX_PASSWORD } else { MAX_USER };
                return self.refuse(&format!("line too long (max {max} bytes)"));
            }
            Line::Endless => return LoginAction::GiveUp(format!("ERR line too long{LINE_END}")),
        };
        match self.user.take() {
            None if field.trim_ascii().is_empty() => self.refuse("empty user name"),
            None => {
                self.user = Some(field);
                self.lines.set_max(MAX_PASSWORD);
                LoginAction::Say(PASSWORD_PROMPT.to_owned())
            }
            Some(_) if field.is_empty() => self.refuse("empty password"),
            Some(user) => {
                let password = Password(field);
                LoginAction::Record(Credentials { user, password, attempt: self.tries + 1 })
            }
        }
    }

    /// Both are asked again, from the beginning.
    fn refuse(&mut self, why: &str) -> LoginAction {
        self.user = None;
        self.lines.set_max(MAX_USER);
        self.tries += 1;
        if self.tries >= MAX_TRIES {
            return LoginAction::GiveUp(format!("ERR {why}; too many tries{LINE_END}"));
        }
        LoginAction::Say(format!("ERR {why}, try again{LINE_END}{USER_PROMPT}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the server says and records, one line an action.
    fn hear(conversation: &mut LoginDialogue, pieces: &[&[u8]]) -> Vec<String> {
        let mut heard = Vec::new();
        for mut piece in pieces.iter().copied() {
            while let Some(action) = conversation.next(&mut piece) {
                heard.push(match action {
                    LoginAction::Say(text) => text,
                    LoginAction::GiveUp(text) => format!("{text}(closed)"),
                    LoginAction::Record(Credentials { user, password, attempt }) => {
                        format!("#{attempt} {}:{}", user.escape_ascii(), password.0.escape_ascii())
                    }
                });
            }
        }
        heard
    }

    #[test]
    fn a_login_is_asked_for_and_recorded_whatever_ends_its_lines() {
        for end in ["\n", "\r\n", "\r", "\r\0"] {
            let mut conversation = LoginDialogue::new(Fields::Lines);
            let bytes = format!("alice{end}s3cret{end}");
            let heard = hear(&mut conversation, &[bytes.as_bytes()]);
            assert_eq!(heard, ["Password: ", "#1 alice:s3cret"], "{end:?}");
        }
    }

    #[test]
    fn an_empty_field_is_refused_and_both_are_asked_again() {
        let mut conversation = LoginDialogue::new(Fields::Lines);
        let again = |why: &str| format!("ERR empty {why}, try again\r\nUsername: ");
        let heard = hear(&mut conversation, &[b"\n", b"  \n", b"bob\n\n", b"bob\n \n"]);
        let expected = [
            again("user name"),
            again("user name"),
            "Password: ".to_owned(),
            again("password"),
            "Password: ".to_owned(),
            // A password may be made of spaces.
            "#4 bob: ".to_owned(),
        ];
        assert_eq!(heard, expected);
    }

    #[test]
    fn tries_end_and_nothing_is_recorded_then() {
        let mut conversation = LoginDialogue::new(Fields::Lines);
        let heard = hear(&mut conversation, &[b"\n\n\n\n\n\n"]);
        assert_eq!(heard.len(), 6);
        assert_eq!(heard[5], "ERR empty user name; too many tries\r\n(closed)");
    }

    #[test]
    fn the_limits_are_exact() {
        let mut conversation = LoginDialogue::new(Fields::Lines);
        let line = |len: usize| [vec![b'x'; len], vec![b'\n']].concat();
        let heard = hear(&mut conversation, &[&line(MAX_USER), &line(MAX_PASSWORD)]);
        assert!(heard[1].starts_with("#1 "), "{heard:?}");
        let mut conversation = LoginDialogue::new(Fields::Lines);
        let heard = hear(&mut conversation, &[&line(MAX_USER + 1)]);
        assert_eq!(heard, ["ERR line too long (max 256 bytes), try again\r\nUsername: "]);
        let heard = hear(&mut conversation, &[b"bob\n", &line(MAX_PASSWORD + 1)]);
        assert_eq!(heard[1], "ERR line too long (max 1024 bytes), try again\r\nUsername: ");
        let heard = hear(&mut conversation, &[&vec![b'x'; 100_000]]);
        assert_eq!(heard, ["ERR line too long\r\n(closed)"]);
    }

    #[test]
    fn the_courses_clients_send_a_field_with_every_read() {
        let mut conversation = LoginDialogue::new(Fields::Reads);
        let heard = hear(&mut conversation, &[b"alice", b"s3cret\r\n"]);
        assert_eq!(heard, ["Password: ", "#1 alice:s3cret"]);
        let heard = hear(&mut LoginDialogue::new(Fields::Reads), &[b"\n", b"a\nb", b"x"]);
        assert_eq!(heard[1..], ["Password: ", "#2 a\\nb:x"]);
    }

    #[test]
    fn what_was_begun_is_known() {
        let mut conversation = LoginDialogue::new(Fields::Lines);
        assert_eq!(conversation.unfinished(), None);
        hear(&mut conversation, &[b"alice\npas"]);
        assert_eq!(conversation.unfinished(), Some(8));
    }

    #[test]
    fn a_password_is_not_shown_by_accident() {
        let password = Password(b"s3cret".to_vec());
        assert_eq!(format!("{password:?}"), "[redacted]");
    }
}
