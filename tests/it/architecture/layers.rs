//! The layers of the crate: each uses only layers below it.

use std::collections::BTreeMap;

use super::source::Crate;
use super::{SOCKKIT, assert_none};

/// Each layer, a file or folder in `src`, and the other layers that it may use.
const LAYERS: &[(&str, &[&str])] = &[
    ("main", &["lib"]),
    ("lib", &["cli", "commands", "exit", "failure", "output", "sys"]),
    (
        "cli",
        &[
            "commands", "options", "serving", "session", "failure", "dns", "login", "chat",
            "script", "net", "output", "host", "files", "leaves",
        ],
    ),
    (
        "commands",
        &[
            "options", "serving", "session", "failure", "dns", "login", "chat", "script", "net",
            "output", "host", "files", "leaves",
        ],
    ),
    (
        "options",
        &[
            "serving", "session", "failure", "dns", "login", "chat", "script", "net", "output",
            "files", "leaves",
        ],
    ),
    (
        "serving",
        &[
            "session", "failure", "dns", "login", "chat", "script", "net", "output", "host",
            "files", "leaves",
        ],
    ),
    (
        "session",
        &["failure", "dns", "login", "chat", "script", "net", "output", "host", "files", "leaves"],
    ),
    ("failure", &["dns", "login", "chat", "script", "net", "output", "host", "files", "leaves"]),
    ("dns", &["net", "output", "host", "files", "leaves"]),
    ("login", &["output", "host", "files", "leaves"]),
    ("chat", &["output", "host", "files", "leaves"]),
    ("script", &["net", "output", "host", "files", "leaves"]),
    ("net", &["host", "files", "leaves"]),
    ("output", &["files", "leaves"]),
    ("host", &["leaves"]),
    ("files", &["leaves"]),
];

/// The layers at the bottom, which a row of the table may name one by one or as `leaves`.
const LEAVES: &[&str] = &[
    "allowance",
    "blocking",
    "exit",
    "lines",
    "reason",
    "sync",
    "sys",
    "text",
    "threads",
    "write_queue",
];

/// The leaves that use another leaf: (user, used).
const LEAVES_THAT_USE_LEAVES: &[(&str, &str)] = &[("allowance", "sync"), ("write_queue", "sync")];

#[test]
fn every_file_belongs_to_a_layer() {
    assert_none(&files_without_layer(&SOCKKIT));
}

#[test]
fn every_layer_names_only_layers_below_it() {
    assert_none(&violations(&SOCKKIT));
}

pub(crate) fn files_without_layer(code: &Crate) -> Vec<String> {
    let unknown = code.files.keys().filter(|path| {
        let layer = layer_of(path);
        !LEAVES.contains(&layer) && !LAYERS.iter().any(|(name, _)| *name == layer)
    });
    let unknown = unknown.map(|path| format!("src/{path} belongs to no layer"));
    let undeclared = code.undeclared_files().into_iter();
    unknown.chain(undeclared.map(|path| format!("src/{path} is declared by no module"))).collect()
}

/// Returns each use of a layer that the table does not allow. A re-export and the bare name of a
/// module also count as uses. Several uses of one name in a file are reported once.
pub(crate) fn violations(code: &Crate) -> Vec<String> {
    let mut violations = BTreeMap::new();
    for naming in code.namings() {
        if !may_use(layer_of(naming.from), layer_of(naming.to)) {
            let place = format!("src/{}:{}", naming.from, naming.line);
            violations.entry((naming.from, naming.to, naming.name)).or_insert(place);
        }
    }
    let describe = |((from, to, name), place): ((&str, &str, String), String)| {
        format!("{place} uses {name} of {to}: {} -> {}", layer_of(from), layer_of(to))
    };
    violations.into_iter().map(describe).collect()
}

fn may_use(layer: &str, other: &str) -> bool {
    let is_leaf = LEAVES.contains(&other);
    let row = LAYERS.iter().find(|(name, _)| *name == layer);
    layer == other
        || LEAVES_THAT_USE_LEAVES.contains(&(layer, other))
        || row.is_some_and(|(_, below)| {
            below.contains(&other) || is_leaf && below.contains(&"leaves")
        })
}

/// `net` of `net/tls/pin.rs`, `cli` of `cli.rs`.
fn layer_of(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}
