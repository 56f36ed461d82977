//! Control sequences for the terminal that several modules write.

/// Clears the cursor's row and all rows below it, and moves the cursor to the first column. Begins
/// with the second column, because tmux moves the screen to its history if all of it is cleared
/// from its first cell on.
pub(super) const CLEAR_ROWS: &str = "\x1b[2G\x1b[J\r\x1b[K";
