//! A command line with the options of another tool, as a command line of sockkit.

use crate::commands::resolve::request::habits::dig::{DigEffect, dig_options};
use crate::commands::resolve::request::habits::tools::{Tool, ToolEffect, option_name};
use crate::dns::message::record_type::{RecordType, looks_like_type};

/// The words of a command line, as those of one tool.
#[derive(Clone)]
pub(super) struct Rewriter {
    pub(super) tool: &'static Tool,
    /// The words of sockkit.
    pub(super) words: Vec<String>,
    /// The variables of the environment.
    env: Vec<String>,
    /// The options that are no options of sockkit, or other ones.
    pub(super) foreign: Vec<String>,
    /// An option without a counterpart.
    pub(super) refusal: Option<Refusal>,
}

/// An option that sockkit has in no form.
#[derive(Clone)]
pub(super) struct Refusal {
    /// The option, without its value.
    pub(super) option: String,
    /// The reason.
    pub(super) why: &'static str,
    /// What to do instead.
    pub(super) instead: &'static str,
}

impl Rewriter {
    /// Rewrites `words`; options that the tool does not have stay as they are. `unknown` is the
    /// option that sockkit does not have.
    pub(super) fn rewrite(tool: &'static Tool, words: &[String], unknown: Option<&str>) -> Self {
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
            let is_expected = tool.is_any() && Some(option_name(word)) == unknown;
            let is_used = it.option(word, next).or_else(|| it.letters(word, next));
            let is_used = is_used.or_else(|| is_expected.then(|| it.expected(word, next))?);
            match is_used {
                Some(true) => rest = rest.get(1..).unwrap_or_default(),
                Some(false) => {}
                None => it.words.push(word.clone()),
            }
        }
        it
    }

    /// Returns the command line as a user types it.
    pub(super) fn shown(&self, line: &[String]) -> String {
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
                self.refuse(found.option, why, instead);
                Vec::new()
            }
        };
        let has_value = !value.is_empty();
        let is_own =
            words.first().is_some_and(|word| word == typed) && has_value == (words.len() == 2);
        if !is_own {
            self.foreign.push(option_name(found.option).to_owned());
        }
        self.words.extend(words);
        Some(found.uses_next)
    }

    /// The same for several options in one word, as `-TD`, or one with its value, as `-W5`.
    fn letters(&mut self, word: &str, next: Option<&str>) -> Option<bool> {
        let letters = word.strip_prefix('-').filter(|letters| !letters.starts_with('-'))?;
        let before = self.clone();
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
                    *self = before;
                    return None;
                }
            }
        }
        Some(false)
    }

    /// The same for a record type or an option of dig with two dashes before it.
    fn expected(&mut self, typed: &str, next: Option<&str>) -> Option<bool> {
        let option = typed.strip_prefix("--")?;
        let name = option_name(option).to_ascii_lowercase();
        self.foreign.push(option_name(typed).to_owned());
        if option.parse::<RecordType>().is_ok() {
            self.words.push(option.to_owned());
            return Some(false);
        }
        let known = dig_options(&name).into_iter().find(|known| known.name == name)?;
        let needs_value =
            matches!(known.effect, DigEffect::Text(_) | DigEffect::Number(_, _, None, _));
        match (known.effect, next) {
            (DigEffect::Not(why, instead), _) => self.refuse(typed, why, instead),
            (_, Some(value)) if needs_value && !option.contains('=') => {
                self.words.push(format!("+{option}={value}"));
                return Some(true);
            }
            _ => self.words.push(format!("+{option}")),
        }
        Some(false)
    }

    fn refuse(&mut self, option: &str, why: &'static str, instead: &'static str) {
        let option = option_name(option).to_owned();
        self.refusal.get_or_insert(Refusal { option, why, instead });
    }
}

/// Returns `word` quoted for a shell, if it has a character that needs it. An equals sign does not.
fn quote(word: &str) -> String {
    let is_plain = shell_words::quote(&word.replace('=', "-")).len() == word.len();
    if is_plain { word.to_owned() } else { shell_words::quote(word).into_owned() }
}
