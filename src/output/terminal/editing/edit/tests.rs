//! The keys, typed as a terminal sends them.

use super::*;
use crate::output::terminal::editing::keys::KeyDecoder;
use proptest::prelude::*;

/// Types `keys`, and shows the cursor as `|`.
fn edited(edit: &mut Edit, keys: &str) -> String {
    let mut decoder = KeyDecoder::default();
    decoder.push(keys.as_bytes());
    while let Some(key) = decoder.next_after_pause() {
        edit.apply(key, false);
    }
    let (before, after) = edit.line().split_at(edit.pos());
    format!("{before}|{after}")
}

#[test]
fn the_keys_of_emacs_edit_the_line() {
    for (keys, expected) in [
        ("abc\x01x\x05y", "xabcy|"),
        ("abc\x02\x02\x04", "a|c"),
        ("one two\x1bb\x0b", "one |"),
        ("one two\x17three", "one three|"),
        ("one two\x1bb\x0b\x01\x19", "two|one "),
        ("a b\x17\x17\x19", "a b|"),
        ("a\x17b\x17\x19\x1by", "a|"),
        ("ab\x14", "ba|"),
        ("one\x1bb\x1bu", "ONE|"),
        ("one two\x15", "|"),
        ("日本\u{7f}", "日|"),
        ("abc\x01\x1b[3~", "|bc"),
        ("abc\x17\x1f", "abc|"),
        ("abc\x17\x18\x15", "abc|"),
        ("a\tb", "a\tb|"),
    ] {
        assert_eq!(edited(&mut Edit::new(), keys), expected, "{keys:?}");
    }
}

#[test]
fn earlier_lines_are_recalled_and_searched() {
    let mut edit = Edit::new();
    edited(&mut edit, "first\rsecond\rsecond\r\r");
    assert_eq!(edited(&mut edit, "draft\x10"), "second|");
    assert_eq!(edited(&mut edit, "\x10\x10"), "first|");
    assert_eq!(edited(&mut edit, "\x0e\x0e"), "draft|");
    assert_eq!(edited(&mut edit, "\x12ir"), "f|irst");
    assert_eq!(edit.search_prompt().as_deref(), Some("(reverse-i-search)`ir': "));
    edited(&mut edit, "x");
    assert_eq!(edit.search_prompt().as_deref(), Some("(failed reverse-i-search)`irx': "));
    assert_eq!(edited(&mut edit, "\x07"), "draft|");
    assert_eq!(edited(&mut edit, "\x12s\x12"), "fir|st");
    assert_eq!(edited(&mut edit, "\x05"), "first|");
    assert_eq!(edit.search_prompt(), None);
    assert_eq!(edit.apply(Key::Enter, false), Applied::Entered("first".to_owned()));
}

#[test]
fn a_secret_is_not_remembered_and_recalls_nothing() {
    let mut edit = Edit::new();
    edited(&mut edit, "user\r");
    for key in [Key::Up, Key::Ctrl('p'), Key::Ctrl('r'), Key::Char('s')] {
        edit.apply(key, true);
    }
    assert_eq!(edit.apply(Key::Enter, true), Applied::Entered("s".to_owned()));
    assert_eq!(edited(&mut edit, "\x10"), "user|");
}

#[test]
fn a_line_that_is_too_long_is_reported_once() {
    let mut edit = Edit::new();
    let most = "x".repeat(MAX_EDITED_LINE);
    assert_eq!(edit.apply(Key::Paste(most), false), Applied::Changed);
    assert!(matches!(edit.apply(Key::Char('y'), false), Applied::Discarded(_)));
    assert_eq!(edit.apply(Key::Char('y'), false), Applied::Changed);
    assert_eq!(edit.line().len(), MAX_EDITED_LINE);
    assert_eq!(edit.apply(Key::Ctrl('d'), false), Applied::Changed);
    edit.take(false);
    assert_eq!(edit.apply(Key::Ctrl('d'), false), Applied::Ended);
}

proptest! {
    #[test]
    fn no_sequence_of_keys_panics(
        keys in "([a-c \u{e9}\u{301}\u{200d}\u{1f468}]|[\u{0}-\u{1f}]|\u{1b}[bfdtucly<>\u{7f}]|\u{1b}\\[[ABCDHF]){0,60}",
    ) {
        let mut edit = Edit::new();
        edited(&mut edit, &keys);
        prop_assert!(edit.line().is_char_boundary(edit.pos()));
    }
}
