//! Sockets: addresses, connecting, probing, listening, streams, datagrams, relaying and TLS.
//!
//! This layer depends on no command and prints nothing; limits and timeouts are arguments.

pub mod accept;
pub mod address;
pub mod bind;
pub mod datagram;
pub mod deadline;
pub mod dial;
pub mod end;
pub mod error;
mod idle_clock;
pub mod ping;
pub mod probe;
pub mod relay;
pub mod runtime;
pub mod self_connection;
pub mod socket_file;
pub mod socket_options;
pub mod stop;
pub mod stream;
pub mod tls;

pub use self::address::addr::Addr;
pub use self::address::endpoint::Endpoint;
pub use self::address::host::{Host, Port};
pub use self::address::listen::ListenAddress;
pub use self::deadline::Deadline;
pub use self::end::ExchangeEnd;
pub use self::error::Error;
pub use self::idle_clock::IdleClock;
pub use self::stop::Stop;
