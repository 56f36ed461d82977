//! A session of `connect` or `listen`: one connection or datagram exchange, driven by standard
//! input and output, a script or a child process, with its observers and its outcome.

pub(crate) mod child_process;
pub(crate) mod datagrams;
pub(crate) mod dial;
pub(crate) mod ending;
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
