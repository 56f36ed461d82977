//! Translates a command line with the options of another tool into one of sockkit, for the error
//! about the first of these options.

use std::ffi::OsString;

use crate::commands::resolve::request::habits::tools::{TOOLS, Tool, ToolEffect};
use crate::dns::message::record_type::looks_like_type;
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
        TOOLS.iter().map(|tool| Rewriter::rewrite(tool, words)).collect();
    let mut lines: Vec<(String, &Rewriter)> = Vec::new();
    for it in rewritten.iter().filter(|it| it.refusal.is_none() && !it.foreign.is_empty()) {
        let line = [start, &it.words].concat();
        let shown = it.show(&line);
        if is_sound(&line) && lines.iter().all(|known| known.0 != shown) {
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
    let is_refused = |it: &&Rewriter| it.refusal.is_some_and(|it| name(it.0) == named);
    // A tool that is less known than that of the first line is not what the user has in mind.
    let is_first =
        |it: &&Rewriter| lines.first().is_none_or(|line| it.tool.name != line.1.tool.name);
    let refused = rewritten.iter().take_while(is_first).find(is_refused).and_then(|it| it.refusal);
    match (&lines[..], refused) {
        ([], _) => {}
        ([(line, _)], None) => return Some(usage(message).hint(line)),
        (lines, None) => return Some(usage(message).hint(list(lines))),
        (lines, Some((_, why, _))) => {
            return Some(usage(format!("{message}: {why}")).hint(list(lines)));
        }
    }
    // A word that only begins like an option may be a name.
    args.iter().find(|arg| name(arg) == unknown)?;
    let mut refusals: Vec<(&str, &str, String)> = Vec::new();
    for it in &rewritten {
        if let Some((option, why, instead)) = it.refusal
            && name(option) == unknown
            && refusals.iter().all(|known| known.0 != why)
        {
            refusals.push((why, instead, format!("{instead} for {unknown} of {}", it.tool.name)));
        }
    }
    match &refusals[..] {
        [] => meaning(unknown).map(|meaning| usage(message).hint(meaning)),
        [(why, instead, _)] => Some(usage(format!("{message}: {why}")).hint(*instead)),
        several => {
            let hints: Vec<&str> = several.iter().map(|it| it.2.as_str()).collect();
            Some(usage(message).hint(hints.join(", ")))
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

/// Returns `word` quoted for a shell, if it has a character that needs it. An equals sign does not.
fn quote(word: &str) -> String {
    let is_plain = shell_words::quote(&word.replace('=', "-")).len() == word.len();
    if is_plain { word.to_owned() } else { shell_words::quote(word).into_owned() }
}

/// Returns what an option of another tool means, whatever its value is.
fn meaning(unknown: &str) -> Option<String> {
    TOOLS.iter().find_map(|tool| {
        let (option, effect) = tool.options.iter().find(|known| name(known.0) == unknown)?;
        let value = option.split_once(' ').map(|(_, value)| value).unwrap_or_default();
        match effect {
            ToolEffect::Words(own) | ToolEffect::More(own) | ToolEffect::Env(own) => {
                Some(format!("{} for {option} of {}", own.replace("{}", value), tool.name))
            }
            ToolEffect::Not(..) => None,
        }
    })
}

/// Returns the name of an option without its value.
fn name(option: &str) -> &str {
    option.split([' ', '=']).next().unwrap_or(option)
}

/// The words of a command line, as those of one tool.
struct Rewriter {
    tool: &'static Tool,
    /// The words of sockkit.
    words: Vec<String>,
    /// The variables of the environment.
    env: Vec<String>,
    /// The options that are no options of sockkit, or other ones.
    foreign: Vec<&'static str>,
    /// An option without a counterpart: why, and what to do instead.
    refusal: Option<(&'static str, &'static str, &'static str)>,
}

impl Rewriter {
    /// Rewrites `words`; options that the tool does not have stay as they are.
    fn rewrite(tool: &'static Tool, words: &[String]) -> Self {
        let mut it =
            Self { tool, words: Vec::new(), env: Vec::new(), foreign: Vec::new(), refusal: None };
        // The values of sockkit's own options are not told from names, and such a tool has no other
        // form of servers.
        let may_be_server = |word: &str| !word.starts_with('@') && !word.starts_with("--");
        let has_server = tool.server_is_second && words.iter().all(|word| may_be_server(word));
        let mut names = 0;
        let mut rest = words;
        while let [word, after @ ..] = rest {
            rest = after;
            let next = after.first().map(String::as_str);
            if word == "--" {
                it.words.push(word.clone());
                it.words.extend_from_slice(after);
                break;
            }
            if !word.starts_with('-') || word == "-" {
                names += usize::from(!word.starts_with(['@', '+']));
                let is_server = names == 2 && has_server && !looks_like_type(word);
                it.words.push(if is_server { format!("@{word}") } else { word.clone() });
                continue;
            }
            let is_used = it.option(word, next).or_else(|| it.letters(word, next));
            match is_used {
                Some(true) => rest = rest.get(1..).unwrap_or_default(),
                Some(false) => {}
                None => it.words.push(word.clone()),
            }
        }
        it
    }

    /// Returns the command line as a user types it.
    fn show(&self, line: &[String]) -> String {
        let quoted = |(variable, value)| format!("{variable}={} ", quote(value));
        let variables: String =
            self.env.iter().filter_map(|it| it.split_once('=')).map(quoted).collect();
        let line: Vec<String> = line.iter().skip(1).map(|word| quote(word)).collect();
        format!("{variables}sockkit {}", line.join(" "))
    }

    /// Adds what the option `typed` means. Returns whether `next` is its value; `None` if the tool
    /// has no such option, or the value is missing.
    fn option(&mut self, typed: &str, next: Option<&str>) -> Option<bool> {
        let found = self.tool.find(typed, next)?;
        let value = found.value?;
        let filled = |own: &str, value: &str| -> Vec<String> {
            if own == "{}" || own == "@{}" {
                // doggo takes several names or servers.
                return value.split(',').map(|value| own.replace("{}", value)).collect();
            }
            own.split_whitespace().map(|word| word.replace("{}", value)).collect()
        };
        let words = match found.effect {
            ToolEffect::Words(own) => filled(own, value),
            ToolEffect::More(own) => {
                let number: u32 = value.parse().ok()?;
                filled(own, &number.saturating_add(1).to_string())
            }
            ToolEffect::Env(variable) => {
                self.env.extend(filled(variable, value));
                Vec::new()
            }
            ToolEffect::Not(why, instead) => {
                self.refusal = self.refusal.or(Some((found.option, why, instead)));
                Vec::new()
            }
        };
        let has_value = !value.is_empty();
        let is_own =
            words.first().is_some_and(|word| word == typed) && has_value == (words.len() == 2);
        if !is_own {
            self.foreign.push(name(found.option));
        }
        self.words.extend(words);
        Some(found.uses_next)
    }

    /// The same for several options in one word, as `-TD`, or one with its value, as `-W5`.
    fn letters(&mut self, word: &str, next: Option<&str>) -> Option<bool> {
        let letters = word.strip_prefix('-').filter(|letters| !letters.starts_with('-'))?;
        let before = (self.words.clone(), self.env.clone(), self.foreign.clone(), self.refusal);
        for (at, letter) in letters.char_indices() {
            let rest = &letters[at + letter.len_utf8()..];
            let option = format!("-{letter}");
            // As in `-querytype=mx`, which is one option.
            let is_value = !rest.is_empty() && !rest.contains('=');
            let value = if rest.is_empty() { next } else { Some(rest).filter(|_| is_value) };
            match self.option(&option, value) {
                Some(true) => return Some(rest.is_empty()),
                Some(false) => {}
                None => {
                    (self.words, self.env, self.foreign, self.refusal) = before;
                    return None;
                }
            }
        }
        Some(false)
    }
}
