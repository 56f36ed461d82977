//! Colour: whether, and for what.
//!
//! Meaning never depends on it. The order of precedence: `--color`, `NO_COLOR`,
//! `CLICOLOR_FORCE`, `CLICOLOR=0`, then whether the stream is a terminal that can show it.

use anstyle::{AnsiColor, Style};

use super::event::{Event, Tone};
use super::hexdump::Direction;

/// The user's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// Colour on a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Colour always
    Always,
    /// No colour
    Never,
}

/// `CLICOLOR_FORCE` set to anything but nothing and 0.
fn is_forced() -> bool {
    std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Applies colour to one stream, or leaves text alone.
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

    pub(super) fn bad(self, text: &str) -> String {
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

    /// The mark of a direction: ours like the prompt, the peer's in green.
    pub(super) fn arrow(self, direction: Direction, text: &str) -> String {
        let color = match direction {
            Direction::In => AnsiColor::Green,
            Direction::Out => AnsiColor::Cyan,
        };
        self.paint(color.on_default(), text)
    }

    /// An event's line, with its first word in the event's tone.
    pub(super) fn event(self, event: &Event) -> String {
        // A reason or a name may be a peer's words.
        let line = super::escape_lines(&event.talk_line());
        let style = match event.tone() {
            Tone::Plain => Style::new().bold(),
            Tone::Good => AnsiColor::Green.on_default().bold(),
            Tone::Bad => AnsiColor::Yellow.on_default().bold(),
        };
        match line.split_once(' ') {
            Some((first, rest)) => format!("{} {rest}", self.paint(style, first)),
            None => self.paint(style, &line),
        }
    }

    fn paint(self, style: Style, text: &str) -> String {
        if self.on { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}
