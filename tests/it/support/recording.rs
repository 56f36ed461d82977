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

/// The lines without the first one, each as its type, followed by what tells it apart from others
/// of this type.
pub(crate) fn course_of(lines: &[Value]) -> Vec<String> {
    let word = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let course = lines[1..].iter().map(|line| match line["type"].as_str().unwrap() {
        "data" => format!("data {}", word(line, "direction")),
        "end" => format!("end {} {}", word(line, "side"), word(line, "how")),
        kind => kind.to_owned(),
    });
    course.collect()
}

/// The payload of one direction of the connection with `peer`.
pub(crate) fn payload_of(lines: &[Value], direction: &str, peer: &str) -> String {
    let data = lines.iter().filter(|line| line["type"] == "data" && line["peer"] == peer);
    let data = data.filter(|line| line["direction"] == direction);
    data.map(|line| line["text"].as_str().unwrap()).collect()
}
