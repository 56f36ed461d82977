//! Reads the files that `--record` writes.

use std::fs::{self};
use std::path::{Path, PathBuf};

use serde_json::Value;

pub(crate) fn recording_path() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("talk.jsonl");
    (directory, path)
}

pub(crate) fn read_recording(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The payload of one direction of the connection with `peer`.
pub(crate) fn payload_of(lines: &[Value], direction: &str, peer: &str) -> String {
    let data = lines.iter().filter(|line| line["type"] == "data" && line["peer"] == peer);
    let data = data.filter(|line| line["direction"] == direction);
    data.map(|line| line["text"].as_str().unwrap()).collect()
}
