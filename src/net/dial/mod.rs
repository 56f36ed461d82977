//! Connecting to a stream endpoint: one deadline over all its addresses, with retries.

mod dialer;
mod race;
mod unix;

pub use self::dialer::{DialNotice, DialTarget, Dialer};
pub use self::race::{ConnectSettings, Dialed, connect};
