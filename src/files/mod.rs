//! The files that sockkit writes: how it opens them and appends to them.
//!
//! Knows no command and no format.

pub mod append;
pub mod record_log;
