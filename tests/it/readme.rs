//! The README tells the truth: its command lines parse, its tables are the program's.

use clap::{CommandFactory as _, Parser as _};
use sockkit::cli::Cli;
use sockkit::exit::EXIT_STATUS;

use crate::generated::invocations;

const README: &str = include_str!("../../README.md");

#[test]
fn every_command_line_in_it_parses() {
    let mut seen = 0;
    let blocks = README.split("```").skip(1).step_by(2).flat_map(str::lines);
    let blocks = blocks.filter_map(|line| line.trim().strip_prefix("$ "));
    let cells = README
        .lines()
        .filter(|line| line.starts_with("| "))
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    for line in blocks.chain(cells).filter(|line| line.contains("sockkit ")) {
        for args in invocations(line) {
            Cli::try_parse_from(&args).unwrap_or_else(|error| panic!("{line}: {error}"));
            seen += 1;
        }
    }
    assert!(seen >= 20, "only {seen} command lines found");
}

#[test]
fn it_names_every_command_and_every_exit_code() {
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        assert!(README.contains(&format!("| `{name}` |")), "{name} is not in the table");
    }
    assert!(README.contains(EXIT_STATUS.split_once('\n').unwrap().1), "the exit codes differ");
}
