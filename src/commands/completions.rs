//! `completions`: the script that teaches a shell this program's command line.

use clap_complete::Shell;

use crate::exit::Exit;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  For this bash session
  $ source <(sockkit completions bash)

  For fish, for good
  $ sockkit completions fish > ~/.config/fish/completions/sockkit.fish";

/// Completions: the arguments
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args, mut program: clap::Command, out: Output) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "sockkit", &mut script);
    out.verbatim(&script)?;
    Ok(Exit::Success)
}
