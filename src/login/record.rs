//! The log record of a login: one line, the trusted fields first, then the client's text, quoted.

use std::fmt;

use jiff::Zoned;

use crate::login::server::Credentials;
use crate::text;

/// The fields of a log record.
#[derive(Debug)]
pub struct LoginRecord<'a> {
    /// When the server received the login.
    pub time: &'a Zoned,
    /// The address of the client.
    pub peer: &'a str,
    /// The number of the connection in this run, from 1.
    pub conn: u64,
    /// The user name and password that the client sent.
    pub credentials: &'a Credentials,
}

impl fmt::Display for LoginRecord<'_> {
    /// Writes the record without its newline. It is one line for any bytes that the client sent,
    /// and the client's text cannot imitate one of the fields before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, peer, conn, credentials } = self;
        let Credentials { user, password, attempt } = credentials;
        write!(
            f,
            "{} login peer={peer} conn={conn} try={attempt} user={} password={}",
            time.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z"),
            text::quote(user),
            text::quote(&password.0)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::server::Password;
    use proptest::prelude::*;

    fn record(user: &[u8], password: &[u8]) -> String {
        let credentials =
            Credentials { user: user.to_vec(), password: Password(password.to_vec()), attempt: 1 };
        let time: Zoned = "2026-11-21T20:39:26.588-03:00[America/Sao_Paulo]".parse().unwrap();
        let peer = "127.0.0.1:58902";
        LoginRecord { time: &time, peer, conn: 17, credentials: &credentials }.to_string()
    }

    const TRUSTED: &str = "2026-11-21T20:39:26.588-03:00 login peer=127.0.0.1:58902 conn=17 try=1 ";

    #[test]
    fn a_record_has_the_documented_form() {
        let expected = format!(r#"{TRUSTED}user="alice" password="caf\xe9""#);
        assert_eq!(record(b"alice", b"caf\xe9"), expected);
    }

    #[test]
    fn a_client_cannot_forge_a_field_or_a_second_record() {
        let line = record(b"x", b"\n2026-11-21T00:00:00 login peer=1.2.3.4:5 user=\"root\"");
        assert_eq!(line.lines().count(), 1);
        assert!(line.starts_with(TRUSTED));
        assert!(
            line.ends_with(
                r#"password="\n2026-11-21T00:00:00 login peer=1.2.3.4:5 user=\"root\"""#
            )
        );
    }

    proptest! {
        #[test]
        fn unescaping_a_record_returns_every_byte(
            user in prop::collection::vec(any::<u8>(), 1..40),
            password in prop::collection::vec(any::<u8>(), 1..40),
        ) {
            let line = record(&user, &password);
            prop_assert!(!text::contains_hostile(&line));
            let fields = line.strip_prefix(TRUSTED).unwrap();
            let (first, second) = fields.split_once(" password=\"").unwrap();
            let first = first.strip_prefix("user=\"").unwrap().strip_suffix('"').unwrap();
            let second = second.strip_suffix('"').unwrap();
            prop_assert_eq!(text::unescape(first).unwrap(), user);
            prop_assert_eq!(text::unescape(second).unwrap(), password);
        }
    }
}
