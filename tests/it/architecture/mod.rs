//! Checks the rules of the source tree on the parsed code: layers, dependency cycles, and which
//! code may be in which file. Two kinds of use are not found: method calls, and paths in strings
//! (`#[serde(with = "…")]`).

mod checker;
mod commands;
mod cycles;
mod files;
mod forbidden;
mod layers;
mod names;
mod source;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use self::source::Crate;

/// The crate under test, parsed once for all tests.
static SOCKKIT: LazyLock<Crate> = LazyLock::new(|| Crate::read(&root().join("src")));

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files of `src`, `tests` and `benches`, by their path from the root of the project.
fn all_files(root: &Path) -> BTreeMap<String, String> {
    let folders = ["src", "tests", "benches"].into_iter();
    let files = folders.flat_map(|folder| {
        let files = source::rust_files(&root.join(folder)).into_iter();
        files.map(move |(path, text)| (format!("{folder}/{path}"), text))
    });
    files.collect()
}

#[track_caller]
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}
