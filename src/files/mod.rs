//! Files that sockkit writes: how they are opened, appended to and replaced.

pub mod append;
pub mod record_log;
