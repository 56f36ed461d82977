//! Where the cursor is after the number of columns has changed. Plain state, no I/O.
//!
//! Some terminals then wrap their lines again (tmux, VTE, Alacritty), which moves the cursor to
//! another row of the line being typed. Others cut the rows (xterm, GNU screen), at least those of
//! the line with the cursor (xterm.js). The environment does not tell them apart: most of them set
//! TERM to `xterm-256color`, and ssh(1) passes nothing else. So the terminal is asked once for the
//! column of the cursor (DSR 6). Only a terminal that wraps its lines again has it in the column
//! that this gives. Another column proves nothing: xterm.js has an option to wrap the line again
//! and leave the cursor in its column. Nor does the row, because the lines above may have been
//! wrapped. In that case, or without an answer, the smaller distance from the first row is the
//! lesser evil: a copy of upper rows of the line may remain, but no message above it is erased.
//! Rows that have scrolled out of the terminal remain in any case.

use std::time::{Duration, Instant};

/// How long to wait for the answer of the terminal, which may be behind a slow connection or on a
/// busy machine. Only a terminal that never answers makes the user wait, and only once.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// A place of the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The distance from the first row of the line that is shown.
    pub(crate) rows: usize,
    /// From 0. After the last column was written, this is the number of columns.
    pub(crate) column: usize,
}

/// Where the cursor can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// If the terminal has cut the rows.
    pub(crate) cut: Place,
    /// If the terminal has wrapped the line again.
    pub(crate) wrapped: Place,
    /// The number of columns now.
    pub(crate) columns: usize,
}

/// What to do with a line after the number of columns has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The cursor is this many rows below the first row of the line.
    Rows(usize),
    /// The terminal must be asked for the cursor.
    Ask,
    /// The terminal was asked, and may take this long to answer.
    Wait(Duration),
}

/// What is known about the terminal.
#[derive(Debug, Default)]
pub(crate) struct Rewrap {
    /// Whether it is known to wrap lines again.
    wraps_again: bool,
    /// Whether asking it makes no sense any more.
    is_settled: bool,
    asked: Option<Asked>,
}

#[derive(Debug)]
struct Asked {
    columns: usize,
    at: Instant,
}

impl Places {
    fn last(self) -> usize {
        self.columns.saturating_sub(1)
    }

    /// Returns the column of `place` on the terminal. After the last column was written, most
    /// terminals report that column, but tmux the next one.
    fn shown_column(self, place: Place) -> usize {
        place.column.min(self.last())
    }

    /// Returns whether it does not matter which place it is, or whether the column does not tell.
    fn agree(self) -> bool {
        let Self { cut, wrapped, .. } = self;
        cut.rows == wrapped.rows || self.shown_column(cut) == self.shown_column(wrapped)
    }
}

impl Rewrap {
    /// Decides where the cursor is. Unless it `may_wait`, the terminal is not asked.
    pub(crate) fn decide(&mut self, places: Places, may_wait: bool) -> Decision {
        if let Some(asked) = &self.asked {
            let rest = ANSWER_TIMEOUT.saturating_sub(asked.at.elapsed());
            if may_wait && !rest.is_zero() {
                return Decision::Wait(rest);
            }
            self.is_settled |= rest.is_zero();
            self.asked = None;
        }
        if !may_wait || self.is_settled || places.agree() {
            return Decision::Rows(self.rows(places));
        }
        self.asked = Some(Asked { columns: places.columns, at: Instant::now() });
        Decision::Ask
    }

    /// Returns how many rows the cursor is below the first row of the line, at least.
    fn rows(&self, Places { cut, wrapped, .. }: Places) -> usize {
        if self.wraps_again { wrapped.rows } else { cut.rows.min(wrapped.rows) }
    }

    /// Learns from the terminal's answer that the cursor is in this column, from 0.
    pub(crate) fn learn(&mut self, column: usize, places: Option<Places>) {
        let (Some(asked), Some(places)) = (self.asked.take(), places) else { return };
        // The width may have changed again since the terminal was asked.
        if asked.columns == places.columns {
            self.is_settled = true;
            self.wraps_again = places.shown_column(places.wrapped) == column.min(places.last());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: Places = Places {
        cut: Place { rows: 1, column: 9 },
        wrapped: Place { rows: 2, column: 3 },
        columns: 10,
    };

    #[test]
    fn the_terminal_is_asked_once_and_only_its_column_proves_that_it_wraps_again() {
        for (column, expected) in [(3, 2), (9, 1), (10, 1), (5, 1)] {
            let mut rewrap = Rewrap::default();
            assert_eq!(rewrap.decide(PLACES, true), Decision::Ask);
            assert!(matches!(rewrap.decide(PLACES, true), Decision::Wait(_)));
            rewrap.learn(column, Some(PLACES));
            assert_eq!(rewrap.decide(PLACES, true), Decision::Rows(expected), "{column}");
            let wider = Places { cut: PLACES.wrapped, wrapped: PLACES.cut, ..PLACES };
            assert_eq!(rewrap.decide(wider, true), Decision::Rows(1), "{column}");
        }
    }

    #[test]
    fn the_column_behind_the_last_one_is_the_last_one() {
        for column in [9, 10] {
            let mut rewrap = Rewrap::default();
            let (cut, wrapped) = (Place { rows: 1, column: 3 }, Place { rows: 2, column: 10 });
            let places = Places { cut, wrapped, columns: 10 };
            assert_eq!(rewrap.decide(places, true), Decision::Ask);
            rewrap.learn(column, Some(places));
            assert_eq!(rewrap.decide(places, true), Decision::Rows(2));
        }
    }

    #[test]
    fn an_answer_for_another_width_is_not_used() {
        let mut rewrap = Rewrap::default();
        assert_eq!(rewrap.decide(PLACES, true), Decision::Ask);
        let narrower = Places { columns: 9, ..PLACES };
        rewrap.learn(3, Some(narrower));
        assert_eq!(rewrap.decide(narrower, true), Decision::Ask);
    }

    #[test]
    fn without_an_answer_nothing_above_the_line_is_erased() {
        let mut rewrap = Rewrap::default();
        assert_eq!(rewrap.decide(PLACES, false), Decision::Rows(1));
        // The column would not tell.
        let wrapped = Place { rows: 0, column: 10 };
        assert_eq!(rewrap.decide(Places { wrapped, ..PLACES }, true), Decision::Rows(0));
        assert_eq!(rewrap.decide(PLACES, true), Decision::Ask);
        rewrap.asked.as_mut().unwrap().at -= ANSWER_TIMEOUT;
        assert_eq!(rewrap.decide(PLACES, true), Decision::Rows(1));
        // The terminal is not asked again.
        assert_eq!(rewrap.decide(PLACES, true), Decision::Rows(1));
    }
}
