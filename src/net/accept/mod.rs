//! The accept loop that every server uses: connection slots, eviction, workers, access control and
//! inherited sockets.

mod accept_loop;
pub mod access;
mod client_slot;
pub mod descriptors;
pub mod inherited;
pub mod listener;
mod service;
#[cfg(test)]
pub(crate) mod sim;
mod slot;
mod slot_table;
mod slots;
#[cfg(test)]
mod tests;
mod workers;

pub use self::accept_loop::serve;
pub use self::client_slot::{ClientSlot, LeaveReason};
pub use self::service::{
    AcceptNotice, AcceptSettings, Client, Connection, ObserverFactory, SecuredClient, ServeSummary,
    Service, WhenFull,
};

#[cfg(test)]
pub use self::slots::task_size;
pub use self::workers::default_workers;
