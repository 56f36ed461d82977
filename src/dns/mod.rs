//! DNS: questions, replies, and this machine's resolver settings.
//!
//! From the wire upwards: [`name`] and [`message`] are what the protocol consists of, [`exchange`]
//! is one question to one server, and [`lookup`] is the complete path from a name to its records.
//! [`machine`] has this machine's settings. The module depends on no command and prints nothing.
//!
//! Only the codec of hickory is used: its resolver hides which server answered, answers some
//! special names without a query, and reports an alias loop as an empty answer.

pub mod exchange;
pub mod lookup;
pub mod machine;
pub mod message;
pub mod name;
pub mod server;
pub mod trace;
pub mod validation;

pub use hickory_resolver::proto::rr::Name;
