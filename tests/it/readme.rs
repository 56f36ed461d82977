//! The README tells the truth: its command lines parse, its tables are the program's.

use clap::{CommandFactory as _, Parser as _};
use sockkit::cli::Cli;
use sockkit::exit::EXIT_STATUS;

use crate::generated::invocations;
use crate::support::{shell, sockkit};

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
    assert!(seen >= 50, "only {seen} command lines found");
}

#[test]
fn it_names_every_command_and_every_exit_code() {
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        assert!(README.contains(&format!("| `{name}` |")), "{name} is not in the table");
    }
    assert!(README.contains(EXIT_STATUS.split_once('\n').unwrap().1), "the exit codes differ");
}

#[test]
fn it_says_how_a_conversation_ends_in_the_words_of_the_help() {
    for command in ["connect", "listen"] {
        let help = sockkit(command).arg("--help").run().code(0).out();
        for title in ["How a conversation ends", "Datagrams ("] {
            let table = help.split("\n\n").find(|part| part.starts_with(title)).unwrap();
            let block = format!("```text\n{}\n```", table.trim_end());
            assert!(README.contains(&block), "{command} --help has other words:\n{table}");
        }
    }
}

#[test]
fn every_script_in_it_runs() {
    let blocks = README.split("\n```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    // Those that build or measure the program are for whoever has it before them.
    let scripts: Vec<_> = blocks
        .filter(|block| block.starts_with("sockkit ") || block.starts_with("mkfifo "))
        .collect();
    assert!(scripts.len() >= 3, "{scripts:?}");
    for script in scripts {
        let directory = tempfile::tempdir().unwrap();
        let script = format!("set -e -o pipefail\n{script}");
        shell(&script).dir(directory.path()).run().code(0);
    }
}
