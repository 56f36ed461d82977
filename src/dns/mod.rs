//! DNS: questions, replies, and this machine's resolver settings.
//!
//! From the wire upwards: [`record_type`], [`rcode`], [`name`] and [`record`] are the elements of
//! the protocol, [`message`] is one packet, [`exchange`] is one question to one server, and
//! [`lookup`] is the complete path from a name to its records. The module depends on no command and
//! prints nothing.
//!
//! Only the codec of hickory is used: its resolver hides which server answered, answers some
//! special names without a query, and reports an alias loop as an empty answer.

pub mod alias;
pub mod exchange;
pub mod lookup;
pub mod message;
pub mod name;
pub mod query_name;
pub mod rcode;
pub mod record;
pub mod record_type;
pub mod server;
pub mod system;

pub use hickory_resolver::proto::rr::Name;
