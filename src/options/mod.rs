//! Option groups that several commands share: clap definitions in, typed settings out.
//!
//! Knows the settings that `serving`, `session` and `net` define, and no command.

pub(crate) mod datagram;
pub(crate) mod dial;
pub(crate) mod listen;
pub(crate) mod observers;
pub(crate) mod script;
pub(crate) mod session;
pub(crate) mod socket;
pub(crate) mod tls;
pub(crate) mod values;
