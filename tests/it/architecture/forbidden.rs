//! Forbidden code: `unsafe` outside `src/sys.rs`, and printing macros and `process::exit`, because
//! `output` writes all output and `main` returns the exit code.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};

use super::source::{Crate, Form};
use super::{SOCKKIT, all_files, assert_none, root};

/// The file with the system calls that no safe crate offers.
const UNSAFE_FILE: &str = "src/sys.rs";

const PRINTING_MACROS: [&str; 4] = ["print", "println", "eprint", "eprintln"];

#[test]
fn unsafe_code_lives_in_sys_rs_alone() {
    assert_none(&unsafe_outside_sys(&all_files(root())));
}

#[test]
fn every_unsafe_block_follows_a_safety_comment() {
    assert_none(&unexplained_unsafe(&all_files(root())[UNSAFE_FILE]));
}

#[test]
fn nothing_prints_but_output() {
    assert_none(&direct_output(&SOCKKIT));
}

pub(crate) fn unsafe_outside_sys(files: &BTreeMap<String, String>) -> Vec<String> {
    let others = files.iter().filter(|(path, _)| *path != UNSAFE_FILE);
    let found = others.flat_map(|(path, text)| {
        unsafe_lines(text).into_iter().map(move |line| format!("{path}:{line} is unsafe"))
    });
    found.collect()
}

/// Every `unsafe` in `text` whose line does not directly follow a comment with the word SAFETY.
pub(crate) fn unexplained_unsafe(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let explained = |line: usize| {
        let above = lines[..line - 1].iter().rev();
        above.take_while(|line| line.starts_with("//")).any(|line| line.contains("SAFETY"))
    };
    let unexplained = unsafe_lines(text).into_iter().filter(|line| !explained(*line));
    unexplained.map(|line| format!("{UNSAFE_FILE}:{line} has no SAFETY comment above it")).collect()
}

/// The line number of each `unsafe` keyword, whether it marks a block, a function or an impl.
fn unsafe_lines(text: &str) -> Vec<usize> {
    fn collect(tokens: TokenStream, lines: &mut Vec<usize>) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => collect(group.stream(), lines),
                TokenTree::Ident(ident) if ident == "unsafe" => {
                    lines.push(ident.span().start().line);
                }
                _ => {}
            }
        }
    }
    let mut lines = Vec::new();
    collect(text.parse().unwrap(), &mut lines);
    lines
}

/// Each call of a printing macro and each mention of `process::exit` outside tests.
pub(crate) fn direct_output(code: &Crate) -> Vec<String> {
    let exits = |path: &[String]| matches!(path, [.., a, b] if a == "process" && b == "exit");
    let mut violations = Vec::new();
    for (_, module) in code.program_modules() {
        let file = &module.file;
        for mention in &module.mentions {
            let name = mention.path.last().unwrap();
            let prints =
                mention.form == Form::MacroCall && PRINTING_MACROS.contains(&name.as_str());
            if prints || exits(&mention.path) {
                violations.push(format!("src/{file}:{} uses {name}", mention.line));
            }
        }
        for import in module.imports.iter().filter(|import| exits(&import.path)) {
            violations.push(format!("src/{file}:{} imports process::exit", import.line));
        }
    }
    violations
}
