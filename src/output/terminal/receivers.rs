//! How many clients receive the lines that are typed, which the prompt shows.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::output::terminal::wake::Wake;

/// The number of clients, and what draws the prompt again when it changes.
#[derive(Debug)]
pub(super) struct Receivers {
    clients: AtomicUsize,
    /// The thread that waits for keys, and draws the prompt; nothing while no lines are edited.
    editor: OnceLock<Arc<Wake>>,
}

impl Default for Receivers {
    fn default() -> Self {
        Self { clients: AtomicUsize::new(1), editor: OnceLock::new() }
    }
}

impl Receivers {
    /// Sets the number; the line editor shows it at once, another prompt the next time. Never waits
    /// for the terminal.
    pub(super) fn set(&self, clients: usize) {
        if self.clients.swap(clients, Ordering::Relaxed) != clients
            && let Some(editor) = self.editor.get()
        {
            editor.wake();
        }
    }

    /// Wakes `editor` from now on when the number changes.
    pub(super) fn set_editor(&self, editor: Arc<Wake>) {
        // A process has one editor.
        self.editor.set(editor).ok();
    }

    /// Returns `prompt` with the number before it, unless that is 1.
    pub(super) fn prompt(&self, prompt: &str) -> String {
        match self.clients.load(Ordering::Relaxed) {
            1 => prompt.to_owned(),
            clients => format!("{clients} clients{prompt}"),
        }
    }
}
