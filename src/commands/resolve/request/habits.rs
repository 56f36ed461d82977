//! The `+` options of dig, for users who are used to typing them: translated into options of
//! sockkit.

use clap::parser::ValueSource;
use clap::{Args as _, FromArgMatches as _};

use crate::commands::resolve::request::args::Args;
use crate::exit::Exit;
use crate::failure::Failure;

/// Returns `args` with the `+` options among the words replaced by sockkit's options.
///
/// # Errors
/// An option is unknown, or its value is invalid.
pub(in crate::commands::resolve) fn translate(args: &Args) -> Result<Args, Failure> {
    let is_habit = |word: &&String| word.starts_with('+') && !word.ends_with('.');
    let (habits, words): (Vec<&String>, Vec<&String>) = args.words.iter().partition(is_habit);
    if habits.is_empty() {
        return Ok(args.clone());
    }
    let mut options = Vec::new();
    for habit in &habits {
        options.extend(translated(habit)?);
    }
    let mut translated = args.clone();
    translated.words = words.into_iter().cloned().collect();
    let update = |args: &mut Args| {
        let command = clap::Command::new("resolve").no_binary_name(true).args_override_self(true);
        // The variant for updates of the derive macro would be a second copy of all options.
        let command = Args::augment_args(command).mut_args(|arg| arg.required(false));
        let mut matches = command.try_get_matches_from(&options)?;
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
            Err(Failure::new(Exit::Usage, format!("{}: {reason}", habits.join(" "))))
        }
    }
}

/// The options of dig without a value, and what they are here. With an empty text, sockkit does
/// that anyway, or the option only changes the layout of dig's output.
const FLAGS: &[(&str, &str)] = &[
    ("short", "--short"),
    ("tcp", "--tcp"),
    ("vc", "--tcp"),
    ("notcp", ""),
    ("novc", ""),
    ("ignore", "--no-tcp"),
    ("trace", "--trace"),
    ("dnssec", "--dnssec"),
    ("do", "--dnssec"),
    ("nsid", "--nsid"),
    ("cookie", "--cookie"),
    ("nocookie", ""),
    ("noedns", "--no-edns"),
    ("norecurse", "--no-recurse"),
    ("norec", "--no-recurse"),
    ("rdflag", ""),
    ("recurse", ""),
    ("nordflag", "--no-recurse"),
    ("cdflag", "--cd"),
    ("cd", "--cd"),
    ("adflag", "--ad"),
    ("ad", "--ad"),
    ("noadflag", ""),
    ("all", ""),
    ("noall", ""),
    ("answer", ""),
    ("authority", ""),
    ("noauthority", ""),
    ("additional", ""),
    ("noadditional", ""),
    ("class", ""),
    ("noclass", ""),
    ("cmd", ""),
    ("nocmd", ""),
    ("comments", ""),
    ("nocomments", ""),
    ("crypto", ""),
    ("multiline", ""),
    ("nomultiline", ""),
    ("multi", ""),
    ("noshort", ""),
    ("question", ""),
    ("noquestion", ""),
    ("split", ""),
    ("nosplit", ""),
    ("stats", ""),
    ("nostats", ""),
    ("ttlid", ""),
    ("ttlunits", "--ttl-units"),
    ("edns", ""),
    ("expandaaaa", ""),
    ("nosearch", ""),
    ("nodnssec", ""),
    ("nonsid", ""),
    ("notrace", ""),
    ("idnin", ""),
    ("idnout", ""),
    ("noidnout", ""),
    ("fail", ""),
];

/// Options of dig and kdig that are no option here, and what to type instead.
const INSTEAD: &[(&str, &str)] = &[
    ("json", "--json"),
    ("yaml", "--json"),
    ("tls", "@tls://HOST"),
    ("tls-ca", "@tls://HOST --ca FILE"),
    ("https", "@https://HOST/PATH"),
    ("https-get", "@https://HOST/PATH{?dns}"),
    ("nssearch", "NAME soa --all @SERVER @SERVER"),
    ("search", "no @SERVER: then the search list applies"),
];

/// Returns the options of sockkit for one of dig.
fn translated(habit: &str) -> Result<Vec<String>, Failure> {
    let option = habit.trim_start_matches('+').to_ascii_lowercase();
    if let Some((_, own)) = FLAGS.iter().find(|known| known.0 == option) {
        return Ok(own.split_whitespace().map(str::to_owned).collect());
    }
    let (name, value) = option.split_once('=').unwrap_or((&option, ""));
    let unknown = || {
        let message = format!("{habit} is not an option that sockkit knows from dig");
        let hint = match INSTEAD.iter().find(|known| known.0 == name) {
            Some((_, instead)) => (*instead).to_owned(),
            None => format!("sockkit resolve --help, or `{habit}.` to look up that name"),
        };
        Failure::new(Exit::Usage, message).hint(hint)
    };
    if !option.contains('=') {
        return Err(unknown());
    }
    let number = |what| {
        value.parse::<u32>().map_err(|_| {
            Failure::new(Exit::Usage, format!("{habit}: {value:?} is not a number of {what}"))
        })
    };
    Ok(match name {
        "edns" => Vec::new(),
        "time" | "timeout" => vec!["--timeout".to_owned(), format!("{}s", number("seconds")?)],
        "bufsize" => vec!["--bufsize".to_owned(), number("bytes")?.to_string()],
        "padding" => vec!["--padding".to_owned(), number("bytes")?.to_string()],
        "subnet" => vec!["--ecs".to_owned(), value.to_owned()],
        "tries" => vec!["--tries".to_owned(), number("tries")?.to_string()],
        "retry" => {
            vec!["--tries".to_owned(), number("tries")?.saturating_add(1).to_string()]
        }
        _ => return Err(unknown()),
    })
}
