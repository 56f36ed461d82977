//! `docs/script.md`: its scripts parse, and it describes every step and every limit.

use std::fs;

use sockkit::script::{DEFAULT_WAIT, MAX_SCRIPT_BYTES, MAX_SCRIPT_LINES, STEPS, Script};

const DOC: &str = include_str!("../../docs/script.md");

#[test]
fn every_script_in_the_document_parses() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["body.txt", "two words.bin"] {
        fs::write(folder.path().join(name), name).unwrap();
    }
    let mut steps = Vec::new();
    for block in DOC.split("\n```script\n").skip(1) {
        let (text, _) = block.split_once("\n```\n").unwrap();
        let script = Script::parse(text.as_bytes(), "docs/script.md", folder.path());
        let script = script.unwrap_or_else(|error| panic!("{error} in\n{text}"));
        steps.extend(script.steps().iter().map(|step| step.text.clone()));
    }
    for name in STEPS {
        let shown = steps.iter().any(|text| text.split(' ').next() == Some(name));
        assert!(shown, "no example of {name}");
    }
}

#[test]
fn the_document_describes_every_step_and_every_limit() {
    let described: Vec<_> =
        DOC.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    assert_eq!(described, STEPS);
    assert_eq!(DEFAULT_WAIT.as_secs(), 10);
    assert_eq!((MAX_SCRIPT_BYTES, MAX_SCRIPT_LINES), (1 << 20, 10_000));
    for limit in ["for 10s", "at most 1 MiB and 10000 lines", "more than 1 MiB"] {
        assert!(DOC.contains(limit), "{limit}");
    }
}
