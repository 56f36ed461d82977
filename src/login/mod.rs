//! The login exercise as plain state: the conversation, the record, the client's reading of it.
//!
//! No sockets, no files: bytes and lines go in, what to say and what to record comes out.

pub mod client;
pub mod record;
pub mod server;
