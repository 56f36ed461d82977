//! Parses a script's text into steps.
//!
//! The parser also opens the files to send, so that every error in a script is reported before the
//! script runs. It knows no connection.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;

use crate::script::action::{Action, Attachment, Pattern};
use crate::script::cursor::{self, Cursor, Slashed};
use crate::script::error::{Error, Wrong};
use crate::script::sequence::Order;
use crate::script::step::{MAX_SCRIPT_BYTES, MAX_SCRIPT_LINES, Step};
use crate::text;

/// How long an expectation without a duration waits: long enough for a slow server's reply, short
/// enough that a missing reply is noticed.
pub const DEFAULT_WAIT: Duration = Duration::from_secs(10);

/// The longest duration in a script, so that every step ends.
const MAX_WAIT: Duration = Duration::from_hours(24);

/// The keywords of all steps.
pub const STEPS: [&str; 10] = [
    "expect",
    "expect-hex",
    "expect-end",
    "send",
    "send-hex",
    "send-file",
    "sleep",
    "close-write",
    "reset",
    "starttls",
];

/// What is allowed as a duration.
const DURATION: &str = "a number with a unit, at most 24h: 500ms, 5s, 1m30s";

/// What is allowed as bytes in hexadecimal.
const HEX: &str = "bytes of two hexadecimal digits: 16 03 01";

/// Parses a whole script.
pub(super) fn script(script: &[u8], name: &str, folder: &Path) -> Result<Vec<Step>, Error> {
    let at = |line, wrong| Error::Line { name: name.to_owned(), line, wrong };
    if script.len() > MAX_SCRIPT_BYTES {
        let allowed = "at most 1 MiB; send-file can send large data from another file";
        return Err(at(1, Wrong::new(1, "this script is too long", allowed)));
    }
    let script = utf8(script).map_err(|(line, wrong)| at(line, wrong))?;
    // Some editors on Windows write a byte order mark at the beginning of a file.
    let script = script.strip_prefix('\u{feff}').unwrap_or(script);
    let mut steps = Vec::new();
    let mut order = Order::default();
    for (line, number) in script.split('\n').zip(1..) {
        if number > MAX_SCRIPT_LINES && !line.is_empty() {
            let allowed = format!("at most {MAX_SCRIPT_LINES} lines");
            return Err(at(number, Wrong::new(1, "this script has too many lines", allowed)));
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        let mut cursor = Cursor::new(line);
        cursor.skip_blank();
        if cursor.is_done() {
            continue;
        }
        let column = cursor.column();
        let place = format!("{name}:{number}");
        let parsed = match step(cursor, folder) {
            Ok(parsed) => parsed,
            Err(Fault::Wrong(wrong)) => return Err(at(number, wrong)),
            Err(Fault::File { column, path, source }) => {
                let place = Some(format!("{place}:{column}"));
                return Err(Error::File { place, path, source });
            }
        };
        order.accept(&parsed.action, number, column).map_err(|wrong| at(number, wrong))?;
        steps.push(Step { place, ..parsed });
    }
    if steps.is_empty() {
        let allowed = format!("one of {}", step_names());
        return Err(at(1, Wrong::new(1, "this script has no steps", allowed)));
    }
    Ok(steps)
}

/// Why a line is not a valid step.
#[derive(Debug)]
enum Fault {
    Wrong(Wrong),
    File { column: usize, path: PathBuf, source: io::Error },
}

impl From<Wrong> for Fault {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

/// Parses a step; `cursor` is at its first word. The caller sets the step's place.
fn step(mut cursor: Cursor<'_>, folder: &Path) -> Result<Step, Fault> {
    let begin = cursor;
    reject_invisible(begin)?;
    let name = cursor.word();
    cursor.skip_blank();
    let mut action = match name {
        "expect" => Action::Expect(pattern(&mut cursor)?, DEFAULT_WAIT),
        "expect-hex" => {
            let column = cursor.column();
            let bytes = hex(&mut cursor)?;
            Action::Expect(literal(&bytes, column, HEX)?, DEFAULT_WAIT)
        }
        "expect-end" => Action::ExpectEnd(DEFAULT_WAIT),
        "send" => Action::Send(text_to_send(&mut cursor)?),
        "send-hex" => Action::Send(hex(&mut cursor)?),
        "send-file" => Action::SendFile(attachment(&mut cursor, folder)?),
        "sleep" => {
            let column = cursor.column();
            let missing = || Wrong::new(column, "the duration is missing", DURATION);
            Action::Sleep(wait(&mut cursor)?.ok_or_else(missing)?)
        }
        "close-write" => Action::CloseWrite,
        "reset" => Action::Reset,
        "starttls" => Action::StartTls,
        _ => {
            let what = format!("unknown step {}", text::quote(name.as_bytes()));
            let allowed = format!("one of {}", step_names());
            return Err(Wrong::new(begin.column(), what, allowed).into());
        }
    };
    // The text of an expectation excludes its duration, because messages show the time separately.
    let end = cursor;
    if let Action::Expect(_, limit) | Action::ExpectEnd(limit) = &mut action {
        *limit = wait(&mut cursor)?.unwrap_or(*limit);
    }
    cursor.end()?;
    let text = begin.rest()[..end.offset() - begin.offset()].trim_end().to_owned();
    Ok(Step { place: String::new(), text, action })
}

impl Step {
    /// Returns the step of `--send`: it sends `text`, with its escapes processed.
    ///
    /// # Errors
    /// An escape is invalid.
    pub fn send(text: &[u8]) -> Result<Self, Wrong> {
        let (mut line, mut bytes) = (String::new(), Vec::new());
        for chunk in text.utf8_chunks() {
            let start = line.len();
            line.push_str(chunk.valid());
            bytes.extend(cursor::unescape(&line, start..line.len())?);
            bytes.extend_from_slice(chunk.invalid());
            line.push(char::REPLACEMENT_CHARACTER);
        }
        let text = format!("send {}", text::quote(&bytes));
        Ok(Self { place: "--send".to_owned(), text, action: Action::Send(bytes) })
    }

    /// Returns the step of `--expect`: it waits for a match of the regular expression `pattern`.
    /// As in a script, the expression may be between slashes, followed by flags and a duration.
    ///
    /// # Errors
    /// The regular expression, the flags or the duration are invalid.
    pub fn expect(pattern: &str) -> Result<Self, Wrong> {
        let mut cursor = Cursor::new(pattern);
        let (regex, written, wait) = if let Ok(slashed) = cursor.slashed() {
            let written = pattern[..cursor.offset()].to_owned();
            let regex = regex(slashed, 2)?;
            let wait = wait(&mut cursor)?;
            cursor.end()?;
            (regex, written, wait)
        } else if pattern.starts_with('/') {
            let what = "this regular expression has no closing slash";
            return Err(Wrong::new(pattern.chars().count() + 1, what, "/REGEX/ [DURATION]"));
        } else {
            // Without slashes, the whole argument is the regular expression.
            let slashed = Slashed { pattern, flags: "", flags_column: 1 };
            (regex(slashed, 1)?, format!("/{}/", pattern.replace('\n', "\\n")), None)
        };
        let action = Action::Expect(regex, wait.unwrap_or(DEFAULT_WAIT));
        Ok(Self { place: "--expect".to_owned(), text: format!("expect {written}"), action })
    }
}

/// Takes the regular expression or the text of an expectation.
fn pattern(cursor: &mut Cursor<'_>) -> Result<Pattern, Wrong> {
    let column = cursor.column();
    let allowed = "/REGEX/ or \"TEXT\", with at least one character";
    match cursor.rest().chars().next() {
        Some('/') => {
            let slashed = cursor.slashed()?;
            regex(slashed, column + 1)
        }
        Some('"') => literal(&cursor.quoted()?, column, allowed),
        _ => Err(Wrong::new(column, "the pattern is missing", allowed)),
    }
}

/// Compiles the regular expression at `column`.
fn regex(slashed: Slashed<'_>, column: usize) -> Result<Pattern, Wrong> {
    let Slashed { pattern, flags, flags_column } = slashed;
    if let Some((before, c)) = flags.chars().enumerate().find(|(_, c)| !"ismx".contains(*c)) {
        let what = format!(
            "unknown flag {} after the regular expression",
            text::quote(c.encode_utf8(&mut [0; 4]).as_bytes())
        );
        let allowed = r"i, s, m or x; a space before a duration; \/ for a slash to match";
        return Err(Wrong::new(flags_column + before, what, allowed));
    }
    if pattern.is_empty() {
        let what = "an empty regular expression matches before any data arrives";
        return Err(Wrong::new(column, what, "at least one character"));
    }
    Pattern::regex(pattern, flags)
        .map_err(|why| Wrong::new(column, why, "a regular expression of Rust's regex crate"))
}

/// Returns the pattern for the literal bytes at `column`.
fn literal(bytes: &[u8], column: usize, allowed: &str) -> Result<Pattern, Wrong> {
    if bytes.is_empty() {
        return Err(Wrong::new(column, "the pattern is empty", allowed));
    }
    Pattern::literal(bytes).map_err(|why| Wrong::new(column, why, "a shorter text"))
}

/// Takes the text of a `send` step, in double quotes.
fn text_to_send(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Wrong> {
    if cursor.rest().starts_with('"') {
        return cursor.quoted();
    }
    Err(Wrong::new(
        cursor.column(),
        "the text to send is missing",
        "a text in double quotes: \"QUIT\\r\\n\"",
    ))
}

/// Takes hexadecimal words up to the first word with another character.
fn hex(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Wrong> {
    let column = cursor.column();
    let mut bytes = Vec::new();
    loop {
        cursor.skip_blank();
        let mut next = *cursor;
        let word = next.word();
        let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
        if cursor.is_done() || !is_hex {
            break;
        }
        if word.len() % 2 == 1 {
            return Err(Wrong::new(cursor.column(), "odd number of hexadecimal digits", HEX));
        }
        let pairs = word.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
        bytes.extend(pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()));
        *cursor = next;
    }
    if bytes.is_empty() {
        return Err(Wrong::new(column, "the bytes are missing", HEX));
    }
    Ok(bytes)
}

/// Takes the path of a file to send, and opens it.
fn attachment(cursor: &mut Cursor<'_>, folder: &Path) -> Result<Attachment, Fault> {
    let column = cursor.column();
    let path = if cursor.rest().starts_with('"') {
        cursor.quoted()?
    } else if cursor.is_done() {
        Vec::new()
    } else {
        cursor.word().as_bytes().to_owned()
    };
    if path.is_empty() {
        let allowed = "a path, in double quotes if it contains spaces";
        return Err(Wrong::new(column, "the path is missing", allowed).into());
    }
    let path = folder.join(OsStr::from_bytes(&path));
    Attachment::open(&path).map_err(|source| Fault::File { column, path, source })
}

/// Takes a duration, if there is one.
fn wait(cursor: &mut Cursor<'_>) -> Result<Option<Duration>, Wrong> {
    cursor.skip_blank();
    if cursor.is_done() {
        return Ok(None);
    }
    let column = cursor.column();
    let word = cursor.word();
    let parsed: Option<SignedDuration> = word.parse().ok();
    match parsed.and_then(|parsed| Duration::try_from(parsed).ok()) {
        Some(wait) if wait <= MAX_WAIT => Ok(Some(wait)),
        _ => {
            let what = format!("invalid duration {}", text::quote(word.as_bytes()));
            Err(Wrong::new(column, what, DURATION))
        }
    }
}

/// Returns an error for a control or invisible character, which a reader of the script cannot see.
fn reject_invisible(cursor: Cursor<'_>) -> Result<(), Wrong> {
    let found = cursor.rest().char_indices().find(|(_, c)| *c != '\t' && text::is_hostile(*c));
    let Some((at, c)) = found else { return Ok(()) };
    let column = cursor.column() + cursor.rest()[..at].chars().count();
    let escape = format!("\\u{{{:x}}}", u32::from(c));
    Err(Wrong::new(column, "invisible character", format!("the escape {escape}")))
}

/// Returns the script as UTF-8.
///
/// # Errors
/// Returns the line number and the error of the first invalid byte.
fn utf8(script: &[u8]) -> Result<&str, (usize, Wrong)> {
    std::str::from_utf8(script).map_err(|error| {
        let (before, _) = script.split_at(error.valid_up_to());
        let lines = before.split(|byte| *byte == b'\n');
        let (line, last) = (1..).zip(lines).last().unwrap_or((1, &[]));
        let column = String::from_utf8_lossy(last).chars().count() + 1;
        (
            line,
            Wrong::new(
                column,
                "this is not UTF-8",
                r"UTF-8; write other bytes as \xNN or use send-hex",
            ),
        )
    })
}

/// Returns the keywords of all steps as a list for a message.
fn step_names() -> String {
    let (last, others) = STEPS.split_last().unwrap_or((&"", &[]));
    format!("{} or {last}", others.join(", "))
}

#[cfg(test)]
mod tests;
