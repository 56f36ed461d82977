//! `completions`: prints the completion script for a shell.

use clap_complete::Shell;

use crate::exit::Exit;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  Enable completion in this bash session
  $ source <(sockkit completions bash)

  Install completion for fish
  $ sockkit completions fish > ~/.config/fish/completions/sockkit.fish";

/// The arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Shell name
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args, mut program: clap::Command, out: Output) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "sockkit", &mut script);
    out.verbatim(&script)?;
    Ok(Exit::Success)
}
