//! Programs that sockkit runs at its end of a connection (`--exec`) or beside a listener (`--
//! CMD`).

pub(crate) mod command;
pub(crate) mod exec;
