//! The chat room: its members, and the lines that each of them receives.
//!
//! Plain state: every change returns its deliveries. The caller makes them before the next change,
//! so that all members see the same order.

use std::collections::BTreeMap;
use std::fmt;

use crate::chat::command::{Command, HELP};
use crate::chat::nick::{InvalidNick, Nick, NickKey};
use crate::lines::LINE_END;
use crate::text;

/// The reason reported for a member that leaves with `/quit`.
pub const QUIT: &str = "quit";

/// Identifies a member: the number of its connection.
pub type MemberId = u64;

/// The members of the room and their nicknames.
#[derive(Debug, Default)]
pub struct Room {
    members: BTreeMap<MemberId, Nick>,
    keys: BTreeMap<NickKey, MemberId>,
    /// The number of public lines so far.
    published: u64,
}

/// A line and its recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The members that receive the line.
    pub to: Recipients,
    /// The line, with its line ending.
    pub line: String,
}

/// The members that receive a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// One member.
    One(MemberId),
    /// All members except this one, usually the sender, whose terminal already shows the line.
    AllBut(MemberId),
}

/// The result of a member's line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RoomUpdate {
    /// The lines to send.
    pub deliveries: Vec<Delivery>,
    /// The public line that the member's line became, if it did.
    pub public: Option<Public>,
    /// If the member has a new nickname: the old and the new one.
    pub renamed: Option<(Nick, Nick)>,
    /// If the member quits: the reason to give to the other members, escaped.
    pub quit_reason: Option<String>,
}

/// A public line, for the server's own output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    /// Its position in the order that all members see, from 1.
    pub seq: u64,
    /// The nickname of the sender.
    pub nick: String,
    /// The line, without its line ending.
    pub line: String,
}

/// Why a member cannot have a nickname.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NickRefused {
    /// The nickname is invalid.
    Invalid(InvalidNick),
    /// Another member has the nickname; the one given here is free.
    Taken(Nick),
}

impl fmt::Display for NickRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => error.fmt(f),
            Self::Taken(free) => write!(f, "nickname in use, try {free}"),
        }
    }
}

impl Room {
    /// Returns the number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns whether the room has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns the nickname of a member.
    pub fn nick(&self, id: MemberId) -> Option<&Nick> {
        self.members.get(&id)
    }

    /// Adds a member with the nickname in `line`.
    ///
    /// # Errors
    /// The nickname is invalid or in use.
    pub fn join(&mut self, id: MemberId, line: &[u8]) -> Result<Vec<Delivery>, NickRefused> {
        let nick = self.claim(id, line)?;
        self.members.insert(id, nick.clone());
        let count = self.len();
        Ok(vec![
            to_one(id, format!("OK welcome, {nick}; {}", self.member_list())),
            to_one(id, "-!- /help lists the commands".to_owned()),
            to_others(id, format!("-!- {nick} joined ({count} here)")),
        ])
    }

    /// Removes a member. `reason` must already be escaped. Returns no deliveries if there is no
    /// such member.
    pub fn leave(&mut self, id: MemberId, reason: &str) -> Vec<Delivery> {
        let Some(nick) = self.members.remove(&id) else {
            return Vec::new();
        };
        self.keys.remove(&nick.key());
        vec![to_others(id, format!("-!- {nick} left ({reason})"))]
    }

    /// Carries out a member's line. Does nothing if there is no such member.
    pub fn handle_line(&mut self, id: MemberId, line: &[u8]) -> RoomUpdate {
        let Some(nick) = self.members.get(&id).cloned() else {
            return RoomUpdate::default();
        };
        match Command::parse(line) {
            Command::Blank => RoomUpdate::default(),
            Command::Message(message) => {
                self.publish(id, &nick, format!("<{nick}> {}", text::escape(message)))
            }
            Command::Action([]) => reply(id, "ERR usage: /me ACTION"),
            Command::Action(action) => {
                self.publish(id, &nick, format!("* {nick} {}", text::escape(action)))
            }
            Command::Private(to, message) => self.send_private(id, &nick, to, message),
            Command::Nick(name) => self.rename(id, &nick, name),
            Command::Who => reply(id, &format!("OK {}", self.member_list())),
            Command::Help => reply(id, &format!("OK {HELP}")),
            Command::Quit(message) => {
                // QUIT comes first, so that a member's message cannot imitate another reason.
                let colon = if message.is_empty() { "" } else { ": " };
                let reason = format!("{QUIT}{colon}{}", text::escape(message));
                RoomUpdate { quit_reason: Some(reason), ..reply(id, "OK bye") }
            }
            Command::Unknown(name) => {
                let name = text::escape(name);
                let help = format!("/help lists the commands, //{name} sends it as text");
                reply(id, &format!("ERR unknown command /{name}; {help}"))
            }
        }
    }

    fn publish(&mut self, id: MemberId, nick: &Nick, line: String) -> RoomUpdate {
        self.published += 1;
        RoomUpdate {
            deliveries: vec![to_others(id, line.clone())],
            public: Some(Public { seq: self.published, nick: nick.to_string(), line }),
            ..RoomUpdate::default()
        }
    }

    fn send_private(&self, id: MemberId, nick: &Nick, to: &[u8], message: &[u8]) -> RoomUpdate {
        if to.is_empty() || message.is_empty() {
            return reply(id, "ERR usage: /msg NAME TEXT");
        }
        let recipient = Nick::parse(to).ok().and_then(|nick| self.keys.get(&nick.key()));
        match recipient {
            None => reply(id, &format!("ERR no member is called {}", text::escape(to))),
            Some(recipient) => {
                let line = format!("[{nick} -> you] {}", text::escape(message));
                let mut update = reply(id, &format!("OK sent to {}", text::escape(to)));
                update.deliveries.insert(0, to_one(*recipient, line));
                update
            }
        }
    }

    fn rename(&mut self, id: MemberId, old: &Nick, line: &[u8]) -> RoomUpdate {
        match self.claim(id, line) {
            Err(refused) => reply(id, &format!("ERR {refused}")),
            Ok(new) => {
                if new.key() != old.key() {
                    self.keys.remove(&old.key());
                }
                self.members.insert(id, new.clone());
                let mut update = reply(id, &format!("OK you are now {new}"));
                update.deliveries.push(to_others(id, format!("-!- {old} is now {new}")));
                update.renamed = Some((old.clone(), new));
                update
            }
        }
    }

    /// Assigns the nickname in `line` to `id`, which may already have another spelling of it.
    fn claim(&mut self, id: MemberId, line: &[u8]) -> Result<Nick, NickRefused> {
        let nick = Nick::parse(line).map_err(NickRefused::Invalid)?;
        match self.keys.get(&nick.key()) {
            Some(owner) if *owner != id => {
                // One of these is free, because there are more numbers than members.
                let free = (2..).map(|number| nick.numbered(number));
                let mut free = free.filter(|nick| !self.keys.contains_key(&nick.key()));
                Err(NickRefused::Taken(free.next().unwrap_or(nick)))
            }
            _ => {
                self.keys.insert(nick.key(), id);
                Ok(nick)
            }
        }
    }

    /// Returns the number of members and the first [`MAX_LISTED`] nicknames, as one line.
    fn member_list(&self) -> String {
        let mut names: Vec<String> =
            self.members.values().take(MAX_LISTED).map(ToString::to_string).collect();
        let more = self.len().saturating_sub(names.len());
        if more > 0 {
            names.push(format!("and {more} more"));
        }
        format!("{} here: {}", self.len(), names.join(", "))
    }
}

/// The most nicknames in one reply to `/who`, which keeps the reply to a few kilobytes.
const MAX_LISTED: usize = 100;

fn to_one(id: MemberId, line: String) -> Delivery {
    Delivery { to: Recipients::One(id), line: line + LINE_END }
}

fn to_others(id: MemberId, line: String) -> Delivery {
    Delivery { to: Recipients::AllBut(id), line: line + LINE_END }
}

fn reply(id: MemberId, line: &str) -> RoomUpdate {
    RoomUpdate { deliveries: vec![to_one(id, line.to_owned())], ..RoomUpdate::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn room_of(names: &[&str]) -> Room {
        let mut room = Room::default();
        for (id, name) in (1..).zip(names) {
            room.join(id, name.as_bytes()).unwrap();
        }
        room
    }

    fn shown(update: &RoomUpdate) -> Vec<(Recipients, &str)> {
        let lines = update.deliveries.iter();
        lines.map(|delivery| (delivery.to, delivery.line.trim_end())).collect()
    }

    use Recipients::{AllBut, One};

    #[test]
    fn a_message_is_numbered_and_goes_to_every_other_member() {
        let mut room = room_of(&["alice", "bob"]);
        let update = room.handle_line(1, "Olá, ação ✓".as_bytes());
        assert_eq!(shown(&update), [(AllBut(1), "<alice> Olá, ação ✓")]);
        assert_eq!(update.public.unwrap().seq, 1);
        let update = room.handle_line(2, b"/me waves");
        assert_eq!(shown(&update), [(AllBut(2), "* bob waves")]);
        assert_eq!(update.public.unwrap().seq, 2);
    }

    #[test]
    fn a_member_cannot_imitate_another_members_line() {
        let mut room = room_of(&["mallory", "bob"]);
        for attack in [&b"x\r<bob> hi"[..], b"\x1b[2K<bob> hi", "\u{202e}x".as_bytes()] {
            let update = room.handle_line(1, attack);
            let (_, line) = shown(&update)[0];
            assert!(line.starts_with("<mallory> "));
            assert!(!text::contains_hostile(line), "{line}");
        }
    }

    #[test]
    fn a_nickname_belongs_to_one_member_at_a_time() {
        let mut room = room_of(&["alice", "alice2"]);
        let refused = room.join(3, b"ALICE").unwrap_err();
        assert_eq!(refused.to_string(), "nickname in use, try ALICE3");
        room.leave(1, "eof");
        assert!(room.join(3, b"ALICE").is_ok());
        assert_eq!(
            shown(&room.handle_line(3, b"/nick alice")),
            [(One(3), "OK you are now alice"), (AllBut(3), "-!- ALICE is now alice"),]
        );
        assert_eq!(
            shown(&room.handle_line(3, b"/nick alice2")),
            [(One(3), "ERR nickname in use, try alice22")]
        );
    }

    #[test]
    fn a_private_message_reaches_only_its_recipient() {
        let mut room = room_of(&["alice", "Bob"]);
        let update = room.handle_line(1, b"/msg bob psst");
        assert_eq!(shown(&update), [(One(2), "[alice -> you] psst"), (One(1), "OK sent to bob")]);
        assert_eq!(update.public, None);
        assert_eq!(
            shown(&room.handle_line(1, b"/msg carol x")),
            [(One(1), "ERR no member is called carol")]
        );
    }

    #[test]
    fn commands_get_a_reply_and_unknown_ones_an_error() {
        let mut room = room_of(&["alice", "bob"]);
        assert_eq!(shown(&room.handle_line(1, b"/who")), [(One(1), "OK 2 here: alice, bob")]);
        assert!(
            shown(&room.handle_line(1, b"/dance"))[0].1.starts_with("ERR unknown command /dance")
        );
        let update = room.handle_line(2, b"/quit so long");
        assert_eq!(update.quit_reason.as_deref(), Some("quit: so long"));
        assert_eq!(room.leave(2, "so long")[0].line, "-!- bob left (so long)\r\n");
        assert_eq!(room.handle_line(2, b"ghost"), RoomUpdate::default());
    }

    #[test]
    fn the_member_list_of_a_large_room_is_one_bounded_line() {
        let mut room = Room::default();
        for id in 0..1_000 {
            room.join(id, format!("member{id}").as_bytes()).unwrap();
        }
        let update = room.handle_line(1, b"/who");
        assert!(shown(&update)[0].1.ends_with("and 900 more"));
        assert!(update.deliveries[0].line.len() < 4096);
    }

    proptest! {
        #[test]
        fn every_member_keeps_exactly_one_nickname_key(
            steps in prop::collection::vec(
                (
                    0u64..6,
                    prop::sample::select(vec!["a", "A", "b", "c", "e\u{301}", "\u{e9}"]),
                    0u8..3,
                ),
                0..60,
            ),
        ) {
            let mut room = Room::default();
            for (id, name, action) in steps {
                match action {
                    0 if room.nick(id).is_none() => { room.join(id, name.as_bytes()).ok(); }
                    1 => { room.handle_line(id, format!("/nick {name}").as_bytes()); }
                    2 => { room.leave(id, "x"); }
                    _ => {}
                }
                prop_assert_eq!(room.keys.len(), room.members.len());
                for (id, nick) in &room.members {
                    prop_assert_eq!(room.keys.get(&nick.key()), Some(id));
                }
            }
        }
    }
}
