//! Probes: whether a port or a Unix socket accepts clients, and why not.
//!
//! One probe is one connection attempt, or for datagrams one question. It has a result in every
//! case: a refusal or a missing answer is no error.

mod banner;
pub mod payload;
mod state;
mod stream;
mod udp;

pub use self::banner::{Banner, banner};
pub use self::state::{Finding, PortState};
pub use self::stream::{Connected, connect, connect_unix};
pub use self::udp::{ask_udp, ask_unix};
