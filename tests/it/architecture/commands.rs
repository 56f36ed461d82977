//! The folder `commands` holds the subcommands and nothing else.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};

use super::source::{Crate, Target};
use super::{SOCKKIT, assert_none};

#[test]
fn commands_holds_only_commands() {
    assert_none(&violations(&SOCKKIT));
}

pub(crate) fn violations(code: &Crate) -> Vec<String> {
    let declared = declared_commands(code);
    let mut violations = Vec::new();
    for entry in entries(code).difference(&declared) {
        violations.push(format!("src/commands/{entry} is not in the `commands!` table"));
    }
    for command in &declared {
        for (kind, name) in [("fn", "run"), ("struct", "Args")] {
            if !defines(code, command, kind, name) {
                violations.push(format!("src/commands/{command} has no `{kind} {name}`"));
            }
        }
    }
    violations
}

/// The files and folders directly in `commands`, without extensions.
fn entries(code: &Crate) -> BTreeSet<String> {
    let below = code.files.keys().filter_map(|path| path.strip_prefix("commands/"));
    let entries = below.map(|path| path.split('/').next().unwrap().trim_end_matches(".rs"));
    entries.filter(|entry| *entry != "mod").map(ToOwned::to_owned).collect()
}

/// The modules in the `commands!` table: `listen` of `Listen(listen)`.
///
/// # Panics
/// If there is no such table.
fn declared_commands(code: &Crate) -> BTreeSet<String> {
    let table = syn::parse_file(&code.files["commands/mod.rs"]).unwrap().items.into_iter();
    let mut calls = table.filter_map(|item| match item {
        syn::Item::Macro(call) if call.mac.path.is_ident("commands") => Some(call.mac.tokens),
        _ => None,
    });
    let tokens: Vec<TokenTree> =
        calls.next().expect("commands/mod.rs calls `commands!`").into_iter().collect();
    let modules = tokens.windows(2).filter_map(|pair| match pair {
        [TokenTree::Ident(_), TokenTree::Group(module)] => only_ident(module.stream()),
        _ => None,
    });
    modules.collect()
}

fn only_ident(tokens: TokenStream) -> Option<String> {
    syn::parse2::<syn::Ident>(tokens).ok().map(|ident| ident.to_string())
}

/// Whether `commands::command::name` is an item of this kind, possibly re-exported.
fn defines(code: &Crate, command: &str, kind: &str, name: &str) -> bool {
    let commands = code.module_of("commands/mod.rs").unwrap();
    let path = ["self", command, name].map(ToOwned::to_owned);
    match code.resolve(commands, &path) {
        Some(Target::Item { module, name }) => {
            code.modules[module].items.iter().any(|item| item.kind == kind && item.name == name)
        }
        _ => false,
    }
}
