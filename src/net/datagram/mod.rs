//! Datagrams, over UDP and Unix sockets: opening, splitting, talking to one peer or to many.
//!
//! A datagram is whole or not there at all, and may be empty; there is no connection, and so no
//! end but our own. Nothing here knows a command, or what is printed.

mod address;
mod exchange;
mod open;
mod outgoing;
mod packet_info;
mod peers;
mod progress;
mod server;
mod socket;
mod split;

pub use self::open::{DatagramBind, DatagramTarget, OpenError};
pub use self::progress::{DatagramCounts, DatagramEnd};
pub use self::socket::DatagramSocket;
pub use self::split::{Split, Splitter, TooLong};
pub use crate::net::datagram::exchange::{ExchangeSettings, converse};
pub use crate::net::datagram::outgoing::Outgoing;
pub use crate::net::datagram::server::{DatagramListenSettings, DatagramListener, DatagramNotice};

/// The most bytes a datagram carries: what IPv4 leaves UDP of 65,535 after both headers
/// (RFC 791, RFC 768). The same everywhere, so that a command line works everywhere.
pub const MAX_DATAGRAM: usize = 65_507;
