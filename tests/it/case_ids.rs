//! `tests/README.md` explains each case id in the names of tests, and lists the tests that have it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const README: &str = include_str!("../README.md");

/// Case ids, each with the paths of its tests.
type Cases = BTreeMap<String, BTreeSet<String>>;

#[test]
fn the_readme_lists_each_case_id_with_its_tests() {
    let (listed, found) = (in_readme(), in_test_names());
    assert!(found.len() >= 60, "only {} case ids found", found.len());
    for (id, tests) in &found {
        assert_eq!(listed.get(id), Some(tests), "tests/README.md differs for {id}");
    }
    for id in listed.keys() {
        assert!(found.contains_key(id), "tests/README.md explains {id}, which no test has");
    }
}

#[test]
fn every_case_id_in_a_comment_is_in_the_readme() {
    let listed = in_readme();
    for file in rust_files(&root()) {
        let text = fs::read_to_string(&file).unwrap();
        let comments = text.lines().filter(|line| line.trim_start().starts_with("//"));
        for word in comments.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric())) {
            let known = !is_case_id(word) || listed.contains_key(word);
            assert!(known, "{} mentions {word}", file.display());
        }
    }
}

/// Reads the rows `| id | statement | tests |` of the README.
fn in_readme() -> Cases {
    let mut cases = Cases::new();
    for line in README.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let ["", id, statement, tests, ""] = cells[..]
            && is_case_id(id)
        {
            assert!(!statement.is_empty(), "{id} is not explained");
            let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            assert!(cases.insert(id.to_owned(), tests).is_none(), "{id} is explained twice");
        }
    }
    cases
}

/// Finds the case ids in the names of all tests.
fn in_test_names() -> Cases {
    let mut cases = Cases::new();
    for file in rust_files(&root()) {
        let module = module_of(&file);
        let text = fs::read_to_string(&file).unwrap();
        for test in text.split("#[test]\nfn ").skip(1) {
            let (name, _) = test.split_once('(').unwrap();
            for word in name.split('_').map(str::to_uppercase) {
                // An id may end in a lowercase letter.
                let id = word[..1].to_owned() + &word[1..].to_lowercase();
                if is_case_id(&id) {
                    cases.entry(id).or_default().insert(format!("{module}::{name}"));
                }
            }
        }
    }
    cases
}

/// Whether `word` is a letter, two digits and perhaps a lowercase letter.
fn is_case_id(word: &str) -> bool {
    match word.as_bytes() {
        [letter, one, two, rest @ ..] => {
            b"CELRTUX".contains(letter)
                && one.is_ascii_digit()
                && two.is_ascii_digit()
                && (rest.is_empty() || rest.len() == 1 && rest[0].is_ascii_lowercase())
        }
        _ => false,
    }
}

/// Returns the path of a module, such as `connect::endings`.
fn module_of(file: &Path) -> String {
    let path = file.strip_prefix(root()).unwrap().with_extension("");
    let path = if path.ends_with("mod") { path.parent().unwrap().to_owned() } else { path };
    path.to_str().unwrap().replace('/', "::")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.into_iter().chain(folders.iter().flat_map(|folder| rust_files(folder))).collect()
}
