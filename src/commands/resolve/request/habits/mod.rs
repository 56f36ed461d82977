//! What users of other DNS tools are used to typing: the `+` options of dig and kdig, translated
//! into options of sockkit. The other options of these tools are not accepted, but the error about
//! one has the command line of sockkit for it.

pub(in crate::commands::resolve) mod advice;
mod dig;
mod rewriter;
#[cfg(test)]
mod tests;
mod tools;

use clap::parser::ValueSource;
use clap::{Args as _, FromArgMatches as _};

use crate::commands::resolve::request::args::Args;
use crate::commands::resolve::request::habits::dig::{DigCase, DigEffect, DigOption, dig_options};
use crate::exit::Exit;
use crate::failure::Failure;

/// Returns `args` with the `+` options among the words replaced by sockkit's options.
///
/// # Errors
/// An option is unknown, has no counterpart, or its value is invalid.
pub(in crate::commands::resolve) fn translate(args: &Args) -> Result<Args, Failure> {
    let is_habit = |word: &&String| word.starts_with('+') && !word.ends_with('.');
    let (habits, words): (Vec<&String>, Vec<&String>) = args.words.iter().partition(is_habit);
    if habits.is_empty() {
        return Ok(args.clone());
    }
    let mut translated = args.clone();
    translated.words = words.into_iter().cloned().collect();
    let mut translation = Translation::default();
    for habit in &habits {
        translation.add(habit, &translated)?;
    }
    let Translation { options, transport } = translation;
    if let Some(transport) = transport {
        transport.set(&mut translated.words)?;
    }
    let update = |args: &mut Args| {
        let command = clap::Command::new("resolve").no_binary_name(true).args_override_self(true);
        // The variant for updates of the derive macro would be a second copy of all options.
        let command = Args::augment_args(command).mut_args(|arg| arg.required(false));
        let mut matches = command.try_get_matches_from(options.iter().flatten())?;
        // Flags that are not among these options keep the value from the command line.
        let ids: Vec<String> = matches.ids().map(ToString::to_string).collect();
        for id in ids {
            if matches.value_source(&id) == Some(ValueSource::DefaultValue) {
                matches.try_clear_id(&id).ok();
            }
        }
        args.update_from_arg_matches(&matches)
    };
    match update(&mut translated) {
        Ok(()) => Ok(translated),
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            let reason = first.trim_start_matches("error: ").to_owned();
            let habits: Vec<&str> = habits.iter().map(|habit| habit.as_str()).collect();
            Err(usage(format!("{}: {reason}", habits.join(" "))))
        }
    }
}

/// What the `+` options mean together.
#[derive(Default)]
struct Translation<'a> {
    /// The options of sockkit, a group for each option of dig.
    options: Vec<Vec<String>>,
    /// The transport of the servers.
    transport: Option<ServerTransport<'a>>,
}

/// A transport that an option of dig chooses for the servers.
struct ServerTransport<'a> {
    habit: &'a str,
    scheme: &'static str,
    /// The path of a server over HTTP; if empty, the default one.
    path: String,
}

impl<'a> Translation<'a> {
    /// Adds an option of dig; it replaces its opposite.
    fn add(&mut self, habit: &'a str, args: &Args) -> Result<(), Failure> {
        let typed = habit.trim_start_matches('+');
        let (name, value) = match typed.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (typed, None),
        };
        let DigOption { name, effect, opposite } = find(habit, &name.to_ascii_lowercase())?;
        match opposite {
            DigEffect::Own(own) => self.options.retain(|earlier| *earlier != words(own)),
            DigEffect::Over(_) | DigEffect::OverGet(_) => self.transport = None,
            _ => {}
        }
        let over = |scheme, path| Some(ServerTransport { habit, scheme, path });
        match effect {
            DigEffect::Over(scheme) if scheme == "https" => {
                self.transport = over(scheme, value.unwrap_or_default().to_owned());
            }
            DigEffect::OverGet(scheme) => {
                let path = value.unwrap_or("/dns-query");
                self.transport = over(scheme, format!("{path}{{?dns}}"));
            }
            DigEffect::Over(scheme) => {
                no_value(habit, &name, value)?;
                self.transport = over(scheme, String::new());
            }
            DigEffect::Tls(own) => {
                let own = value.map(|value| vec![own.to_owned(), value.to_owned()]);
                self.options.extend(own);
                self.transport = self.transport.take().or_else(|| over("tls", String::new()));
            }
            _ => self.options.push(own_options(habit, &name, effect, value, args)?),
        }
        Ok(())
    }
}

/// Returns the options of sockkit for an option of dig that does not choose a transport.
fn own_options(
    habit: &str,
    name: &str,
    effect: DigEffect,
    value: Option<&str>,
    args: &Args,
) -> Result<Vec<String>, Failure> {
    let lacks = |why: &str, instead: &str| {
        let instead = instead.replace("{}", value.unwrap_or("VALUE"));
        Err(usage(format!("sockkit has no {habit}: {why}")).hint(instead))
    };
    match (effect, value) {
        (DigEffect::Own(own), _) => no_value(habit, name, value).map(|()| words(own)),
        (DigEffect::Number(_, _, Some(without), _), None) => Ok(words(without)),
        (DigEffect::Number(unit, own, _, added), _) => {
            let value = value.unwrap_or_default();
            let number: u32 = value.parse().map_err(|_| {
                let example = if unit == "bytes" { 1232 } else { 3 };
                usage(format!("{habit}: {value:?} is not a number of {unit}"))
                    .hint(format!("+{name}={example}"))
            })?;
            // dig takes 0 seconds and 0 tries for 1.
            let number = if unit == "bytes" { number } else { number.max(1 - added) };
            Ok(words(&own.replace("{}", &number.saturating_add(added).to_string())))
        }
        (DigEffect::Text(own), Some(value)) => Ok(vec![own.to_owned(), value.to_owned()]),
        (DigEffect::Text(own), None) => {
            Err(usage(format!("{habit} needs a value"))
                .hint(format!("+{name}=VALUE, or {own} VALUE")))
        }
        (DigEffect::Only(only, why), Some(value)) if !value.eq_ignore_ascii_case(only) => {
            lacks(why, "omit it")
        }
        (DigEffect::Unless(case, instead), _) if case.applies(args) => {
            lacks(case.reason(), instead)
        }
        (DigEffect::Not(why, instead), _) => lacks(why, instead),
        _ => Ok(Vec::new()),
    }
}

/// Returns the option that `name` is, or begins, if there is only one meaning.
fn find(habit: &str, name: &str) -> Result<DigOption, Failure> {
    let mut options = dig_options(name);
    if name.is_empty() || options.is_empty() {
        let message = format!("{habit} is not an option that sockkit knows from dig");
        let hint = format!("sockkit resolve --help, or `{habit}.` to look up that name");
        return Err(usage(message).hint(hint));
    }
    let first = options.remove(0);
    if options.iter().any(|option| option.effect != first.effect) {
        let names = std::iter::once(&first).chain(&options).take(MAX_NAMED_OPTIONS);
        let names: Vec<String> = names.map(|option| format!("+{}", option.name)).collect();
        let message = format!("{habit} is short for several options of dig");
        return Err(usage(message).hint(format!("the whole name, such as {}", names.join(" or "))));
    }
    Ok(first)
}

/// The most options that an error names.
const MAX_NAMED_OPTIONS: usize = 4;

impl DigCase {
    fn applies(self, args: &Args) -> bool {
        let servers = args.words.iter().filter(|word| word.starts_with('@')).count();
        match self {
            Self::WithServer => servers > 0,
            Self::WithoutServer => servers == 0,
            Self::NotOneServer => servers != 1,
            Self::WithInternationalName => args.words.iter().any(|word| !word.is_ascii()),
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::WithServer => "with @SERVER, names are queried as they are",
            Self::WithoutServer => "without @SERVER, short names are searched",
            Self::NotOneServer => "it queries the next server after SERVFAIL",
            Self::WithInternationalName => "it queries international names in ASCII",
        }
    }
}

impl ServerTransport<'_> {
    /// Sets the transport of the servers among `words`.
    fn set(&self, words: &mut [String]) -> Result<(), Failure> {
        let Self { habit, scheme, path } = self;
        let mut has_server = false;
        if !path.is_empty() && !path.starts_with('/') {
            let message = format!("{habit}: the host is that of @SERVER");
            return Err(usage(message).hint(format!("@{scheme}://{path}")));
        }
        for word in words {
            let Some(server) = word.strip_prefix('@') else { continue };
            has_server = true;
            match server.split_once("://") {
                None => *word = format!("@{scheme}://{server}{path}"),
                Some((own, _)) if own.eq_ignore_ascii_case(scheme) && path.is_empty() => {}
                Some(_) => {
                    let message = format!("{habit}: {word} has a transport of its own");
                    return Err(usage(message).hint("one of the two"));
                }
            }
        }
        if has_server {
            return Ok(());
        }
        let path = if path.is_empty() && *scheme == "https" { "/dns-query" } else { path };
        Err(usage(format!("{habit} needs a server")).hint(format!("@{scheme}://HOST{path}")))
    }
}

fn no_value(habit: &str, name: &str, value: Option<&str>) -> Result<(), Failure> {
    match value {
        Some(_) => Err(usage(format!("{habit}: the option has no value")).hint(format!("+{name}"))),
        None => Ok(()),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn usage(message: String) -> Failure {
    Failure::new(Exit::Usage, message)
}
