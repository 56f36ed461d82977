//! Decides whether a stream is coloured, and defines the styles.
//!
//! No information is conveyed by colour alone. Order of precedence: `--color`, `NO_COLOR`,
//! `CLICOLOR_FORCE`, `CLICOLOR=0`, then whether the stream is a terminal that supports colour.

use anstyle::{AnsiColor, Style};

use crate::output::direction::Direction;

/// The value of `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// Use colour on a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always use colour
    Always,
    /// Never use colour
    Never,
}

/// Returns whether `CLICOLOR_FORCE` is set to a value other than the empty string and `0`.
fn is_forced() -> bool {
    std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Styles the text of one stream if colour is on for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    on: bool,
}

impl Paint {
    pub(super) fn decide(choice: ColorChoice, is_terminal: bool) -> Self {
        let on = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if anstyle_query::no_color() => false,
            ColorChoice::Auto if is_forced() => true,
            ColorChoice::Auto => {
                is_terminal
                    && anstyle_query::term_supports_color()
                    && anstyle_query::clicolor() != Some(false)
            }
        };
        Self { on }
    }

    pub(super) fn is_on(self) -> bool {
        self.on
    }

    pub(super) fn error(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default().bold(), text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    pub(super) fn header(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    pub(super) fn prompt(self, text: &str) -> String {
        self.paint(AnsiColor::Cyan.on_default().bold(), text)
    }

    /// Styles the mark of a direction: sent bytes in the prompt's colour, received bytes in green.
    pub(super) fn arrow(self, direction: Direction, text: &str) -> String {
        let color = match direction {
            Direction::In => AnsiColor::Green,
            Direction::Out => AnsiColor::Cyan,
        };
        self.paint(color.on_default(), text)
    }

    /// Styles the name of a peer in one of several colours, always the same one for the same name.
    /// Yellow and bright colours are hard to read on a light background.
    pub(super) fn peer(self, name: &str) -> String {
        let colors = [AnsiColor::Green, AnsiColor::Blue, AnsiColor::Magenta, AnsiColor::Red];
        let sum = name.bytes().fold(0, |sum: usize, byte| sum.wrapping_add(byte.into()));
        self.paint(colors[sum % colors.len()].on_default().bold(), name)
    }

    pub(super) fn paint(self, style: Style, text: &str) -> String {
        if self.on { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}
