//! Completions and man pages match the command-line definition.
//!
//! `UPDATE_EXPECT=1 cargo test` rewrites them.

use std::path::PathBuf;

use clap::{CommandFactory as _, Parser as _, ValueEnum as _};
use clap_complete::{Generator as _, Shell};
use expect_test::expect_file;
use sockkit::cli::Cli;
use sockkit::exit::EXIT_STATUS;

use crate::support::Sockkit;

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn completions_are_current_and_match_the_completions_command() {
    for shell in Shell::value_variants() {
        let file = root("completions").join(shell.file_name("sockkit"));
        let printed = Sockkit::new(["completions", &shell.to_string()]).run().code(0).out();
        expect_file![file].assert_eq(&printed);
    }
    let files = std::fs::read_dir(root("completions")).unwrap().count();
    assert_eq!(files, Shell::value_variants().len(), "a file in completions/ belongs to no shell");
}

#[test]
fn man_pages_are_current() {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut expected = vec![page(&program)];
    expected.extend(program.get_subcommands().map(page));
    for (name, text) in &expected {
        expect_file![root("man").join(name)].assert_eq(text);
    }
    let files = std::fs::read_dir(root("man")).unwrap().count();
    assert_eq!(files, expected.len(), "a file in man/ belongs to no command");
}

/// The file name and the text of a man page. `clap_mangen` alone would join the lines of examples.
fn page(command: &clap::Command) -> (String, String) {
    let help = command.get_after_long_help().unwrap().to_string();
    let before_exit_status = help.strip_suffix(EXIT_STATUS).unwrap().trim_end();
    let bare = command.clone().after_help(None::<&str>).after_long_help(None::<&str>);
    // `clap_mangen` prints no text for an option that is hidden in the short help and has only a
    // short text.
    let bare = bare.mut_args(|arg| match (arg.get_long_help(), arg.get_help().cloned()) {
        (None, Some(help)) => arg.long_help(help),
        _ => arg,
    });
    let man = clap_mangen::Man::new(bare).source(format!("sockkit {}", env!("CARGO_PKG_VERSION")));
    let mut out = Vec::new();
    man.render_title(&mut out).unwrap();
    man.render_name_section(&mut out).unwrap();
    man.render_synopsis_section(&mut out).unwrap();
    man.render_description_section(&mut out).unwrap();
    man.render_options_section(&mut out).unwrap();
    if command.has_subcommands() {
        man.render_subcommands_section(&mut out).unwrap();
    }
    let mut text = String::from_utf8(out).unwrap();
    let examples = before_exit_status.strip_prefix("Examples:\n").unwrap_or_default();
    for (title, body) in
        [("EXAMPLES", examples), ("EXIT STATUS", EXIT_STATUS.split_once('\n').unwrap().1)]
    {
        if !body.is_empty() {
            let body = body
                .replace('\\', "\\e")
                .replace('-', "\\-")
                .replace("\n.", "\n\\&.")
                .replace("\n'", "\n\\&'");
            text.extend([".SH \"", title, "\"\n.nf\n", &body, "\n.fi\n"]);
        }
    }
    for option in text.split("\n.TP\n").skip(1) {
        let described = option.lines().nth(1).is_some_and(|line| !line.is_empty());
        assert!(described, "{}: an option has no text: {option}", command.get_name());
    }
    (man.get_filename(), text)
}

#[test]
fn every_example_in_the_help_parses() {
    let mut seen = 0;
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    for command in program.get_subcommands() {
        let help = command.get_after_long_help().unwrap().to_string();
        for line in help.lines().filter_map(|line| line.trim().strip_prefix("$ ")) {
            for args in invocations(line) {
                Cli::try_parse_from(&args).unwrap_or_else(|error| panic!("{line}: {error}"));
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "only {seen} examples found");
}

/// The sockkit command lines in a line of shell, each split into words as the shell does.
pub(crate) fn invocations(line: &str) -> Vec<Vec<String>> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut redirected) = (None, false);
    for letter in line.chars() {
        match (letter, quoted) {
            ('\'' | '"', None) => quoted = Some(letter),
            (letter, Some(quote)) if letter == quote => quoted = None,
            ('|' | ';' | '&' | '(' | ')', None) => {
                parts.push(String::new());
                redirected = false;
                continue;
            }
            ('<' | '>', None) => redirected = true,
            _ => {}
        }
        if !redirected {
            parts.last_mut().unwrap().push(letter);
        }
    }
    let of_ours = parts.iter().filter_map(|part| part.find("sockkit ").map(|at| &part[at..]));
    of_ours.map(|part| shell_words::split(part).unwrap()).collect()
}
