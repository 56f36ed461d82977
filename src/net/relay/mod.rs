//! Relays bytes in both directions between a stream and a local source and sink, and decides how
//! the stream ends.

mod activity;
mod buffers;
mod endings;
mod flush;
mod input;
mod pipe;
mod settings;
mod shared_input;
#[cfg(test)]
pub(crate) mod sim;
mod sink;
mod source;
mod transfer;

pub use self::flush::flush;
pub use self::input::Input;
pub use self::settings::{FinRule, LineEnds, RelaySettings, StopRule};
pub use self::shared_input::SharedInput;
pub use self::sink::{BlockingWriter, Sink};
pub use self::source::Source;
pub use self::transfer::run;
