//! What a person at a terminal sees.

use crate::support::{Terminal, eventually, sockkit};

fn here() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn connect_prompts_and_shows_both_addresses() {
    let directory = here();
    let echo = sockkit("echo-server 0 --timestamp").serve();
    let mut terminal = Terminal::start(&format!("connect {}", echo.addr), directory.path());
    let text = terminal.screen.wait_for_text("(here 127.0.0.1:");
    assert!(text.contains(&format!("{}", echo.addr)), "{text:?}");
    terminal.screen.wait_for_text("> ");
    terminal.type_in("hello\r");
    let prompts = |text: &str| text.matches("> ").count();
    let text = terminal.screen.wait_for(|text| {
        let answered = text.contains(" hello\r\n") && prompts(text) >= 2;
        answered.then(|| text.to_owned())
    });
    assert!(!text.contains("data "), "{text:?}");
    terminal.type_in("\u{4}");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn login_hides_the_password_and_shows_the_answer() {
    let directory = here();
    let server = sockkit("login-server 0").dir(directory.path()).serve();
    let mut terminal = Terminal::start(&format!("login {}", server.addr), directory.path());
    terminal.screen.wait_for_text("Username: ");
    terminal.type_in("\r");
    terminal.screen.wait_for_text("ERR empty user name, try again");
    terminal.screen.wait_for(|text| (text.matches("Username: ").count() == 2).then_some(()));
    terminal.type_in("alice\r");
    terminal.screen.wait_for_text("Password: ");
    eventually("the echo is off", || (!terminal.echoes()).then_some(()));
    terminal.type_in("s3cret\r");
    let text = terminal.screen.wait_for_text("OK recorded");
    assert!(text.contains("alice") && !text.contains("s3cret"), "{text:?}");
    assert_eq!(terminal.wait(), 0);
    let log = std::fs::read_to_string(directory.path().join("log-acesso.txt")).unwrap();
    assert!(log.ends_with("user=\"alice\" password=\"s3cret\"\n"), "{log}");
}

#[test]
fn an_interrupted_password_leaves_the_terminal_as_it_was() {
    let directory = here();
    let server = sockkit("login-server 0").dir(directory.path()).serve();
    let login = format!("login {} --user alice", server.addr);
    let mut terminal = Terminal::start(&login, directory.path());
    terminal.screen.wait_for_text("Password: ");
    eventually("the echo is off", || (!terminal.echoes()).then_some(()));
    terminal.type_in("\u{3}");
    eventually("the echo is on again", || terminal.echoes().then_some(()));
    assert_eq!(terminal.wait(), 130);
}

#[test]
fn a_report_is_in_colour_on_a_terminal() {
    let directory = here();
    let terminal = Terminal::start("info", directory.path());
    let text = terminal.screen.wait_for_text("ADDRESSES");
    assert!(text.contains("\u{1b}[1mINTERFACE"), "{text:?}");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_server_ends_with_its_terminal_and_cleans_up() {
    let directory = here();
    let path = directory.path().join("port");
    let server = format!("login-server 0 --port-file {}", path.display());
    let terminal = Terminal::start(&server, directory.path());
    terminal.screen.wait_for_text("only this machine");
    eventually("the port file", || path.exists().then_some(()));
    terminal.hang_up();
    eventually("the port file is removed", || (!path.exists()).then_some(()));
}
