//! Addresses: endpoints, services, host names and interfaces, each parsed once.

pub mod addr;
pub mod endpoint;
pub mod host;
pub mod interface;
pub mod listen;
pub mod names;
pub mod parse;
pub mod ports;
pub mod service;
pub mod service_names;
pub mod targets;
pub mod transport;
pub mod unix;
