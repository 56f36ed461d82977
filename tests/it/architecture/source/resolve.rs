//! Follows a path to the file that defines what it names: through `crate`, `self` and `super`,
//! imports, and re-exports, which are transparent.

use super::{Crate, Form, Import};

/// The name of the library, as `main.rs` writes it.
const LIBRARY: &str = "sockkit";

/// What a path names.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Module(usize),
    /// An item, defined in `module`. Its variants and associated items count as the item itself.
    Item {
        module: usize,
        name: String,
    },
    /// An item or a module of another crate, through an import.
    Foreign,
}

/// One place where a file names an item or a module of another file.
pub(crate) struct Naming<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    /// The name of the item or, for a module, its path as written.
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) is_reexport: bool,
    /// Whether the path names only a module, and so no item that the module's file defines.
    pub(crate) is_bare_module: bool,
}

/// The lookups in progress: module, name, and whether a module is preferred. A lookup in the list
/// is not started again, so that an import cycle ends.
type Lookups = Vec<(usize, String, bool)>;

impl Crate {
    /// Every place outside test code where a file names an item or a module of another file.
    pub(crate) fn namings(&self) -> Vec<Naming<'_>> {
        let mut namings = Vec::new();
        for (index, module) in self.program_modules() {
            for Import { path, is_exported, line, .. } in &module.imports {
                let target = self.resolve(index, path);
                let naming = self.naming(index, target, path, *line);
                namings.extend(naming.map(|naming| Naming { is_reexport: *is_exported, ..naming }));
            }
            for mention in &module.mentions {
                let target = match (&*mention.path, mention.form) {
                    ([name], Form::MacroCall) => self.macro_in_scope(index, name),
                    (path, _) => self.resolve(index, path),
                };
                let is_argument = mention.form == Form::MacroArgument;
                let naming = self.naming(index, target, &mention.path, mention.line);
                namings.extend(naming.map(|naming| Naming {
                    is_bare_module: naming.is_bare_module && !is_argument,
                    ..naming
                }));
            }
        }
        namings
    }

    fn naming(
        &self,
        from: usize,
        target: Option<Target>,
        path: &[String],
        line: usize,
    ) -> Option<Naming<'_>> {
        let (to, name, is_bare_module) = match target? {
            Target::Module(module) => (module, path.join("::"), true),
            Target::Item { module, name } => (module, name, false),
            Target::Foreign => return None,
        };
        let (from, to) = (&*self.modules[from].file, &*self.modules[to].file);
        (from != to).then_some(Naming { from, to, name, line, is_reexport: false, is_bare_module })
    }

    /// Returns what `path`, written in the module `from`, names; `None` if its first segment is not
    /// in scope, because it is the name of another crate or a local variable.
    pub(crate) fn resolve(&self, from: usize, path: &[String]) -> Option<Target> {
        self.follow(from, path, false, &mut Lookups::new())
    }

    /// The module of `file`.
    pub(crate) fn module_of(&self, file: &str) -> Option<usize> {
        self.modules.iter().position(|module| module.file == file)
    }

    /// A macro is visible through an import, or in the modules below its definition.
    fn macro_in_scope(&self, from: usize, name: &str) -> Option<Target> {
        let found = self.resolve(from, &[name.to_owned()]);
        found.or_else(|| {
            let parent = self.modules[from].parent?;
            let is_defined = |item: &super::Item| item.kind == "macro" && item.name == name;
            if self.modules[parent].items.iter().any(is_defined) {
                return Some(Target::Item { module: parent, name: name.to_owned() });
            }
            self.macro_in_scope(parent, name)
        })
    }

    fn root_of(&self, module: usize) -> usize {
        self.modules[module].parent.map_or(module, |parent| self.root_of(parent))
    }

    /// Follows `path` from the module `from`. A module is preferred to an item of the same name for
    /// every segment but the last, and if `to_module` also for the last.
    fn follow(
        &self,
        from: usize,
        path: &[String],
        to_module: bool,
        lookups: &mut Lookups,
    ) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let mut here = match &**first {
            "crate" => Target::Module(self.root_of(from)),
            "self" => Target::Module(from),
            "super" => Target::Module(self.modules[from].parent?),
            name => {
                let found = self.find(from, name, to_module || !rest.is_empty(), lookups);
                let library = || self.module_of("lib.rs").filter(|_| name == LIBRARY);
                found.or_else(|| library().map(Target::Module))?
            }
        };
        for (position, name) in rest.iter().enumerate() {
            let Target::Module(module) = here else { break };
            let is_on_the_way = position + 1 < rest.len();
            here = match &**name {
                "self" => here,
                "super" => Target::Module(self.modules[module].parent?),
                name => self
                    .find(module, name, to_module || is_on_the_way, lookups)
                    // If the name is not found, a macro call in that module defines the item.
                    .unwrap_or_else(|| Target::Item { module, name: name.to_owned() }),
            };
        }
        Some(here)
    }

    /// What `name` means inside the module `at`: an item, a child, an import or part of a glob.
    fn find(
        &self,
        at: usize,
        name: &str,
        prefer_module: bool,
        lookups: &mut Lookups,
    ) -> Option<Target> {
        let lookup = (at, name.to_owned(), prefer_module);
        if lookups.contains(&lookup) {
            return None;
        }
        lookups.push(lookup);
        let module = &self.modules[at];
        let mut found = Vec::new();
        if module.items.iter().any(|item| item.name == name) {
            found.push(Target::Item { module: at, name: name.to_owned() });
        }
        found.extend(module.children.get(name).copied().map(Target::Module));
        for import in &module.imports {
            if import.name.as_deref() == Some(name) {
                let target = self.follow(at, &import.path, prefer_module, lookups);
                found.push(target.unwrap_or(Target::Foreign));
            } else if import.is_glob
                && let Some(Target::Module(inner)) = self.follow(at, &import.path, true, lookups)
            {
                found.extend(self.find(inner, name, prefer_module, lookups));
            }
        }
        lookups.pop();
        let is_preferred = |target: &Target| matches!(target, Target::Module(_)) == prefer_module;
        found.iter().find(|target| is_preferred(target)).or_else(|| found.first()).cloned()
    }
}
