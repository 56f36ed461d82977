//! The command line: the global options, the version, and usage errors.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Args, Parser, ValueEnum};

use crate::commands::{self, Command, Invocation};
use crate::exit::{EXIT_STATUS, Exit};
use crate::failure::{self, Failure};
use crate::output::{ColorChoice, ErrorReport, Format, Output, Verbosity};
use crate::text;

/// Network diagnostics and a socket toolkit
#[derive(Debug, Parser)]
#[command(
    name = "sockkit",
    version,
    after_help = "`sockkit help COMMAND` describes a command and gives examples.",
    after_long_help = EXIT_STATUS,
    disable_help_flag = true,
    max_term_width = 100
)]
pub struct Cli {
    /// The global options given before the command.
    #[command(flatten)]
    global: Global,
    /// The command, and the global options given after it.
    #[command(subcommand)]
    invocation: Invocation<Global>,
}

impl Cli {
    /// Returns the global options and the command. If a global option is given both before and
    /// after the command, the value after it counts.
    pub fn into_parts(self) -> (Global, Command) {
        let (before, Invocation { command, global: after }) = (self.global, self.invocation);
        let short_form = if after.json || after.plain { after } else { before };
        let verbosity = if after.verbose || after.quiet { after } else { before };
        let global = Global {
            format: after.format.or(before.format),
            json: short_form.json,
            plain: short_form.plain,
            color: after.color.or(before.color),
            verbose: verbosity.verbose,
            quiet: verbosity.quiet,
            help: None,
        };
        (global, command)
    }
}

/// The options of every command.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Output")]
#[expect(clippy::doc_markdown, reason = "clap prints the text unchanged, so it has no markup")]
pub struct Global {
    /// Output format [env: SOCKKIT_FORMAT] [default: table]
    #[arg(long, value_enum, value_name = "FORMAT", hide_short_help = true)]
    pub format: Option<Format>,
    /// Print one JSON object per line
    #[arg(long, overrides_with = "plain")]
    pub json: bool,
    /// Print tab-separated lines without a header
    #[arg(long, overrides_with = "json", hide_short_help = true)]
    pub plain: bool,
    /// When to use colour [env: SOCKKIT_COLOR] [default: auto]
    #[arg(long, value_enum, value_name = "WHEN", hide_short_help = true)]
    pub color: Option<ColorChoice>,
    /// Show more detail: connection attempts and received data
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Print only data and errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Never set: clap prints the help and stops parsing.
    #[arg(short, long, action = ArgAction::Help,
          help = "Print this summary; --help lists all options",
          long_help = "Print this text; -h prints a summary")]
    pub help: Option<bool>,
}

impl Global {
    /// Returns the output that these options and the environment variables select.
    ///
    /// # Errors
    /// An environment variable has a value that its option does not accept.
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

/// Returns the value of the option, else that of the environment variable, else the default. An
/// empty variable counts as unset.
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

/// Prints the result of a command line that runs no command (help, the version or a usage error)
/// and returns its exit code.
pub fn answer(answer: &clap::Error, args: &[OsString]) -> Exit {
    let given = |flags: &[&str]| args.iter().any(|arg| flags.iter().any(|flag| arg == flag));
    let print = |text: &dyn Fn(bool) -> String| {
        let out = Output::default();
        let Err(error) = out.verbatim(text(out.is_coloured()).as_bytes()) else {
            return Exit::Success;
        };
        let (exit, report) = failure::explain(&error.into());
        if let Some(report) = report {
            out.error(&report);
        }
        exit
    };
    match answer.kind() {
        ErrorKind::InvalidUtf8 if let Some(named) = name_invalid_text(args) => {
            self::answer(&named, args)
        }
        ErrorKind::DisplayVersion if given(&["-v", "--verbose"]) => print(&|_| long_version()),
        ErrorKind::DisplayVersion | ErrorKind::DisplayHelp => {
            let text = answer.render();
            print(&|is_coloured| {
                if is_coloured { text.ansi().to_string() } else { text.to_string() }
            })
        }
        _ if let Some(failure) = advice(answer, args) => {
            if let (_, Some(report)) = failure::explain(&failure.into()) {
                usage_output(args).error(&report);
            }
            Exit::Usage
        }
        ErrorKind::UnknownArgument if let Some(name) = name_with_dash(answer, args) => {
            usage_output(args).error(&ErrorReport {
                code: Exit::Usage.code(),
                message: format!("unexpected argument {}", text::quote(name.as_bytes())),
                cause: None,
                hint: Some(format!("-- {}, if it is a name", text::escape(name.as_bytes()))),
            });
            Exit::Usage
        }
        _ if wants_json(args) => {
            usage_output(args).error(&ErrorReport {
                code: Exit::Usage.code(),
                message: message(answer),
                cause: None,
                hint: Some("sockkit help".to_owned()),
            });
            Exit::Usage
        }
        _ => {
            // If standard error cannot be written, there is nowhere to report that.
            answer.print().ok();
            Exit::Usage
        }
    }
}

/// Returns the message of a usage error, without clap's tips.
fn message(answer: &clap::Error) -> String {
    let rendered = answer.render().to_string();
    let first = rendered.split("\n\n").next().unwrap_or_default();
    first.trim_start_matches("error: ").trim_end().to_owned()
}

/// Returns the output of an error about `args`, which could not be parsed.
fn usage_output(args: &[OsString]) -> Output {
    let format = if wants_json(args) { Format::Json } else { Format::default() };
    Output::new(format, ColorChoice::Never, Verbosity::Normal)
}

/// Returns the error for options of other programs, if an unknown option or an unexpected value is
/// due to one.
fn advice(answer: &clap::Error, args: &[OsString]) -> Option<Failure> {
    let given = |kind| match answer.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let unknown = match answer.kind() {
        ErrorKind::UnknownArgument => Some(given(ContextKind::InvalidArg)?),
        ErrorKind::InvalidValue => None,
        ErrorKind::ValueValidation => {
            // A word such as `mxx` is rather a misspelt value than the next argument.
            let value = given(ContextKind::InvalidValue)?;
            let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
            (is_number || value.contains(['.', '=', '@'])).then_some(None)?
        }
        _ => return None,
    };
    let parse = |line: &[String]| Some(Cli::try_parse_from(line).ok()?.into_parts().1);
    commands::advice(args, unknown, &message(answer), &parse)
}

/// Returns the error for a value that is not UTF-8 and must be; clap's own does not say which it
/// is. `None` if no value is the cause.
fn name_invalid_text(args: &[OsString]) -> Option<clap::Error> {
    let mut valid = args.to_vec();
    // A path may be other bytes, so the value is the one whose replacement makes the error vanish.
    let at = (0..args.len()).filter(|at| args[*at].to_str().is_none()).find(|at| {
        valid[*at] = args[*at].to_string_lossy().into_owned().into();
        let parsed = Cli::try_parse_from(&valid);
        parsed.err().is_none_or(|error| error.kind() != ErrorKind::InvalidUtf8)
    })?;
    let given = text::quote(args[at].as_bytes());
    let option = at.checked_sub(1).and_then(|before| args[before].to_str());
    let what = match option.filter(|option| option.starts_with('-') && *option != "--") {
        Some(option) => format!("value {given} for {option}"),
        None => format!("argument {given}"),
    };
    Some(clap::Error::raw(ErrorKind::ValueValidation, format!("invalid {what}: it is not UTF-8\n")))
}

/// Returns the argument that looks like a domain name, if clap took its first letters for options.
fn name_with_dash<'a>(answer: &clap::Error, args: &'a [OsString]) -> Option<&'a str> {
    let Some(ContextValue::String(option)) = answer.get(ContextKind::InvalidArg) else {
        return None;
    };
    let letter = option.strip_prefix('-').filter(|letter| !letter.starts_with('-'))?;
    let mut words = args.iter().filter_map(|arg| arg.to_str());
    if words.clone().any(|word| word == option) {
        return None;
    }
    words.find(|word| {
        let is_short = word.starts_with('-') && !word.starts_with("--");
        is_short && word.contains(letter) && word.contains('.')
    })
}

/// Returns the text of `--version -v`. Packaging sets the two environment variables at build time.
fn long_version() -> String {
    format!(
        "sockkit {}\ncommit: {}\ntarget: {}\n",
        env!("CARGO_PKG_VERSION"),
        option_env!("SOCKKIT_COMMIT").unwrap_or("unknown"),
        option_env!("SOCKKIT_TARGET").unwrap_or("unknown"),
    )
}

/// Returns whether a command line that could not be parsed asks for JSON.
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
            let (global, _) = Cli::try_parse_from(args).unwrap().into_parts();
            assert_eq!(global.output().unwrap().is_json(), json, "{args:?}");
        }
    }

    #[test]
    fn a_global_option_is_accepted_on_both_sides_of_the_command_and_the_last_value_counts() {
        let parse = |args: &[&str]| Cli::try_parse_from(args).unwrap().into_parts().0;
        for args in [["sockkit", "-q", "info"], ["sockkit", "info", "-q"]] {
            assert!(parse(&args).quiet, "{args:?}");
        }
        let both = parse(&["sockkit", "--format=json", "info", "--format=plain"]);
        assert_eq!(both.format, Some(Format::Plain));
        let both = parse(&["sockkit", "--json", "-v", "info", "--plain", "-q"]);
        assert!(both.plain && !both.json && both.quiet && !both.verbose);
    }
}
