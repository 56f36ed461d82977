//! Sockets: opening, reaching, serving and emptying them.
//!
//! This layer knows no command and prints nothing; limits and timeouts come as arguments.

pub mod access;
pub mod addr;
pub mod bridge;
pub mod broadcast;
pub mod channel;
pub mod datagram;
pub mod deadline;
pub mod dial;
pub mod endpoint;
pub mod error;
pub mod host;
pub mod inherited;
pub mod lines;
pub mod names;
pub mod options;
mod pipe;
pub mod pump;
pub mod serve;
mod since;
pub mod socket;
pub mod starttls;
pub mod stop;
pub mod stream;
pub mod sys;
pub mod tap;
pub mod tls;
pub mod unix;

pub use self::addr::Addr;
pub use self::deadline::Deadline;
pub use self::endpoint::{Endpoint, Host, ListenAddress, Port};
pub use self::error::Error;
pub use self::stop::Stop;
