//! Black-box tests: one test binary, one module for each command.
//!
//! `tests/README.md` explains the case ids in the names of tests.
#![expect(clippy::unwrap_used, reason = "a step that fails should fail its test")]
#![expect(clippy::items_after_statements, reason = "a trait is imported where a test needs it")]
#![expect(clippy::large_stack_arrays, reason = "test data stands next to its use")]

mod architecture;
mod blocked_output;
mod bytes;
mod case_ids;
mod chat_server;
mod connect;
mod contract;
mod course;
mod doctor;
mod echo_server;
mod faults;
mod generated;
mod info;
mod interop;
mod json;
mod json_doc;
mod key_log;
mod listen;
mod login;
mod login_server;
mod port_file;
mod probe;
mod readme;
mod resets;
mod resolve;
mod script_doc;
mod signals;
mod standard_output;
mod support;
mod usage;

use std::fs;
use std::path::Path;

#[test]
fn no_test_file_is_forgotten() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    every_entry_is_declared(&folder, "main.rs");
}

/// Asserts that the file called `parent` declares every other file and folder beside it.
fn every_entry_is_declared(folder: &Path, parent: &str) {
    let text = fs::read_to_string(folder.join(parent)).unwrap();
    let declared: Vec<_> = text
        .lines()
        .filter_map(|line| {
            line.strip_suffix(';')?.trim_start_matches("pub(crate) ").strip_prefix("mod ")
        })
        .collect();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let module = entry.file_stem().unwrap().to_str().unwrap();
        let known = entry.ends_with(parent) || declared.contains(&module);
        assert!(known, "{} never runs", entry.display());
        if entry.is_dir() {
            every_entry_is_declared(&entry, "mod.rs");
        }
    }
}
