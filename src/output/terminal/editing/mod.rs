//! The line being typed: the keys, the line that they change, and how little of it is drawn again.

pub(super) mod edit;
mod history;
pub(super) mod keys;
mod layout;
pub(super) mod line_painter;
pub(super) mod painter;
pub(super) mod rewrap;
mod typewriter;
