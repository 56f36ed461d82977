//! One stream or datagram exchange as `connect` and `listen` hold it: what is at our end, what
//! observes it, and how it ends.

pub(crate) mod child_process;
pub(crate) mod datagrams;
pub(crate) mod dial;
pub(crate) mod observers;
pub(crate) mod outcome;
mod recording;
mod scripted;
pub(crate) mod settings;
pub(crate) mod signals;
pub(crate) mod standard_io;
pub(crate) mod stream;
pub(crate) mod terminal;
pub(crate) mod timeline;
pub(crate) mod tls;
