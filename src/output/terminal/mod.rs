//! The terminal: shared output, line editor, keyboard input, progress bar and live line.

mod bar;
pub(crate) mod device;
mod edit_session;
mod editing;
pub(crate) mod editor;
pub(crate) mod keyboard;
pub(crate) mod live;
mod partial_line;
pub(crate) mod progress;
mod receivers;
pub(crate) mod screen;
mod sequences;
mod wake;
