//! The terminal: shared output, line editor, keyboard input and progress bar.

pub(crate) mod bar;
mod drawing;
pub(crate) mod editor;
pub(crate) mod keyboard;
mod partial_line;
pub(crate) mod progress;
pub(crate) mod screen;
