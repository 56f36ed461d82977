//! The crate as parsed source: its files, its modules, and what each module declares and names.

mod mentions;
mod resolve;
mod test_code;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::ext::IdentExt as _;

pub(crate) use self::mentions::Form;
use self::mentions::{Import, Mention, Names};
pub(crate) use self::resolve::Target;
use self::test_code::is_only_for_tests;

/// The files of a crate by their path below its `src` folder, and the modules they declare.
pub(crate) struct Crate {
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) modules: Vec<Module>,
}

/// A module: a file, or an inline `mod name { }` in one.
pub(crate) struct Module {
    pub(crate) file: String,
    pub(crate) items: Vec<Item>,
    pub(crate) imports: Vec<Import>,
    pub(crate) mentions: Vec<Mention>,
    /// Whether the module, or one that contains it, is declared under `#[cfg(test)]`.
    pub(crate) is_only_for_tests: bool,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
}

/// A definition at module level; test code is left out.
pub(crate) struct Item {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
}

/// Where a module is declared and where the files of its children are.
struct Place<'a> {
    file: &'a str,
    folder: &'a str,
    parent: Option<usize>,
    is_only_for_tests: bool,
}

impl Crate {
    /// Reads and parses every Rust file below `folder`.
    pub(crate) fn read(folder: &Path) -> Self {
        Self::parse(rust_files(folder))
    }

    /// Parses `files`, starting at `lib.rs` and `main.rs` and following each `mod name;`.
    ///
    /// # Panics
    /// If a declared file is not valid Rust.
    pub(crate) fn parse(files: BTreeMap<String, String>) -> Self {
        let mut parsed = Self { files, modules: Vec::new() };
        for root in ["lib.rs", "main.rs"] {
            if let Some(items) = parsed.items_of(root) {
                let place =
                    Place { file: root, folder: "", parent: None, is_only_for_tests: false };
                parsed.add(&place, &items);
            }
        }
        parsed
    }

    /// The files that no module declares: the compiler does not read them, and the other tests here
    /// do not check them.
    pub(crate) fn undeclared_files(&self) -> Vec<&str> {
        let declared: BTreeSet<&str> = self.modules.iter().map(|module| &*module.file).collect();
        self.files.keys().map(|path| &**path).filter(|path| !declared.contains(path)).collect()
    }

    /// The modules that are part of the program, each with its index.
    pub(crate) fn program_modules(&self) -> impl Iterator<Item = (usize, &Module)> {
        self.modules.iter().enumerate().filter(|(_, module)| !module.is_only_for_tests)
    }

    fn items_of(&self, path: &str) -> Option<Vec<syn::Item>> {
        let text = self.files.get(path)?;
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("src/{path}: {error}"));
        Some(file.items)
    }

    fn add(&mut self, place: &Place<'_>, items: &[syn::Item]) -> usize {
        let index = self.modules.len();
        let declared = declared_items(items);
        let Names { imports, mentions } = Names::of(items, &declared);
        self.modules.push(Module {
            file: place.file.to_owned(),
            items: declared,
            imports,
            mentions,
            is_only_for_tests: place.is_only_for_tests,
            parent: place.parent,
            children: BTreeMap::new(),
        });
        for item in items {
            if let syn::Item::Mod(child) = item {
                self.add_child(place, index, child);
            }
        }
        index
    }

    fn add_child(&mut self, place: &Place<'_>, parent: usize, child: &syn::ItemMod) {
        let name = child.ident.unraw().to_string();
        let folder = match place.folder {
            "" => name.clone(),
            folder => format!("{folder}/{name}"),
        };
        let is_only_for_tests = place.is_only_for_tests || is_only_for_tests(&child.attrs);
        let at = |file| Place { file, folder: &folder, parent: Some(parent), is_only_for_tests };
        let index = if let Some((_, items)) = &child.content {
            self.add(&at(place.file), items)
        } else {
            let candidates = [format!("{folder}.rs"), format!("{folder}/mod.rs")];
            let found = candidates.iter().find_map(|path| Some((path, self.items_of(path)?)));
            let Some((path, items)) = found else { return };
            self.add(&at(path), &items)
        };
        self.modules[parent].children.insert(name, index);
    }
}

/// The text of every Rust file below `folder`, by its path from there.
pub(crate) fn rust_files(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            let below = rust_files(&path).into_iter();
            files.extend(below.map(|(path, text)| (format!("{name}/{path}"), text)));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(name.to_owned(), fs::read_to_string(&path).unwrap());
        }
    }
    files
}

fn declared_items(items: &[syn::Item]) -> Vec<Item> {
    let of_program =
        items.iter().filter(|item| !is_only_for_tests(test_code::attributes_of_item(item)));
    of_program.filter_map(declared_item).collect()
}

fn declared_item(item: &syn::Item) -> Option<Item> {
    let (kind, ident) = match item {
        syn::Item::Const(item) => ("const", &item.ident),
        syn::Item::Enum(item) => ("enum", &item.ident),
        syn::Item::Fn(item) => ("fn", &item.sig.ident),
        syn::Item::Macro(item) => ("macro", item.ident.as_ref()?),
        syn::Item::Static(item) => ("static", &item.ident),
        syn::Item::Struct(item) => ("struct", &item.ident),
        syn::Item::Trait(item) => ("trait", &item.ident),
        syn::Item::Type(item) => ("type", &item.ident),
        syn::Item::Union(item) => ("union", &item.ident),
        _ => return None,
    };
    Some(Item { kind, name: ident.unraw().to_string() })
}
