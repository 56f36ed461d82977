//! The terminal: shared output, line editor, keyboard input and progress bar.

mod bar;
pub(crate) mod device;
mod edit_session;
mod editing;
pub(crate) mod editor;
pub(crate) mod keyboard;
mod partial_line;
pub(crate) mod progress;
pub(crate) mod screen;
