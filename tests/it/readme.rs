//! The README: its command lines parse, its scripts run, and its tables match the program.

use clap::{CommandFactory as _, Parser as _};
use sockkit::cli::Cli;
use sockkit::exit::EXIT_STATUS;

use crate::generated::invocations;
use crate::support::{shell, sockkit};

const README: &str = include_str!("../../README.md");

#[test]
fn every_command_line_in_the_readme_parses() {
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
fn the_readme_names_every_command_and_every_exit_code() {
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        assert!(README.contains(&format!("| `{name}` |")), "{name} is not in the table");
    }
    assert!(README.contains(EXIT_STATUS.split_once('\n').unwrap().1), "the exit codes differ");
}

#[test]
fn the_readme_repeats_from_the_help_how_a_connection_ends() {
    for command in ["connect", "listen"] {
        let help = sockkit(command).arg("--help").run().code(0).out();
        for title in ["When a connection ends", "Datagrams ("] {
            let table = help.split("\n\n").find(|part| part.starts_with(title)).unwrap();
            let block = format!("```text\n{}\n```", table.trim_end());
            assert!(README.contains(&block), "{command} --help has other words:\n{table}");
        }
    }
}

#[test]
fn every_script_in_the_readme_runs() {
    let blocks = README.split("\n```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    // Scripts that build or benchmark sockkit are not run.
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
