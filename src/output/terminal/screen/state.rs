//! What is on the screen, as far as the next output depends on it.

use crate::output::color::Paint;
use crate::output::terminal::device::Device;
use crate::output::terminal::edit_session::EditSession;
use crate::output::terminal::editing::painter::Size;
use crate::output::terminal::partial_line::PartialLine;

/// What precedes each line of a peer, where several peers send.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) peer: String,
    /// The peer in words, and in colour if that is on.
    pub(crate) text: String,
}

/// A piece of output.
#[derive(Debug)]
pub(super) enum Piece {
    /// Escaped text from a peer, which can end in the middle of a line.
    Peer(String, Option<Label>),
    /// Diagnostics, which are whole lines.
    Diagnostics(String),
}

/// The screen.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// The session in which the user edits lines, if there is one.
    pub(super) edits: Option<EditSession>,
    /// The prompt of an interactive session without an editor; this module prints it.
    pub(super) prompt: Option<(String, Paint)>,
    /// Whether the prompt is on the cursor's line, possibly with typed text after it.
    pub(super) is_prompted: bool,
    /// Whether a peer's text without a newline is on the cursor's line.
    pub(super) is_mid_line: bool,
    /// A peer's line without a newline so far. It is on the cursor's line, or while a line is
    /// edited, directly above the prompt.
    partial_line: PartialLine,
    /// The number of columns for which that is true.
    columns: usize,
    /// The peer whose line is incomplete, if peers are labelled.
    labelled: Option<String>,
}

impl Screen {
    /// Returns whether the line being typed is on the screen.
    pub(super) fn is_editing(&self) -> bool {
        self.edits.as_ref().is_some_and(EditSession::shows_line)
    }

    /// Records that the cursor is on a new line.
    pub(super) fn start_new_line(&mut self) {
        (self.is_prompted, self.is_mid_line) = (false, false);
        self.partial_line.clear();
        self.labelled = None;
    }

    /// Returns the text of the labelled peer with the label before each line. A line that continues
    /// has its label already; the text begins with `row` if another peer's line is incomplete.
    pub(super) fn add_label(&mut self, text: &str, label: Label, row: &str) -> String {
        self.adapt_to_size();
        let continues = self.labelled.as_ref() == Some(&label.peer);
        let mut labelled = String::new();
        if !continues {
            self.partial_line.clear();
            labelled.push_str(row);
        }
        for (index, line) in text.split_inclusive('\n').enumerate() {
            if index > 0 || !continues {
                labelled.push_str(&label.text);
            }
            labelled.push_str(line);
        }
        self.labelled = (!text.ends_with('\n')).then_some(label.peer);
        labelled
    }

    /// Returns `piece` as text for the beginning of an empty row. The text ends with a newline,
    /// even if the peer's last line is incomplete and continues later.
    pub(super) fn render(&mut self, piece: Piece) -> String {
        match piece {
            Piece::Peer(text, label) => {
                let text = match label {
                    Some(label) => self.add_label(&text, label, ""),
                    None => text,
                };
                self.adapt_to_size();
                let mut rendered = self.partial_line.redraw(self.columns);
                rendered += &text;
                self.partial_line.append(&text, self.columns);
                if !self.partial_line.is_empty() {
                    rendered.push('\n');
                }
                rendered
            }
            Piece::Diagnostics(lines) => {
                self.partial_line.clear();
                self.labelled = None;
                lines
            }
        }
    }

    /// Records that `text` from a peer was written at the cursor.
    pub(super) fn append_partial(&mut self, text: &str) {
        self.adapt_to_size();
        self.partial_line.append(text, self.columns);
    }

    /// Discards an incomplete line if the number of columns has changed: the terminal may have cut
    /// it or wrapped it again. The peer's next bytes begin a new line.
    fn adapt_to_size(&mut self) {
        let Size { columns, .. } = Device::StandardOutput.size();
        if columns != self.columns {
            self.columns = columns;
            self.partial_line.clear();
            self.labelled = None;
        }
    }
}
