//! The checker itself, on small sources that break the rules.

use std::collections::BTreeMap;

use super::source::Crate;
use super::{commands, cycles, files, forbidden, layers, names};

#[test]
fn the_checker_sees_a_cycle_through_a_reexport() {
    let code = parsed(&[
        ("lib.rs", "mod net;"),
        ("net/mod.rs", "mod addr; mod host; pub use self::addr::Addr; pub(crate) use host::*;"),
        ("net/addr.rs", "use super::Host; pub struct Addr(Host);"),
        ("net/host.rs", "pub struct Host; impl From<crate::net::Addr> for Host {}"),
    ]);
    let expected = "2 files depend on each other:\
        \n  src/net/addr.rs -> src/net/host.rs: Host\
        \n  src/net/host.rs -> src/net/addr.rs: Addr";
    assert_eq!(cycles::cycles(&code), [expected]);
}

#[test]
fn the_checker_sees_no_cycle_in_declarations_and_reexports_alone() {
    let code = parsed(&[
        ("lib.rs", "mod net;"),
        ("net/mod.rs", "mod addr; mod host; pub use self::addr::Addr; pub use std::io::Error;"),
        ("net/addr.rs", "use super::{Error, host::Host}; pub struct Addr(Error, Host);"),
        ("net/host.rs", "use super::Error; pub struct Host(Error);"),
    ]);
    assert!(cycles::cycles(&code).is_empty());
}

#[test]
fn the_checker_sees_every_way_to_write_a_path() {
    let ways = [
        "use crate::b::B;",
        "use super::b::{self, B as C};",
        "use super::b; fn f() { b::function(); }",
        "use super::{b as other}; fn f(x: other::B) {}",
        "use crate::*; fn f() { b::function(); }",
        "use super::b::*; fn f() { function(); }",
        "use crate::b::Trait as _;",
        "fn f() { use crate::b::B; }",
        "fn f() { <u8 as crate::b::Trait>::method(); }",
        "fn f(x: u8) { match x { crate::b::LIMIT => {} _ => {} } }",
        "fn f() -> Vec<crate::b::B> { Vec::new() }",
        "mod inner { fn f() { super::super::b::function(); } }",
        "struct S { #[arg(value_parser = crate::b::function)] x: u8 }",
        "fn f() { crate::b::generated_by_a_macro(); }",
    ];
    for way in ways {
        let code = parsed(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", &format!("pub struct A; {way}")),
            (
                "b.rs",
                "use crate::a::A; pub struct B; pub trait Trait { fn method(); }
                pub const LIMIT: u8 = 1; pub fn function() {}",
            ),
        ]);
        assert_eq!(cycles::cycles(&code).len(), 1, "{way}");
    }
}

#[test]
fn the_checker_sees_a_macro_that_a_parent_module_defines() {
    let code = parsed(&[
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "macro_rules! either { () => {} } mod b; use b::B;"),
        ("a/b.rs", "pub struct B; fn f() { either!(); }"),
    ]);
    assert_eq!(cycles::cycles(&code).len(), 1);
}

#[test]
fn the_checker_sees_a_path_inside_a_macro() {
    let ways = [
        "fn f() { tokio::select! { x = wait() => { crate::net::dial(x) } } }",
        "fn f() { println!(\"{}\", [1].map(|_| crate::net::LIMIT)); }",
        "use crate::net; fn f() { assert!(!net::dial(0)); }",
        "macro_rules! dial { ($x:expr) => { $crate::net::dial($x) } }",
        "macro_rules! table { ($($m:ident)+) => { $($m::dial();)+ } } use crate::net; table! { net }",
    ];
    for way in ways {
        let code = parsed(&[
            ("lib.rs", "mod net; mod output;"),
            ("net.rs", "use crate::output::Table; pub const LIMIT: u8 = 1; pub fn dial() {}"),
            ("output.rs", &format!("pub struct Table; {way}")),
        ]);
        assert_eq!(cycles::cycles(&code).len(), 1, "{way}");
        let violations = layers::violations(&code);
        assert!(violations.iter().any(|line| line.contains("output -> net")), "{way}");
    }
}

#[test]
fn the_checker_sees_a_path_after_test_code_but_none_inside() {
    let tests = "#[cfg(test)] mod tests { use crate::net::Addr; } \
        #[cfg(all(test, unix))] use crate::net::Addr; \
        struct S; impl S { #[cfg(test)] fn f() { crate::net::dial(); } } \
        fn f() { #[cfg(test)] let x = crate::net::dial(); } \
        #[cfg(test)] mod in_a_file;";
    let with = |rest: &str| {
        parsed(&[
            ("lib.rs", "mod net; mod output;"),
            ("net.rs", "pub struct Addr; pub fn dial() {}"),
            ("output.rs", &format!("{tests}\n{rest}")),
            ("output/in_a_file.rs", "use crate::net::Addr; mod below;"),
            ("output/in_a_file/below.rs", "use crate::net::Addr;"),
        ])
    };
    assert!(layers::violations(&with("")).is_empty());
    assert!(layers::files_without_layer(&with("")).is_empty());
    for rest in ["use crate::net::Addr;", "#[cfg(not(test))] use crate::net::Addr;"] {
        let expected = "src/output.rs:2 uses Addr of net.rs: output -> net";
        assert_eq!(layers::violations(&with(rest)), [expected]);
    }
}

#[test]
fn the_checker_sees_a_layer_that_uses_one_above() {
    let code = parsed(&[
        ("lib.rs", "mod net; mod text; mod login; pub struct Root;"),
        ("main.rs", "fn main() { sockkit::run(); sockkit::net::dial(); }"),
        ("net.rs", "pub fn dial() {} pub use crate::login::Login;"),
        ("text.rs", "use crate::Root;"),
        ("login.rs", "use crate::net; pub struct Login;"),
        ("rest.rs", ""),
    ]);
    let expected = [
        "src/login.rs:1 uses crate::net of net.rs: login -> net",
        "src/main.rs:1 uses dial of net.rs: main -> net",
        "src/net.rs:1 uses Login of login.rs: net -> login",
        "src/text.rs:1 uses Root of lib.rs: text -> lib",
    ];
    assert_eq!(layers::violations(&code), expected);
    let expected = ["src/rest.rs belongs to no layer", "src/rest.rs is declared by no module"];
    assert_eq!(layers::files_without_layer(&code), expected);
}

#[test]
fn the_checker_sees_a_file_in_commands_that_is_no_command() {
    let code = parsed(&[
        ("lib.rs", "mod commands;"),
        (
            "commands/mod.rs",
            "mod a; mod b; mod c; commands! { \"A\" \"a\" A(a), \"B\" \"b\" B(b) }",
        ),
        ("commands/a/mod.rs", "mod args; pub use self::args::Args; pub fn run() {}"),
        ("commands/a/args.rs", "pub struct Args;"),
        ("commands/b.rs", "pub enum Args {}"),
        ("commands/c.rs", "pub struct Args; pub fn run() {}"),
    ]);
    let expected = [
        "src/commands/c is not in the `commands!` table",
        "src/commands/b has no `fn run`",
        "src/commands/b has no `struct Args`",
    ];
    assert_eq!(commands::violations(&code), expected);
}

#[test]
fn the_checker_sees_unsafe_code_in_tests_and_macros_but_not_in_text() {
    let text = "#[cfg(test)] mod tests { fn f() { m!(unsafe { g() }) } }\n\
        // unsafe\nconst WORD: &str = \"unsafe\";\nunsafe impl Send for S {}";
    let found = forbidden::unsafe_outside_sys(&sources(&[("src/net.rs", text)]));
    assert_eq!(found, ["src/net.rs:1 is unsafe", "src/net.rs:4 is unsafe"]);
}

#[test]
fn the_checker_sees_unsafe_code_without_a_safety_comment() {
    let text = "// SAFETY: the pointer is valid\n// for the whole call.\nlet a = unsafe { f() };\n\
        let b = unsafe { f() };\n// SAFETY: of the next line only.\n\nlet c = unsafe { f() };";
    let expected = [4, 7].map(|line| format!("src/sys.rs:{line} has no SAFETY comment above it"));
    assert_eq!(forbidden::unexplained_unsafe(text), expected);
}

#[test]
fn the_checker_sees_printing_and_exits_outside_tests() {
    let text = "fn f() { g(|| println!()); other!(std::eprint!(\"x\")); }\n\
        use std::process::exit;\nfn h() { std::process::exit(1) }\n\
        #[cfg(test)] mod tests { fn f() { println!(); std::process::exit(0) } }";
    let expected = [
        "src/lib.rs:1 uses println",
        "src/lib.rs:1 uses eprint",
        "src/lib.rs:3 uses exit",
        "src/lib.rs:2 imports process::exit",
    ];
    assert_eq!(forbidden::direct_output(&parsed(&[("lib.rs", text)])), expected);
}

#[test]
fn the_checker_sees_files_of_the_wrong_form() {
    let wide = format!("//! {}", "é".repeat(97));
    let long = format!("//! Long.\n{}", "\n".repeat(400));
    let found = sources(&[("src/a.rs", &wide), ("src/b.rs", &long), ("tests/c.rs", "mod d;")]);
    assert_eq!(files::undocumented(&found), ["tests/c.rs does not begin with `//! `"]);
    assert_eq!(files::wide_comments(&found), ["src/a.rs:1 has 101 columns"]);
    assert_eq!(files::long_files(&found), ["src/b.rs has 401 lines"]);
}

#[test]
fn the_checker_sees_names_with_two_definitions() {
    let code = parsed(&[
        ("lib.rs", "mod a; mod b; struct Args; const _: () = (); #[cfg(test)] struct Twice;"),
        ("a.rs", "struct Args; struct Twice; const LIMIT: u8 = 1; const _: () = ();"),
        ("b.rs", "mod inner { trait Twice {} } static LIMIT: u8 = 1; fn f() { struct Args; }"),
    ]);
    assert_eq!(names::repeated_types(&code), ["Twice: a.rs, b.rs"]);
    assert_eq!(names::repeated_constants(&code), ["LIMIT: a.rs, b.rs"]);
}

/// A crate of these files, each a path below `src` and its text.
fn parsed(files: &[(&str, &str)]) -> Crate {
    Crate::parse(sources(files))
}

fn sources(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}
