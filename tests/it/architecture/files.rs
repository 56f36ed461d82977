//! The form of a file: it begins with its documentation, no comment is wider than 100 columns, and
//! no file in `src` is longer than 400 lines.

use std::collections::BTreeMap;

use super::{all_files, assert_none, root};

/// The widest comment line, in characters.
const COMMENT_COLUMNS: usize = 100;

/// The longest file in `src`, in lines.
const FILE_LINES: usize = 400;

/// The files in `src` that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

#[test]
fn every_file_begins_with_its_documentation() {
    assert_none(&undocumented(&all_files(root())));
}

#[test]
fn no_comment_exceeds_100_columns() {
    assert_none(&wide_comments(&all_files(root())));
}

#[test]
fn no_file_in_src_exceeds_400_lines() {
    assert_none(&long_files(&all_files(root())));
}

pub(crate) fn undocumented(files: &BTreeMap<String, String>) -> Vec<String> {
    let undocumented = files.iter().filter(|(_, text)| !text.starts_with("//! "));
    undocumented.map(|(path, _)| format!("{path} does not begin with `//! `")).collect()
}

pub(crate) fn wide_comments(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut wide = Vec::new();
    for (path, text) in files {
        for (number, line) in text.lines().enumerate() {
            let columns = line.chars().count();
            if line.trim_start().starts_with("//") && columns > COMMENT_COLUMNS {
                wide.push(format!("{path}:{} has {columns} columns", number + 1));
            }
        }
    }
    wide
}

pub(crate) fn long_files(files: &BTreeMap<String, String>) -> Vec<String> {
    let lengths = files.iter().map(|(path, text)| (path, text.lines().count()));
    let long = lengths.filter(|(path, lines)| {
        let is_expected = LONG_FILES.iter().any(|(long, _)| long == path);
        path.starts_with("src/") && *lines > FILE_LINES && !is_expected
    });
    long.map(|(path, lines)| format!("{path} has {lines} lines")).collect()
}
