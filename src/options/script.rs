//! Options that give a script: a file, or steps on the command line.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, FromArgMatches};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::script::{self, Script, Step};

/// The flags of every command that can follow a script.
#[derive(Debug, clap::Args)]
pub(crate) struct ScriptArgs {
    /// Follow a script of expect and send steps, instead of standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = [SEND, EXPECT])]
    script: Option<PathBuf>,
    #[command(flatten)]
    said: StepArgs,
}

impl ScriptArgs {
    /// Returns the script to follow, if one is given in either way.
    ///
    /// # Errors
    /// The file cannot be read, or what it holds is no script.
    pub(crate) fn script(&self) -> Result<Option<Script>, Failure> {
        match &self.script {
            Some(path) => Script::load(path).map(Some).map_err(refusal),
            None => Ok(Script::of(self.said.0.clone())),
        }
    }
}

const SEND: &str = "send";
const EXPECT: &str = "expect";

/// The steps given on the command line, in the order they were given. (By hand, since deriving it
/// would keep the values of each flag apart.)
#[derive(Clone, Debug)]
struct StepArgs(Vec<Step>);

impl clap::Args for StepArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        let step =
            |name, value| Arg::new(name).long(name).value_name(value).action(ArgAction::Append);
        command
            .arg(
                step(SEND, "TEXT")
                    .value_parser(|text: &str| Step::send(text))
                    .help("Send this, where \\r\\n and other escapes stand for bytes; in order with --expect"),
            )
            .arg(
                step(EXPECT, "PATTERN")
                    .value_parser(|pattern: &str| Step::expect(pattern))
                    .help("Wait until what comes matches a regular expression: '^220', or '/^220/i 5s'; 10s unless it says else"),
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
            let places = matches.indices_of(name).into_iter().flatten();
            let values = matches.get_many::<Step>(name).into_iter().flatten();
            steps.extend(places.zip(values.cloned()));
        }
        steps.sort_by_key(|(place, _)| *place);
        Ok(Self(steps.into_iter().map(|(_, step)| step).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Returns what a script that cannot be played means to the shell.
fn refusal(error: script::Error) -> Failure {
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

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: ScriptArgs,
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
    fn a_wrong_step_is_a_usage_error_that_says_what_is_right() {
        for (args, said) in [
            (["--send", "a\\q"], "unknown escape (character 2); give \\r \\n"),
            (["--expect", "("], "unclosed group (character 1); give a regular expression"),
        ] {
            let error = parse(&args).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
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
    fn a_wrong_script_is_exit_2_and_a_missing_one_exit_8() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.txt");
        let script = || parse(&["--script", path.to_str().unwrap()]).unwrap().script().unwrap_err();
        assert_eq!(explain(script()).0, Exit::File);
        fs::write(&path, "sleep 5").unwrap();
        let (exit, said) = explain(script());
        assert_eq!(exit, Exit::Usage);
        assert!(said.contains("s.txt:1:7: not a duration: \"5\"\na number with a unit"), "{said}");
    }
}
