//! Tests of the language: every step, and every syntax error.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::script::Script;

fn parse(text: &str) -> Result<Vec<Step>, Error> {
    script(text.as_bytes(), "s.txt", Path::new("/nonexistent"))
}

/// Parses a script with a single step, and returns the step.
#[track_caller]
fn single_step(text: &str) -> Step {
    let mut steps = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(steps.len(), 1, "{text}");
    steps.remove(0)
}

/// Returns the bytes that a `send` step sends.
#[track_caller]
fn bytes_to_send(text: &str) -> Vec<u8> {
    match single_step(text).action {
        Action::Send(bytes) => bytes,
        other => panic!("{text}: {other:?}"),
    }
}

/// Asserts that an expectation waits for `wait`, and that its match in `bytes` ends at `end`.
#[track_caller]
fn assert_match(text: &str, bytes: &[u8], end: Option<usize>, wait: Duration) {
    match single_step(text).action {
        Action::Expect(pattern, limit) => {
            assert_eq!(pattern.find_end(bytes, 0), end, "{text}");
            assert_eq!(limit, wait, "{text}");
        }
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn every_step_is_parsed() {
    let (five, ten) = (Duration::from_secs(5), DEFAULT_WAIT);
    assert_match("expect /^220 .*\\r\\n/ 5s", b"220 hi\r\n250", Some(8), five);
    assert_match("expect /^220/", b"220 hi", Some(3), ten);
    assert_match("expect /a\\/b/", b"a/b", Some(3), ten);
    assert_match("expect /OK/i 500ms", b"..ok", Some(4), Duration::from_millis(500));
    assert_match("expect /a.b/s", b"a\nb", Some(3), ten);
    assert_match("expect /^b/m", b"a\nb", Some(3), ten);
    assert_match("expect /a b # not this/x", b"ab", Some(2), ten);
    assert_match("expect /(?-u:\\xff)/", b"\xff", Some(1), ten);
    assert_match(r#"expect "a.b\r\n" 1m30s"#, b"a.b\r\n", Some(5), Duration::from_secs(90));
    assert_match(r#"expect "a.b""#, b"axb", None, ten);
    assert_match("expect-hex 16 03 5s", b"\x16\x03", Some(2), five);
    assert_match("expect-hex 1603FF", b"\x16\x03\xff", Some(3), ten);
    assert!(matches!(single_step("expect-end").action, Action::ExpectEnd(wait) if wait == ten));
    assert!(matches!(single_step("expect-end 5s").action, Action::ExpectEnd(wait) if wait == five));
    assert_eq!(bytes_to_send("send \"EHLO x\\r\\n\""), b"EHLO x\r\n");
    assert_eq!(bytes_to_send("send \"\""), b"");
    assert_eq!(bytes_to_send("send-hex 16 0301 # TLS"), [0x16, 3, 1]);
    assert!(matches!(single_step("sleep 5s").action, Action::Sleep(wait) if wait == five));
    assert!(matches!(single_step("close-write").action, Action::CloseWrite));
    assert!(matches!(single_step("\treset  # at once").action, Action::Reset));
    assert!(matches!(single_step("starttls").action, Action::StartTls));
}

#[test]
fn escapes_express_any_byte_and_character() {
    let text = r#"send "\r\n\t\0\\\"\x00\xFf\u{e9}\u{1f980}é #""#;
    assert_eq!(bytes_to_send(text), b"\r\n\t\0\\\"\x00\xff\xc3\xa9\xf0\x9f\xa6\x80\xc3\xa9 #");
}

#[test]
fn blank_lines_comments_crlf_and_a_byte_order_mark_are_ignored() {
    let text = "\u{feff}# smtp\r\n\r\n  \t\r\nexpect /^220/ 5s # ready\r\n  # done\nsend \"x\"";
    let steps = parse(text).unwrap();
    let named: Vec<_> = steps.iter().map(|step| format!("{} {}", step.place, step.text)).collect();
    assert_eq!(named, ["s.txt:4 expect /^220/", "s.txt:6 send \"x\""]);
}

#[test]
fn every_error_has_its_place_and_what_is_allowed_there() {
    for (text, place, what, allowed) in [
        ("", "1:1", "no steps", "expect, expect-hex"),
        ("# only\n\n", "1:1", "no steps", "or starttls"),
        ("wait 5s", "1:1", "unknown step \"wait\"", "expect, expect-hex"),
        ("\n\n  EXPECT /x/", "3:3", "unknown step \"EXPECT\"", "expect, "),
        ("expect", "1:7", "the pattern is missing", "/REGEX/"),
        ("expect 220", "1:8", "the pattern is missing", "/REGEX/"),
        ("expect /220", "1:8", "no closing slash", "\\/"),
        ("expect /é\\/", "1:8", "no closing slash", "\\/"),
        ("expect //", "1:9", "empty", "at least one"),
        ("expect \"\"", "1:8", "empty", "/REGEX/"),
        ("expect /x/iq 5s", "1:12", "unknown flag \"q\"", "i, s, m or x"),
        ("expect /a/b/", "1:11", "unknown flag \"b\"", "\\/"),
        ("expect /(/", "1:9", "unclosed group", "regex crate"),
        ("expect /x/ 5", "1:12", "invalid duration \"5\"", "500ms"),
        ("expect /x/ -5s", "1:12", "invalid duration", "500ms"),
        ("expect /x/ 25h", "1:12", "invalid duration", "24h"),
        ("expect /x/ 5s more", "1:15", "unexpected \"more\"", "comment"),
        ("expect \"é\" 5s 5s", "1:15", "unexpected \"5s\"", "comment"),
        ("expect-hex", "1:11", "the bytes are missing", "hexadecimal"),
        ("expect-hex 5s", "1:12", "the bytes are missing", "hexadecimal"),
        ("expect-hex 16 3", "1:15", "odd number", "hexadecimal"),
        ("expect-hex 16 zz", "1:15", "invalid duration", "500ms"),
        ("expect-end now", "1:12", "invalid duration", "500ms"),
        ("send", "1:5", "the text to send is missing", "double quotes"),
        ("send QUIT", "1:6", "the text to send is missing", "double quotes"),
        ("send \"QUIT", "1:6", "no closing quote", "\""),
        ("send \"QUIT\\\"", "1:6", "no closing quote", "\""),
        ("send \"é\\q\"", "1:8", "unknown escape", "\\xNN"),
        ("send \"\\u{110000}\"", "1:7", "unknown escape", "\\u{"),
        ("send \"a\"5s", "1:9", "no space after", "space"),
        ("send \"a\" \"b\"", "1:10", "unexpected", "comment"),
        ("send \"a\u{202e}b\"", "1:8", "invisible", "\\u{202e}"),
        ("send \"a\u{7}\"", "1:8", "invisible", "\\u{7}"),
        ("send-hex 1", "1:10", "odd number", "hexadecimal"),
        ("send-hex 16 5s", "1:13", "unexpected \"5s\"", "comment"),
        ("send-hex é", "1:10", "the bytes are missing", "hexadecimal"),
        ("send-file", "1:10", "the path is missing", "a path"),
        ("send-file \"\"", "1:11", "the path is missing", "a path"),
        ("sleep", "1:6", "the duration is missing", "500ms"),
        ("sleep # 5s", "1:7", "the duration is missing", "500ms"),
        ("close-write 5s", "1:13", "unexpected \"5s\"", "comment"),
        ("reset\nexpect /x/", "2:1", "not allowed after reset on line 1", "last step"),
        ("close-write\n send \"x\"", "2:2", "not allowed after close-write on line 1", "expect"),
        ("close-write\nclose-write", "2:1", "not allowed after close-write", "expect"),
        ("close-write\nstarttls", "2:1", "not allowed after close-write", "expect"),
        ("starttls\nstarttls", "2:1", "not allowed after starttls on line 1", "once"),
    ] {
        match parse(text) {
            Err(error @ Error::Line { .. }) => {
                let message = error.to_string();
                assert!(message.starts_with(&format!("s.txt:{place}: ")), "{text}: {message}");
                assert!(message.contains(what), "{text}: {message}");
                let Error::Line { wrong, .. } = error else { unreachable!() };
                assert!(wrong.allowed.contains(allowed), "{text}: {wrong}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn steps_that_send_nothing_are_allowed_after_close_write() {
    assert_eq!(parse("close-write\nexpect /x/\nexpect-end\nsleep 1s\nreset").unwrap().len(), 5);
}

#[test]
fn a_script_that_is_not_utf8_is_rejected_with_the_place_of_the_first_invalid_byte() {
    let error = script(b"sleep 1s\nsend \"\xc3\xa9\xff\"", "s.txt", Path::new("")).unwrap_err();
    assert_eq!(error.to_string(), "s.txt:2:8: this is not UTF-8");
}

#[test]
fn a_script_above_the_size_or_line_limit_is_rejected() {
    let long = format!("sleep 1s\n#{}", "x".repeat(MAX_SCRIPT_BYTES));
    assert!(parse(&long).unwrap_err().to_string().contains("too long"));
    let lines = "#\n".repeat(MAX_SCRIPT_LINES - 1) + "sleep 1s\n";
    assert_eq!(parse(&lines).unwrap().len(), 1);
    let error = parse(&format!("{lines}#")).unwrap_err();
    assert_eq!(error.to_string(), "s.txt:10001:1: this script has too many lines");
}

#[test]
fn file_paths_are_relative_to_the_script_and_files_are_opened_while_parsing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("two words"), "x").unwrap();
    let path = folder.path().join("s.txt");
    fs::write(&path, "send-file \"two words\"\nsend-file s.txt # itself\n").unwrap();
    let script = Script::load(&path).unwrap();
    assert!(matches!(&script.steps()[0].action,
        Action::SendFile(file) if file.path() == folder.path().join("two words")));
    fs::write(&path, "sleep 1s\n  send-file none").unwrap();
    let message = Script::load(&path).unwrap_err().to_string();
    assert!(message.contains("s.txt:2:13: cannot read "), "{message}");
    assert!(message.ends_with("none: no such file or directory"), "{message}");
    let missing = Script::load(&folder.path().join("nowhere")).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read "), "{missing}");
}

#[test]
fn a_send_option_becomes_a_step_with_its_escapes_processed() {
    let step = Step::send(b"EHLO x\\r\\n").unwrap();
    assert!(matches!(&step.action, Action::Send(bytes) if bytes == b"EHLO x\r\n"));
    assert_eq!(step.text, "send \"EHLO x\\r\\n\"");
    let wrong = Step::send("aé\\q".as_bytes()).unwrap_err();
    assert_eq!((wrong.column, &*wrong.what), (3, "unknown escape"));
    // Bytes that are not UTF-8 are sent unchanged, and no escape contains them.
    let step = Step::send(b"caf\xe9\\x00\xff").unwrap();
    assert!(matches!(&step.action, Action::Send(bytes) if bytes == b"caf\xe9\0\xff"));
    assert_eq!(step.text, "send \"caf\\xe9\\0\\xff\"");
    let wrong = Step::send(b"\xff\\\xff").unwrap_err();
    assert_eq!((wrong.column, &*wrong.what), (2, "unknown escape"));
}

#[test]
fn the_slashes_are_optional_in_an_expect_option() {
    for (pattern, text, wait) in [
        ("^220", "expect /^220/", DEFAULT_WAIT),
        ("/^220/ 5s", "expect /^220/", Duration::from_secs(5)),
        ("/ready in \\d/i", "expect /ready in \\d/i", DEFAULT_WAIT),
        ("ready in 5s", "expect /ready in 5s/", DEFAULT_WAIT),
        ("a\nb", "expect /a\\nb/", DEFAULT_WAIT),
    ] {
        let step = Step::expect(pattern).unwrap();
        assert_eq!(step.text, text);
        assert!(matches!(step.action, Action::Expect(_, limit) if limit == wait), "{pattern}");
    }
    for (pattern, column, what) in [
        ("", 1, "empty"),
        ("//", 2, "empty"),
        ("(220", 1, "unclosed group"),
        ("/usr/bin", 6, "unknown flag \"b\""),
        ("/x/ 5", 5, "invalid duration"),
        ("/index", 7, "no closing slash"),
    ] {
        let wrong = Step::expect(pattern).unwrap_err();
        assert!(wrong.what.contains(what) && wrong.column == column, "{pattern}: {wrong}");
    }
}

/// Returns a strategy for almost valid scripts, which reach more of the parser than random text.
fn almost_valid_script() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        prop::sample::select(STEPS.to_vec()).prop_map(str::to_owned),
        "[/\"][ -~é]{0,8}[/\"]?[a-z]{0,3}",
        "[0-9a-fA-F]{1,5}",
        "[0-9]{1,20}(ms|s|m|h|)",
        any::<String>(),
    ];
    prop::collection::vec((word, "[ \t\r\n#]{0,2}"), 0..8)
        .prop_map(|words| words.into_iter().map(|(word, blank)| word + &blank).collect())
}

proptest! {
    #[test]
    fn parsing_never_panics(text in almost_valid_script()) {
        if let Err(error) = parse(&text) {
            prop_assert!(!error.to_string().is_empty());
        }
        Step::send(text.as_bytes()).ok();
        Step::expect(&text).ok();
    }

    #[test]
    fn parsing_arbitrary_bytes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        script(&bytes, "s.txt", Path::new("/nonexistent")).ok();
    }

    #[test]
    fn every_quoted_text_can_be_sent_and_expected(
        bytes in prop::collection::vec(any::<u8>(), 1..100),
    ) {
        let quoted = text::quote(&bytes);
        prop_assert_eq!(bytes_to_send(&format!("send {quoted}")), &*bytes);
        assert_match(&format!("expect {quoted}"), &bytes, Some(bytes.len()), DEFAULT_WAIT);
    }
}
