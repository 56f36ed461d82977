//! A line on standard error that is updated in place while a command works, on a terminal only.
//!
//! The command only stores the text; a thread draws it, so a slow terminal delays nothing.
//! Diagnostics and results are printed above the line.

use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::format::Verbosity;
use crate::output::handle::Output;
use crate::output::terminal::bar::Drawing;
use crate::output::terminal::screen::Terminal;
use crate::sync::lock;

/// How long a command works before the line appears, and the time between two updates.
const LIVE_INTERVALS: (Duration, Duration) =
    (Duration::from_millis(500), Duration::from_millis(100));

/// The templates of the line: with a known total, and without.
const LIVE_TEMPLATES: [&str; 2] = ["[{bar:24}] {msg}", "{spinner} {msg}"];

/// A line that is updated in place; dropping it clears it.
#[derive(Debug)]
pub struct LiveLine {
    content: Arc<Mutex<LiveContent>>,
    out: Output,
    drawing: Option<Drawing>,
}

#[derive(Debug, Default)]
struct LiveContent {
    text: String,
    /// How much is done, and how much there is in total, for a bar.
    share: Option<(u64, u64)>,
}

impl LiveLine {
    /// Starts a line if standard error is a terminal. Returns `None` otherwise, with `-q`, and with
    /// JSON on the terminal.
    pub fn start(out: Output) -> Option<Self> {
        let shows_json = out.is_json() && out.is_on_terminal();
        let is_wanted = out.verbosity() >= Verbosity::Normal && !shows_json;
        if !is_wanted || !io::stderr().is_terminal() {
            return None;
        }
        let content = Arc::<Mutex<LiveContent>>::default();
        let (shared, terminal) = (Arc::clone(&content), out.terminal());
        // If the thread cannot be started, the command works without a line.
        let drawing = Drawing::start("live", move |stopped| draw(terminal, &shared, stopped))?;
        Some(Self { content, out, drawing: Some(drawing) })
    }

    /// Changes the text, which must be safe to print, and the share of a bar.
    pub fn set(&self, text: String, share: Option<(u64, u64)>) {
        let mut content = lock(&self.content);
        (content.text, content.share) = (text, share);
    }
}

impl Drop for LiveLine {
    fn drop(&mut self) {
        let drawing = self.drawing.take();
        self.out.during_write(|| {
            self.out.terminal().bar().end();
            drop(drawing);
        });
    }
}

fn draw(terminal: &Terminal, content: &Mutex<LiveContent>, stopped: &Receiver<()>) {
    let (mut wait, interval) = LIVE_INTERVALS;
    let mut shows_bar = None;
    while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        wait = interval;
        let (text, share) = {
            let content = lock(content);
            (content.text.clone(), content.share)
        };
        if text.is_empty() {
            continue;
        }
        let goes_on = terminal.bar().draw(|bar| {
            // indicatif hides the bar if the terminal cannot move its cursor.
            let bar = bar.get_or_insert_with(|| ProgressBar::new(0));
            if shows_bar != Some(share.is_some()) {
                shows_bar = Some(share.is_some());
                let template = LIVE_TEMPLATES[usize::from(share.is_none())];
                let style = ProgressStyle::with_template(template);
                let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
                bar.set_style(style.progress_chars("=> "));
            }
            if let Some((done, total)) = share {
                bar.set_length(total);
                bar.set_position(done);
            }
            bar.set_message(text);
            bar.tick();
        });
        if !goes_on {
            return;
        }
    }
    terminal.bar().clear_ended();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid() {
        assert!(LIVE_TEMPLATES.iter().all(|it| ProgressStyle::with_template(it).is_ok()));
    }
}
