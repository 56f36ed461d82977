//! Each type and each constant has a name of its own, so that a search for the name finds one
//! definition. Test code is left out.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Crate;
use super::{SOCKKIT, assert_none};

const TYPE_KINDS: [&str; 5] = ["struct", "enum", "union", "type", "trait"];

const CONSTANT_KINDS: [&str; 2] = ["const", "static"];

/// The type names that several modules define, each with its reason.
const REPEATED_TYPES: &[(&str, &str)] = &[
    ("Args", "the arguments of each command"),
    ("Error", "the error of each module that has one, written `net::Error`"),
];

/// The constant names that several modules define, each with its reason.
const REPEATED_CONSTANTS: &[(&str, &str)] = &[("EXAMPLES", "the examples in each command's help")];

#[test]
fn every_type_name_has_one_definition() {
    assert_none(&repeated_types(&SOCKKIT));
}

#[test]
fn every_constant_name_has_one_definition() {
    assert_none(&repeated_constants(&SOCKKIT));
}

pub(crate) fn repeated_types(code: &Crate) -> Vec<String> {
    repeated(code, &TYPE_KINDS, REPEATED_TYPES)
}

pub(crate) fn repeated_constants(code: &Crate) -> Vec<String> {
    repeated(code, &CONSTANT_KINDS, REPEATED_CONSTANTS)
}

fn repeated(code: &Crate, kinds: &[&str], expected: &[(&str, &str)]) -> Vec<String> {
    let mut definitions = BTreeMap::<&str, BTreeSet<&str>>::new();
    for (_, module) in code.program_modules() {
        for item in module.items.iter().filter(|item| kinds.contains(&item.kind)) {
            definitions.entry(&item.name).or_default().insert(&module.file);
        }
    }
    let repeated = definitions.into_iter().filter(|(name, files)| {
        let is_expected = *name == "_" || expected.iter().any(|(expected, _)| expected == name);
        files.len() > 1 && !is_expected
    });
    let describe = |(name, files): (&str, BTreeSet<&str>)| {
        format!("{name}: {}", files.into_iter().collect::<Vec<_>>().join(", "))
    };
    repeated.map(describe).collect()
}
