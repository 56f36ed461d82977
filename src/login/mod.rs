//! The login protocol as plain state: the server's dialogue, the log record, the client's parser.
//!
//! It knows no sockets and no files: it takes bytes, and returns replies to send and records to
//! write.

pub mod client;
pub mod record;
pub mod server;
