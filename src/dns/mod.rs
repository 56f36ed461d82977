//! DNS: questions, replies, and this machine's resolver settings.
//!
//! From the wire upwards: [`record_type`], [`class`], [`rcode`], [`name`] and [`record`] are the
//! elements of the protocol, [`query`] and [`reply`] are messages, [`exchange`] is one question to
//! one server, and [`lookup`] is the complete path from a name to its records. The module depends
//! on no command and prints nothing.
//!
//! Only the codec of hickory is used: its resolver hides which server answered, answers some
//! special names without a query, and reports an alias loop as an empty answer.

pub mod alias;
pub mod attempt;
pub mod class;
pub mod edns;
pub mod exchange;
pub mod international;
pub mod local;
pub mod lookup;
pub mod name;
pub mod query;
pub mod query_name;
pub mod rcode;
pub(crate) mod rdata;
pub mod record;
pub mod record_type;
pub mod reply;
pub mod search;
pub mod server;
pub mod setup;
pub mod system;
pub mod trace;
pub mod validation;

pub use hickory_resolver::proto::rr::Name;
