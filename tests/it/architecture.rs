//! The arrows between the layers: what stands further down may not name what stands above.

use std::fs;
use std::path::{Path, PathBuf};

/// Each layer, and what of the crate it may name.
const ARROWS: [(&str, &[&str]); 14] = [
    ("main.rs", &["sockkit"]),
    ("lib.rs", &["cli", "commands", "exit", "failure", "output"]),
    ("cli.rs", &["commands", "exit", "failure", "output", "reason"]),
    ("failure.rs", &["exit", "net", "dns", "recorder", "output", "reason", "text"]),
    (
        "commands",
        &[
            "dns", "login", "chat", "script", "recorder", "net", "output", "exit", "failure",
            "text", "reason", "patient",
        ],
    ),
    ("dns", &["net", "text", "reason"]),
    ("login", &["recorder", "net", "text", "reason"]),
    ("chat", &["recorder", "net", "text", "reason"]),
    ("script", &["net", "text", "reason"]),
    ("recorder.rs", &["text", "reason", "patient"]),
    ("net", &["text", "reason", "patient"]),
    ("output", &["text", "reason", "patient"]),
    ("exit.rs", &[]),
    ("text.rs", &[]),
];

#[test]
fn every_layer_names_only_what_stands_below_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = 0;
    for (layer, allowed) in ARROWS {
        for file in rust_files(&source.join(layer)) {
            seen += 1;
            let text = fs::read_to_string(&file).unwrap();
            for name in named(&text) {
                let own = layer.trim_end_matches(".rs") == name;
                assert!(own || allowed.contains(&&*name), "{} names {name}", file.display());
            }
        }
    }
    // `reason.rs` and `patient.rs` are leaves without a row: they name nothing either.
    assert_eq!(seen + 2, rust_files(&source).len(), "a file in src belongs to no layer");
}

#[test]
fn unsafe_and_printing_stay_where_they_belong() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in rust_files(&source) {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let may_be_unsafe = file.ends_with("net/sys.rs");
        assert!(may_be_unsafe || !code.contains("unsafe "), "{} has unsafe code", file.display());
        for word in ["println!(", "eprintln!(", "print!(", "process::exit"] {
            assert!(!code.contains(word), "{} has {word}", file.display());
        }
        assert!(text.starts_with("//! "), "{} does not say what it is", file.display());
    }
}

/// The modules of the crate that `text` names, its tests aside.
fn named(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let code: String = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                let list = list.split("};").next().unwrap();
                names.extend(list.split(',').map(|item| word(item.trim())));
            }
            None => names.push(word(rest)),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn rust_files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let rust = files.into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs"));
    rust.chain(folders.iter().flat_map(|folder| rust_files(folder))).collect()
}
