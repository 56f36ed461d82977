//! The run of a server command above the accept loop: opening the sockets, the port file,
//! signals, and the end of the run.

pub(crate) mod events;
mod port_file;
pub(crate) mod readiness;
mod run;
pub(crate) mod settings;

pub(crate) use self::run::{ServerEnd, ServerPlan, run, run_until_stopped};
