//! Connecting to stream endpoints: one deadline over all addresses, and retries.

mod dialer;
mod race;
mod unix;

pub use self::dialer::{DialNotice, DialTarget, Dialer};
pub use self::race::{ConnectSettings, Dialed, connect};
pub(in crate::net) use self::unix::connect as connect_unix;
