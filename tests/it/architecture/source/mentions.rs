//! What a module names: its imports, and every path in its code, macro calls and attributes.
//! Code that is compiled only for tests is left out, unless the module itself is a test.

use proc_macro2::TokenStream;
use syn::ext::IdentExt as _;
use syn::visit::{self, Visit};
use syn::{Meta, UseTree, Visibility};

use super::{Item, test_code, tokens};

/// One name that a `use` brings into scope.
pub(crate) struct Import {
    /// The segments of the path. A path that begins with `::` has an empty first segment.
    pub(crate) path: Vec<String>,
    /// The name in the module; `None` for `use a::*` and `use a::B as _`.
    pub(crate) name: Option<String>,
    pub(crate) is_glob: bool,
    /// Whether it is a re-export: `pub use`, `pub(crate) use` and the like.
    pub(crate) is_exported: bool,
    pub(crate) line: usize,
}

/// A path in the code of a module, as written.
pub(crate) struct Mention {
    pub(crate) path: Vec<String>,
    pub(crate) form: Form,
    pub(crate) line: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Path,
    /// The name of a macro that is called.
    MacroCall,
    /// A single identifier in a call of a macro that this module defines: it may name a module.
    MacroArgument,
}

/// The names in the items of one module, without those in its child modules.
pub(super) struct Names {
    pub(super) imports: Vec<Import>,
    pub(super) mentions: Vec<Mention>,
}

impl Names {
    /// Collects the names in `items`, of which the module declares `declared`.
    pub(super) fn of(items: &[syn::Item], declared: &[Item]) -> Self {
        let names = Self { imports: Vec::new(), mentions: Vec::new() };
        let mut visitor = Visitor { names, declared };
        for item in items {
            visitor.visit_item(item);
        }
        visitor.names
    }
}

struct Visitor<'a> {
    names: Names,
    declared: &'a [Item],
}

impl Visitor<'_> {
    fn mention(&mut self, path: &syn::Path, form: Form) {
        let segments = path.segments.iter().map(|segment| segment.ident.unraw().to_string());
        let absolute = path.leading_colon.is_some().then(String::new);
        let path_segments = absolute.into_iter().chain(segments).collect();
        let line = path.segments[0].ident.span().start().line;
        self.names.mentions.push(Mention { path: path_segments, form, line });
    }

    /// Records the paths in `tokens`; a single identifier has the form `single`.
    fn walk_tokens(&mut self, tokens: TokenStream, single: Form) {
        for found in tokens::paths(tokens) {
            let form = match &*found.segments {
                _ if found.is_macro_call => Form::MacroCall,
                [_] => single,
                _ => Form::Path,
            };
            self.names.mentions.push(Mention { path: found.segments, form, line: found.line });
        }
    }

    /// Records each name in the tree of a `use`; `import` has what precedes the tree.
    fn import(&mut self, tree: &UseTree, import: Import) {
        let Import { mut path, is_exported, line, .. } = import;
        let mut push = |path: Vec<String>, name, is_glob| {
            self.names.imports.push(Import { path, name, is_glob, is_exported, line });
        };
        match tree {
            UseTree::Path(tree) => {
                path.push(tree.ident.unraw().to_string());
                self.import(&tree.tree, Import { path, ..import });
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, Import { path: path.clone(), name: None, ..import });
                }
            }
            UseTree::Glob(_) => push(path, None, true),
            UseTree::Name(tree) => {
                if tree.ident != "self" {
                    path.push(tree.ident.unraw().to_string());
                }
                let name = path.last().cloned();
                push(path, name, false);
            }
            UseTree::Rename(tree) => {
                if tree.ident != "self" {
                    path.push(tree.ident.unraw().to_string());
                }
                let name = Some(tree.rename.unraw().to_string()).filter(|name| name != "_");
                push(path, name, false);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !test_code::is_only_for_tests(test_code::attributes_of_item(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if !test_code::is_only_for_tests(test_code::attributes_of_impl_item(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast syn::TraitItem) {
        if !test_code::is_only_for_tests(test_code::attributes_of_trait_item(item)) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        if !test_code::is_only_for_tests(test_code::attributes_of_statement(statement)) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !test_code::is_only_for_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        if !test_code::is_only_for_tests(&field.attrs) {
            visit::visit_field_value(self, field);
        }
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        if !test_code::is_only_for_tests(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if !test_code::is_only_for_tests(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    /// Leaves child modules to the caller.
    fn visit_item_mod(&mut self, _: &'ast syn::ItemMod) {}

    /// Passes over `pub(crate)` and `pub(in path)`, which use nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let start = Import {
            path: item.leading_colon.is_some().then(String::new).into_iter().collect(),
            name: None,
            is_glob: false,
            is_exported: !matches!(item.vis, Visibility::Inherited),
            line: item.use_token.span.start().line,
        };
        self.import(&item.tree, start);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.mention(path, Form::Path);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.mention(&call.path, Form::MacroCall);
        let is_own = |item: &Item| item.kind == "macro" && call.path.is_ident(&item.name);
        let single =
            if self.declared.iter().any(is_own) { Form::MacroArgument } else { Form::Path };
        self.walk_tokens(call.tokens.clone(), single);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        match &attribute.meta {
            Meta::List(list) => self.walk_tokens(list.tokens.clone(), Form::Path),
            Meta::NameValue(pair) => self.visit_expr(&pair.value),
            Meta::Path(_) => {}
        }
    }
}
