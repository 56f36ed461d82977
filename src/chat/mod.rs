//! The chat room as plain state: nicknames, commands, members, and who receives each line.
//!
//! It knows no sockets: it takes lines and returns deliveries. A bounded queue holds the lines that
//! a client has not received yet.

pub mod command;
pub mod nick;
pub mod room;
pub mod send_queue;

pub use self::nick::Nick;

/// The first prompt that a client receives.
pub const NICK_PROMPT: &str = "Nickname: ";
