//! The accept loop that every server uses: connection slots, eviction, workers, access control and
//! inherited sockets.

mod accept_loop;
pub mod access;
pub mod descriptors;
pub mod inherited;
pub mod listener;
mod service;
mod slot;
mod slots;
#[cfg(test)]
mod tests;
mod workers;

pub use self::accept_loop::serve;
pub use self::service::{
    AcceptNotice, AcceptSettings, Connection, ServeSummary, Service, WhenFull,
};
pub use self::slot::{ClientSlot, LeaveReason};
pub use self::workers::default_workers;
