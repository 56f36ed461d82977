//! Relays bytes in both directions between a connection and a local source and sink, and decides
//! how the connection ends.

pub(crate) mod acknowledgement;
mod buffers;
mod end;
mod input;
mod pipe;
mod settings;
mod shared_input;
mod sink;
mod source;
mod transfer;

pub use self::end::StreamEnd;
pub use self::input::Input;
pub use self::settings::{LineEnds, RelaySettings};
pub use self::shared_input::SharedInput;
pub use self::sink::{BlockingWriter, Sink};
pub use self::source::Source;
pub use self::transfer::run;
