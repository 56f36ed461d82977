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

    pub(super) fn paint(self, style: Style, text: &str) -> String {
        if self.on { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// The colours of peers. Red is for errors; yellow and bright colours are hard to read on a light
/// background.
const PEER_COLORS: [AnsiColor; 4] =
    [AnsiColor::Green, AnsiColor::Blue, AnsiColor::Magenta, AnsiColor::Cyan];

/// Styles the names of peers: those that have sent last have different colours.
#[derive(Debug)]
pub(super) struct PeerColors {
    paint: Paint,
    /// The peers with a colour, and that colour; the one that has sent last is the last.
    recent: Vec<(String, AnsiColor)>,
}

impl PeerColors {
    pub(super) fn new(paint: Paint) -> Self {
        Self { paint, recent: Vec::new() }
    }

    /// Styles the name of the peer that sends now.
    pub(super) fn style(&mut self, name: &str) -> String {
        let color = match self.recent.iter().position(|(known, _)| known == name) {
            Some(at) => self.recent.remove(at).1,
            None if self.recent.len() < PEER_COLORS.len() => PEER_COLORS[self.recent.len()],
            None => self.recent.remove(0).1,
        };
        self.recent.push((name.to_owned(), color));
        self.paint.paint(color.on_default().bold(), name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_peers_that_sent_last_have_different_colours() {
        let mut colors = PeerColors::new(Paint { on: true });
        let mut color = |name: &str| colors.style(name).replace(name, "");
        let first: Vec<String> = ["a", "b", "c", "d"].map(&mut color).into();
        assert_eq!(first.iter().collect::<std::collections::HashSet<_>>().len(), 4);
        // Known peers keep their colour, and a new one gets that of the longest silence.
        assert_eq!(color("a"), first[0]);
        assert_eq!(color("e"), first[1]);
        assert_eq!([color("c"), color("d"), color("a")], [2, 3, 0].map(|at| first[at].clone()));
        assert_eq!(color("b"), first[1]);
    }
}
