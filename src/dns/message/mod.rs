//! The elements of the protocol and its messages: [`record_type`], [`class`] and [`rcode`], records
//! and the data in them, and queries and replies as octets.
//!
//! Everything here is plain data: it knows neither servers nor sockets.

pub mod class;
pub mod edns;
pub mod query;
pub mod rcode;
pub(crate) mod rdata;
pub mod record;
pub mod record_type;
pub mod reply;
