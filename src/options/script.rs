//! Options that replace standard input: a script, steps on the command line, or a program.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Arg, ArgAction, ArgMatches, FromArgMatches};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::values;
use crate::script::{self, Script, Step};
use crate::session::child_process::exec::CommandLine;

/// Options that replace standard input.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Scripting")]
#[expect(clippy::doc_markdown, reason = "clap prints the text unchanged, so it has no markup")]
pub(crate) struct ScriptArgs {
    #[command(flatten)]
    steps: StepArgs,
    /// Connect the peer to CMD's standard input and output
    ///
    /// sockkit starts CMD for each connection and splits it into words as a shell does; for a shell
    /// itself, use sh -c '...'.
    ///
    /// CMD's environment contains SOCKKIT_PEER_ADDR and SOCKKIT_PEER_PORT, and SOCKKIT_LOCAL_ADDR
    /// and SOCKKIT_LOCAL_PORT. CMD may go on working after the connection has ended; --timeout, and
    /// --grace after a stop, limit it. When sockkit exits, it ends CMD and the processes that CMD
    /// started. The exit code is that of CMD.
    #[arg(long, value_name = "CMD", value_parser = values::of_bytes::<CommandLine>(),
          conflicts_with_all = ["send_only", "recv_only", "script", SEND, EXPECT])]
    exec: Option<CommandLine>,
    /// Run the expect and send steps in FILE
    #[arg(long, value_name = "FILE", conflicts_with_all = [SEND, EXPECT], hide_short_help = true)]
    script: Option<PathBuf>,
}

impl ScriptArgs {
    /// Returns the script from the file or from the command line; `None` if there is none.
    ///
    /// # Errors
    /// The file cannot be read, or it is not a valid script.
    pub(crate) fn script(&self) -> Result<Option<Script>, Failure> {
        match &self.script {
            Some(path) => Script::load(path).map(Some).map_err(failure_of),
            None => Ok(Script::of(self.steps.0.clone())),
        }
    }

    /// Returns the program of `--exec`.
    pub(crate) fn exec(&self) -> Option<CommandLine> {
        self.exec.clone()
    }
}

const SEND: &str = "send";
const EXPECT: &str = "expect";

const SEND_HELP: &str = "Send TEXT instead of standard input";
const SEND_DETAILS: &str = "Escapes stand for bytes: \\r \\n \\t \\0 \\\\ \\xNN. The --send and \
                            --expect options run as steps, in the order in which they are given.";
const EXPECT_HELP: &str = "Wait until received data matches REGEX";
const EXPECT_DETAILS: &str = "REGEX may be followed by flags and a time limit: '^220', \
                              '/^220/i 5s'. The default limit is 10 s. Exit 1 if the limit \
                              expires or the peer closes before a match.";

/// The steps on the command line, in their order. clap's derive macro cannot keep the order between
/// different options, so the traits are implemented by hand.
#[derive(Clone, Debug)]
struct StepArgs(Vec<Step>);

impl clap::Args for StepArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        let step =
            |name, value| Arg::new(name).long(name).value_name(value).action(ArgAction::Append);
        command
            .arg(
                step(SEND, "TEXT")
                    .value_parser(
                        OsStringValueParser::new().try_map(|text| Step::send(text.as_bytes())),
                    )
                    .help(SEND_HELP)
                    .long_help(format!("{SEND_HELP}\n\n{SEND_DETAILS}")),
            )
            .arg(
                step(EXPECT, "REGEX")
                    .value_parser(|pattern: &str| Step::expect(pattern))
                    .help(EXPECT_HELP)
                    .long_help(format!("{EXPECT_HELP}\n\n{EXPECT_DETAILS}")),
            )
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for StepArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut steps = Vec::new();
        for name in [SEND, EXPECT] {
            let positions = matches.indices_of(name).into_iter().flatten();
            let values = matches.get_many::<Step>(name).into_iter().flatten();
            steps.extend(positions.zip(values.cloned()));
        }
        steps.sort_by_key(|(position, _)| *position);
        Ok(Self(steps.into_iter().map(|(_, step)| step).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Returns the failure, with its exit code and hint, for a script that cannot be loaded.
fn failure_of(error: script::Error) -> Failure {
    let message = error.to_string();
    match error {
        script::Error::Line { wrong, .. } => Failure::new(Exit::Usage, message).hint(wrong.allowed),
        script::Error::File { .. } => Failure::new(Exit::File, message),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;
    use crate::failure;
    use crate::options::session::SessionArgs;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: ScriptArgs,
        /// `--exec` conflicts with some of these options, so clap requires their definition.
        #[command(flatten)]
        _session: SessionArgs,
    }

    fn parse(args: &[&str]) -> Result<ScriptArgs, clap::Error> {
        Line::try_parse_from([&["sockkit"], args].concat()).map(|line| line.args)
    }

    #[test]
    fn steps_keep_the_order_of_the_command_line() {
        let args =
            ["--expect", "^220", "--send=QUIT\\r\\n", "--send", "x", "--expect", "/bye/i 1s"];
        let script = parse(&args).unwrap().script().unwrap().unwrap();
        let texts: Vec<_> = script.steps().iter().map(|step| step.text.as_str()).collect();
        assert_eq!(texts, ["expect /^220/", "send \"QUIT\\r\\n\"", "send \"x\"", "expect /bye/i"]);
        assert!(parse(&[]).unwrap().script().unwrap().is_none());
    }

    #[test]
    fn an_invalid_step_is_a_usage_error_that_names_the_valid_forms() {
        for (args, message) in [
            (["--send", "a\\q"], "unknown escape (character 2); expected \\r \\n"),
            (["--expect", "("], "unclosed group (character 1); expected a regular expression"),
        ] {
            let error = parse(&args).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        assert!(parse(&["--script", "s.txt", "--send", "x"]).is_err());
        assert!(parse(&["--expect", "x", "--script", "s.txt"]).is_err());
    }

    fn explain(failure: impl Into<anyhow::Error>) -> (Exit, String) {
        let (exit, complaint) = failure::explain(&failure.into());
        let complaint = complaint.unwrap();
        let parts = [Some(complaint.message), complaint.cause, complaint.hint];
        (exit, parts.into_iter().flatten().collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn an_invalid_script_is_exit_2_and_a_missing_one_exit_8() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.txt");
        let script = || parse(&["--script", path.to_str().unwrap()]).unwrap().script().unwrap_err();
        assert_eq!(explain(script()).0, Exit::File);
        fs::write(&path, "sleep 5").unwrap();
        let (exit, text) = explain(script());
        assert_eq!(exit, Exit::Usage);
        assert!(text.contains("s.txt:1:7: invalid duration \"5\"\na number with a unit"), "{text}");
    }
}
