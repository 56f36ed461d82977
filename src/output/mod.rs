//! Everything that sockkit prints: reports, events, diagnostics and errors.
//!
//! Standard output carries data, standard error carries diagnostics. A command computes typed
//! values and passes them to an [`Output`]; only this layer renders them (table, plain, JSON,
//! colour). It knows no command and no socket.

mod color;
mod direction;
mod event;
mod event_queue;
pub mod figures;
mod format;
mod handle;
mod hexdump;
pub(crate) mod json;
mod payload;
mod stats;
mod stdout;
mod table;
mod terminal;
mod write_clock;

pub use self::color::ColorChoice;
pub use self::direction::Direction;
pub use self::event::{Event, NetText};
pub use self::event_queue::{EventQueue, Events, WhenGone};
pub use self::format::{Format, Verbosity};
pub use self::handle::{ErrorReport, Output};
pub use self::hexdump::Hexdump;
pub use self::payload::{Payload, end_standard_output};
pub use self::stats::{FIRST_BYTE, Phase, Stats, TcpFigures};
pub use self::stdout::StdoutError;
pub use self::table::{Cell, Report, Table};
pub use self::terminal::device::Device;
pub use self::terminal::editor::{LineEditor, Typed};
pub use self::terminal::keyboard::Keyboard;
pub use self::terminal::live::LiveLine;
pub use self::terminal::progress::{Meter, Progress};
