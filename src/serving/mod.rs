//! What the servers share above the accept loop: readiness, the port file, signals, the drain and
//! the last events.

pub(crate) mod events;
mod port_file;
pub(crate) mod readiness;
mod run;
pub(crate) mod settings;

pub(crate) use self::run::{EVENT_FLUSH_TIMEOUT, ServerPlan, run};
