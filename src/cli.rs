//! The command line: global flags here, each command's own with the command.

use std::ffi::{OsStr, OsString};
use std::io;

use clap::error::ErrorKind;
use clap::{Args, Parser, ValueEnum};

use crate::commands::Command;
use crate::exit::{EXIT_STATUS, Exit};
use crate::failure::Failure;
use crate::output::{ColorChoice, ErrorReport, Format, Output, Verbosity};
use crate::reason;

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
        help = "How data is printed [env: SOCKKIT_FORMAT] [default: table]"
    )]
    pub format: Option<Format>,
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
        help = "When to use colour [env: SOCKKIT_COLOR] [default: auto]"
    )]
    pub color: Option<ColorChoice>,
    /// Say more: what is tried, and what peers send
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Say nothing but data and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

impl Global {
    /// Returns the output these flags, and the environment behind them, ask for.
    ///
    /// # Errors
    /// A variable of the environment holds something else than its flag takes.
    pub fn output(&self) -> Result<Output, Failure> {
        let format = match (self.json, self.plain) {
            (true, _) => Format::Json,
            (_, true) => Format::Plain,
            _ => choose(self.format, "SOCKKIT_FORMAT")?,
        };
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        Ok(Output::new(format, choose(self.color, "SOCKKIT_COLOR")?, verbosity))
    }
}

/// What the flag says, or else the variable; one that is empty is one that is not set.
fn choose<T: ValueEnum + Default>(flag: Option<T>, variable: &str) -> Result<T, Failure> {
    let value = std::env::var_os(variable).filter(|value| !value.is_empty());
    match (flag, value) {
        (Some(choice), _) => Ok(choice),
        (None, None) => Ok(T::default()),
        (None, Some(value)) => {
            let value = value.to_string_lossy();
            T::from_str(&value, false).map_err(|_| {
                let names = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
                let names: Vec<String> = names.map(|name| name.get_name().to_owned()).collect();
                Failure::new(Exit::Usage, format!("{variable} is {value:?} in the environment"))
                    .hint(format!("one of {}", names.join(", ")))
            })
        }
    }
}

/// Prints what clap has to say (help, the version, a usage error) and returns what it means.
pub fn answer(answer: &clap::Error, args: &[OsString]) -> Exit {
    let given = |flags: &[&str]| args.iter().any(|arg| flags.iter().any(|flag| arg == flag));
    let printed = |printed: io::Result<()>| match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let message = format!("cannot write standard output: {}", reason::of(&error));
            let code = Exit::File.code();
            Output::default().error(&ErrorReport { code, message, ..ErrorReport::default() });
            Exit::File
        }
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
            out.error(&ErrorReport {
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
            assert_eq!(global.output().unwrap().is_json(), json, "{args:?}");
        }
    }
}
