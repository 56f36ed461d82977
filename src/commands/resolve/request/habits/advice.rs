//! Translates a command line with the options of another tool into one of sockkit, for the error
//! about the first of these options.

use std::ffi::OsString;

use crate::commands::resolve::request::habits::dig::dig_options;
use crate::commands::resolve::request::habits::rewriter::{Refusal, Rewriter};
use crate::commands::resolve::request::habits::tools::{TOOLS, ToolEffect, option_name};
use crate::exit::Exit;
use crate::failure::Failure;

/// Returns the error for `args`, which clap rejected with `message`, if they have options of
/// another tool. `unknown` is the option that clap does not know, if that is the reason. The words
/// from `at` on are those of the command; `is_sound` returns whether sockkit accepts a command
/// line.
pub(in crate::commands) fn advice(
    args: &[OsString],
    at: usize,
    unknown: Option<&str>,
    message: &str,
    is_sound: &dyn Fn(&[String]) -> bool,
) -> Option<Failure> {
    let args: Option<Vec<String>> =
        args.iter().map(|arg| arg.to_str().map(str::to_owned)).collect();
    let args = args?;
    let (start, words) = args.split_at_checked(at)?;
    let rewritten: Vec<Rewriter> =
        TOOLS.iter().map(|tool| Rewriter::rewrite(tool, words, unknown)).collect();
    let mut lines: Vec<(String, &Rewriter)> = Vec::new();
    for it in rewritten.iter().filter(|it| it.refusal.is_none() && !it.foreign.is_empty()) {
        let line = [start, &it.words].concat();
        let shown = it.shown(&line);
        let is_new = lines.iter().all(|known| known.0 != shown);
        let is_likely = lines.is_empty() || !it.tool.is_any();
        if is_new && is_likely && is_sound(&line) {
            lines.push((shown, it));
        }
    }
    let Some(unknown) = unknown else {
        let usage = Failure::new(Exit::Usage, message);
        return (!lines.is_empty()).then(|| usage.hint(list(&lines)));
    };
    // In a word of several letters, clap names one.
    let mut foreign = lines.iter().flat_map(|line| &line.1.foreign);
    let is_known = lines.is_empty() || foreign.clone().any(|option| *option == unknown);
    let named = if is_known { unknown } else { foreign.next()? };
    let message = format!("sockkit resolve has no option {named}");
    let usage = |message: String| Failure::new(Exit::Usage, message);
    // A tool that is less known than that of the first line is not what the user has in mind.
    let is_before =
        |it: &&Rewriter| lines.first().is_none_or(|line| it.tool.name != line.1.tool.name);
    let mut refusals = rewritten.iter().take_while(is_before).filter_map(|it| it.refusal.as_ref());
    let refusal = refusals.find(|refusal| refusal.option == named);
    match (&lines[..], refusal) {
        ([], _) => {}
        ([(line, _)], None) => return Some(usage(message).hint(line)),
        (lines, None) => return Some(usage(message).hint(list(lines))),
        (lines, Some(Refusal { why, .. })) => {
            return Some(usage(format!("{message}: {why}")).hint(list(lines)));
        }
    }
    // A word that only begins like an option may be a name.
    args.iter().find(|arg| option_name(arg) == unknown)?;
    let mut refusals: Vec<(&Refusal, &str)> = Vec::new();
    for it in &rewritten {
        if let Some(refusal) = it.refusal.as_ref().filter(|refusal| refusal.option == unknown)
            && refusals.iter().all(|known| known.0.why != refusal.why)
        {
            refusals.push((refusal, it.tool.name));
        }
    }
    match &refusals[..] {
        [] => meaning(unknown).map(|meaning| usage(message).hint(meaning)),
        [(Refusal { why, instead, .. }, _)] => {
            Some(usage(format!("{message}: {why}")).hint(*instead))
        }
        several => {
            let hint = |(refusal, tool): &(&Refusal, &str)| {
                format!("{} for {unknown} of {tool}", refusal.instead)
            };
            Some(usage(message).hint(several.iter().map(hint).collect::<Vec<_>>().join(", ")))
        }
    }
}

/// Returns the command lines, each with the options and the tool that it stands for.
fn list(lines: &[(String, &Rewriter)]) -> String {
    let line = |(line, it): &(String, &Rewriter)| {
        format!("`{line}` for {} of {}", it.foreign.join(" "), it.tool.name)
    };
    lines.iter().map(line).collect::<Vec<_>>().join(", ")
}

/// Returns what an option of another tool means, whatever its value is.
fn meaning(unknown: &str) -> Option<String> {
    let of_tool = TOOLS.iter().find_map(|tool| {
        let (option, effect) = tool.options.iter().find(|known| option_name(known.0) == unknown)?;
        let value = option.split_once(' ').map(|(_, value)| value).unwrap_or_default();
        match effect {
            ToolEffect::Words(own) | ToolEffect::More(own) | ToolEffect::Env(own) => {
                Some(format!("{} for {option} of {}", own.replace("{}", value), tool.name))
            }
            ToolEffect::Not(..) => None,
        }
    });
    let of_dig = || {
        let name = unknown.strip_prefix("--")?;
        dig_options(name).iter().any(|known| known.name == name).then(|| format!("+{name}"))
    };
    of_tool.or_else(of_dig)
}
