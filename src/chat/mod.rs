//! The chat room as plain state: who is there, what a line means, who gets to see it.
//!
//! No sockets: lines go in, deliveries come out, and a queue holds what a client has yet to read.

pub mod command;
pub mod nick;

pub mod room;
pub mod send_queue;

pub use self::nick::Nick;

/// What a client is asked first.
pub const NICK_PROMPT: &str = "Nickname: ";
