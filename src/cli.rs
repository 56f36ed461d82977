//! The command line: global flags here, each command's own with the command.

use std::ffi::{OsStr, OsString};
use std::io;

use clap::error::ErrorKind;
use clap::{Args, Parser};

use crate::commands::Command;
use crate::exit::{EXIT_STATUS, Exit};
use crate::output::{ColorChoice, Complaint, Format, Output, Verbosity};

/// Look into the network, and talk through sockets you can trust
#[derive(Debug, Parser)]
#[command(
    name = "sockkit",
    version,
    after_help = "`sockkit help COMMAND` explains a command, with examples.",
    after_long_help = EXIT_STATUS,
    disable_help_subcommand = false,
    max_term_width = 100
)]
pub struct Cli {
    /// What every command understands.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The flags every command understands.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Global {
    /// How data is printed
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        env = "SOCKKIT_FORMAT",
        default_value_t,
        hide_env_values = true
    )]
    pub format: Format,
    /// Print one JSON object a line (--format json)
    #[arg(long, global = true, overrides_with = "plain")]
    pub json: bool,
    /// Print tab-separated lines without a header (--format plain)
    #[arg(long, global = true, overrides_with = "json")]
    pub plain: bool,
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        env = "SOCKKIT_COLOR",
        default_value_t,
        hide_env_values = true
    )]
    pub color: ColorChoice,
    /// Say more: what is tried, and what peers send
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Say nothing but data and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

impl Global {
    /// Returns the output these flags ask for.
    pub fn output(&self) -> Output {
        let format = match (self.json, self.plain) {
            (true, _) => Format::Json,
            (_, true) => Format::Plain,
            _ => self.format,
        };
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        Output::new(format, self.color, verbosity)
    }
}

/// Prints what clap has to say (help, the version, a usage error) and returns what it means.
pub fn answer(answer: &clap::Error, args: &[OsString]) -> Exit {
    let given = |flags: &[&str]| args.iter().any(|arg| flags.iter().any(|flag| arg == flag));
    let printed = |printed: io::Result<()>| match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::File,
        // As with any report, a reader that left has seen enough.
        _ => Exit::Success,
    };
    match answer.kind() {
        ErrorKind::DisplayVersion if given(&["-v", "--verbose"]) => {
            let out = Output::new(Format::Table, ColorChoice::Auto, Verbosity::Normal);
            printed(out.verbatim(long_version().as_bytes()))
        }
        ErrorKind::DisplayVersion | ErrorKind::DisplayHelp => printed(answer.print()),
        _ if wants_json(args) => {
            let out = Output::new(Format::Json, ColorChoice::Never, Verbosity::Normal);
            let rendered = answer.render().to_string();
            let mut paragraphs = rendered.split("\n\n");
            let message = paragraphs.next().unwrap_or_default().trim_start_matches("error: ");
            out.error(&Complaint {
                code: Exit::Usage.code(),
                message: message.trim_end().to_owned(),
                cause: None,
                hint: Some("sockkit help".to_owned()),
            });
            Exit::Usage
        }
        _ => {
            // Nobody is left to tell when standard error itself fails.
            answer.print().ok();
            Exit::Usage
        }
    }
}

/// What `--version -v` says. Packaging sets the two variables; a plain build does not know.
fn long_version() -> String {
    format!(
        "sockkit {}\ncommit: {}\ntarget: {}\n",
        env!("CARGO_PKG_VERSION"),
        option_env!("SOCKKIT_COMMIT").unwrap_or("unknown"),
        option_env!("SOCKKIT_TARGET").unwrap_or("unknown"),
    )
}

/// Whether JSON was asked for, on a command line that could not be parsed.
fn wants_json(args: &[OsString]) -> bool {
    let pairs = args.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
    let from_environment =
        std::env::var_os("SOCKKIT_FORMAT").as_deref() == Some(OsStr::new("json"));
    pairs || from_environment || args.iter().any(|arg| arg == "--json" || arg == "--format=json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_short_forms_win_over_the_format_and_the_last_of_them_over_the_others() {
        for (args, json) in [
            (["sockkit", "--json", "--plain", "info"], false),
            (["sockkit", "--plain", "--json", "info"], true),
            (["sockkit", "--json", "--format=table", "info"], true),
            (["sockkit", "--format=json", "--plain", "info"], false),
        ] {
            let global = Cli::try_parse_from(args).unwrap().global;
            assert_eq!(global.output().is_json(), json, "{args:?}");
        }
    }
}
