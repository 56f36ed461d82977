//! What this machine's resolver knows without DNS: its settings, the search list, and the names of
//! `/etc/hosts`.

pub mod local;
pub mod search;
pub mod setup;
pub mod system;
