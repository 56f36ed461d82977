//! Dependency cycles between files. A file depends on each file that defines an item it names;
//! neither `mod name;` nor a re-export is a dependency, and tests may name anything.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Crate;
use super::{SOCKKIT, assert_none};

/// For each file, the names that it uses from each other file.
type Dependencies<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeSet<String>>>;

#[test]
fn no_two_modules_depend_on_each_other_in_a_cycle() {
    assert_none(&cycles(&SOCKKIT));
}

/// Each group of files that depend on each other, with the dependencies inside it.
pub(crate) fn cycles(code: &Crate) -> Vec<String> {
    let dependencies = dependencies(code);
    let reachable: BTreeMap<&str, BTreeSet<&str>> =
        dependencies.keys().map(|file| (*file, reachable_from(file, &dependencies))).collect();
    let reaches = |from: &str, to: &str| reachable.get(from).is_some_and(|all| all.contains(to));
    let mut groups = BTreeSet::new();
    for &file in dependencies.keys().filter(|file| reaches(file, file)) {
        let mutual = |other: &&&str| reaches(file, other) && reaches(other, file);
        groups.insert(dependencies.keys().filter(mutual).copied().collect::<BTreeSet<_>>());
    }
    groups.iter().map(|group| describe(group, &dependencies)).collect()
}

fn dependencies(code: &Crate) -> Dependencies<'_> {
    let mut dependencies = Dependencies::new();
    let namings = code.namings().into_iter();
    for naming in namings.filter(|naming| !naming.is_reexport && !naming.is_bare_module) {
        let names = dependencies.entry(naming.from).or_default().entry(naming.to).or_default();
        names.insert(naming.name);
    }
    dependencies
}

fn reachable_from<'a>(file: &'a str, dependencies: &Dependencies<'a>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut pending = vec![file];
    while let Some(file) = pending.pop() {
        let next = dependencies.get(file).into_iter().flat_map(BTreeMap::keys);
        pending.extend(next.filter(|file| reached.insert(**file)));
    }
    reached
}

fn describe(group: &BTreeSet<&str>, dependencies: &Dependencies<'_>) -> String {
    let mut lines = vec![format!("{} files depend on each other:", group.len())];
    for file in group {
        for (used, names) in dependencies[file].iter().filter(|(used, _)| group.contains(*used)) {
            let names: Vec<&str> = names.iter().map(|name| &**name).collect();
            lines.push(format!("  src/{file} -> src/{used}: {}", names.join(", ")));
        }
    }
    lines.join("\n")
}
