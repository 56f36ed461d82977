//! The DNS: questions, answers, and what this machine is told to ask.
//!
//! From the wire upwards: [`record_type`], [`rcode`], [`name`] and [`record`] are the words of the
//! protocol, [`message`] is one packet, [`exchange`] one question to one server, [`lookup`] the
//! whole way from a name to its records. It knows no command and prints nothing.
//!
//! The codec is hickory's, and only the codec: its resolver hides which server answered, invents
//! answers for special names and takes an alias loop for an empty answer.

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
