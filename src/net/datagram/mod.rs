//! Datagrams over UDP and Unix sockets: opening sockets, splitting input into datagrams, and
//! exchanging them with one peer or with many.
//!
//! A datagram arrives whole or not at all, and may be empty. There is no connection, so a peer
//! cannot signal its end: only the local side ends an exchange. This module depends on no command
//! and prints nothing.

mod address;
mod exchange;
mod observer;
mod open;
mod outgoing;
mod packet_info;
mod peers;
mod progress;
mod server;
mod socket;
mod split;

pub use self::observer::DatagramObserver;
pub use self::open::{DatagramBind, DatagramTarget, OpenError};
pub use self::progress::DatagramCounts;
pub use self::socket::DatagramSocket;
pub use self::split::{Split, Splitter, TooLong};
pub use crate::net::datagram::exchange::{ExchangePeer, ExchangeSettings, exchange_datagrams};
pub use crate::net::datagram::outgoing::Outgoing;
pub use crate::net::datagram::server::{
    DatagramListenSettings, DatagramListener, DatagramNotice, Reported,
};

/// The maximum payload of a datagram, in bytes: the 65,535 bytes of an IPv4 packet less the IPv4
/// and UDP headers (RFC 791, RFC 768). IPv6 and Unix sockets have the same limit here, so that a
/// command line works with every address family.
pub const MAX_DATAGRAM: usize = 65_507;
