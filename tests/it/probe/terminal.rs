//! `probe` at a terminal: the live line and the pictures.

use std::path::Path;

use super::open_port;
use crate::support::{ClosedPort, Terminal};

#[test]
fn repeated_probes_end_with_a_histogram_at_a_terminal() {
    let (_listener, open) = open_port();
    let mut terminal = Terminal::start(&format!("probe {open} -c 4 -i 300ms"), Path::new("/"));
    // The live line: the strip of the last results.
    terminal.screen.wait_for_text(" of ");
    assert_eq!(terminal.exit_code(), 0);
    let shown = terminal.full_output();
    assert!(shown.contains("HISTOGRAM") && shown.contains("██"), "{shown:?}");
}

#[test]
fn a_wait_shows_at_a_terminal_what_is_missing() {
    let port = ClosedPort::new();
    let mut terminal =
        Terminal::start(&format!("probe {} --wait 30s", port.addr()), Path::new("/"));
    terminal.screen.wait_for_text("s: ");
    let _listener = port.open();
    assert_eq!(terminal.exit_code(), 0);
}
