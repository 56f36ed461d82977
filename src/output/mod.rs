//! Everything a user or a script sees: reports, events, talk and errors.
//!
//! Standard output is data, standard error is talk. A command computes typed values and gives them
//! to an [`Output`]; how they look (table, plain, JSON, colour) is decided here alone. This layer
//! knows no command and no socket.

mod color;
mod direction;
pub(crate) mod event;
mod event_queue;
pub mod figures;
mod format;
mod handle;
mod hexdump;
pub(crate) mod json;
mod payload;
mod stats;
mod table;
mod terminal;

pub use self::color::ColorChoice;
pub use self::direction::Direction;
pub use self::event::{Event, NetText};
pub use self::event_queue::{EventQueue, Events, WhenGone};
pub use self::format::{Format, Verbosity};
pub use self::handle::{ErrorReport, Output};
pub use self::hexdump::Hexdump;
pub use self::payload::{Payload, end_standard_output};
pub use self::stats::{FIRST_BYTE, Phase, Stats, TcpFigures};
pub use self::table::{Cell, Report, Table};
pub use self::terminal::keyboard::Keyboard;
pub use self::terminal::progress::{Meter, Progress};
