//! What is written for a peer's text and diagnostics above the line being typed.

use super::*;

#[test]
fn each_part_of_a_peers_line_redraws_the_line_until_it_is_complete() {
    let mut screen = Screen::default();
    let mut render = |piece| screen.render(piece);
    let peer = |text: &str| Piece::Peer(text.to_owned(), None);
    assert_eq!(render(peer("one\nHel")), "one\nHel\n");
    assert_eq!(render(peer("lo")), "\u{1b}[1A\u{1b}[2G\u{1b}[J\r\u{1b}[KHello\n");
    assert_eq!(render(peer("!\n")), "\u{1b}[1A\u{1b}[2G\u{1b}[J\r\u{1b}[KHello!\n");
    assert_eq!(render(peer("user: ")), "user: \n");
    assert_eq!(render(Piece::Diagnostics("note: text\n".to_owned())), "note: text\n");
    assert_eq!(render(peer("name\n")), "name\n");
}

#[test]
fn each_line_of_a_labelled_peer_has_its_label_once() {
    let mut screen = Screen::default();
    let mut render = |peer: &str, text: &str| {
        let label = Label { peer: peer.to_owned(), text: format!("{peer}: ") };
        screen.render(Piece::Peer(text.to_owned(), Some(label)))
    };
    assert_eq!(render("A", "one\ntwo\n"), "A: one\nA: two\n");
    assert_eq!(render("A", "Hel"), "A: Hel\n");
    assert_eq!(render("A", "lo"), "\u{1b}[1A\u{1b}[2G\u{1b}[J\r\u{1b}[KA: Hello\n");
    assert_eq!(render("B", "yes\n"), "B: yes\n");
    assert_eq!(render("A", "!\n"), "A: !\n");
}
