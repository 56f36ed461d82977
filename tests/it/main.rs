//! Black-box tests of the program: one binary, a module a command.
#![expect(clippy::unwrap_used, reason = "a step that fails should fail its test")]
#![expect(clippy::items_after_statements, reason = "a trait is imported where a test needs it")]
#![expect(clippy::large_stack_arrays, reason = "what is sent stands where it is sent")]

mod architecture;
mod chat_server;
mod connect;
mod contract;
mod course;
mod datagram;
mod dns_server;
mod echo_server;
mod editing;
mod ends;
mod generated;
mod info;
mod integrity;
mod interop;
mod json_doc;
mod letting_go;
mod listen;
mod listening;
mod login;
mod naming;
mod outcomes;
mod plumbing;
mod process;
mod programs;
mod race;
mod readme;
mod resolve;
mod script;
mod script_doc;
mod seeing;
mod shapes;
mod support;
mod terminal;
mod tls;
mod unix;

#[test]
fn no_test_file_is_forgotten() {
    let this = include_str!("main.rs");
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.strip_suffix(".rs").unwrap();
        let declared = this.contains(&format!("\nmod {module};\n"));
        assert!(module == "main" || declared, "tests/it/{name} never runs");
    }
}
