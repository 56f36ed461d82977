//! The room: members, and what each of them gets to see, in one order for all.
//!
//! Plain state. Every change returns its deliveries; whoever calls hands them out before the next
//! change, and everybody sees the same order.

use std::collections::BTreeMap;
use std::fmt;

use crate::chat::command::{Command, HELP};
use crate::chat::nick::{InvalidNick, Nick, NickKey};
use crate::lines::LINE_END;
use crate::text;

/// Why somebody left who said so.
pub const QUIT: &str = "quit";

/// A member, by the number of its connection.
pub type MemberId = u64;

/// Who is in the room.
#[derive(Debug, Default)]
pub struct Room {
    members: BTreeMap<MemberId, Nick>,
    keys: BTreeMap<NickKey, MemberId>,
    /// Public lines so far.
    said: u64,
}

/// A line, and who is to get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Who.
    pub to: Recipients,
    /// The line, with its end.
    pub line: String,
}

/// Who gets a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// One member.
    One(MemberId),
    /// All but one: a sender has seen the own line already.
    AllBut(MemberId),
}

/// What came of something a member did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RoomUpdate {
    /// Who is to see what.
    pub deliveries: Vec<Delivery>,
    /// A public line, with its number and its author.
    pub public: Option<Public>,
    /// The member quits, and this is how the others are told: with its last words, escaped.
    pub leaves: Option<String>,
}

/// A line everybody sees, for whoever keeps a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    /// Its number in the one order, from 1.
    pub seq: u64,
    /// Who said it.
    pub nick: String,
    /// The line, without its end.
    pub line: String,
}

/// Why somebody cannot have a nickname.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NickRefused {
    /// It is none.
    Invalid(InvalidNick),
    /// Somebody has it; this one is free.
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
    /// Returns how many are in the room.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns whether nobody is in the room.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns the nickname of a member.
    pub fn nick(&self, id: MemberId) -> Option<&Nick> {
        self.members.get(&id)
    }

    /// Lets somebody in under the name in `line`.
    ///
    /// # Errors
    /// It is no nickname, or somebody has it.
    pub fn join(&mut self, id: MemberId, line: &[u8]) -> Result<Vec<Delivery>, NickRefused> {
        let nick = self.claim(id, line)?;
        self.members.insert(id, nick.clone());
        let here = self.len();
        Ok(vec![
            to_one(id, format!("OK welcome, {nick}; {}", self.who())),
            to_one(id, "-!- /help lists the commands".to_owned()),
            to_others(id, format!("-!- {nick} joined ({here} here)")),
        ])
    }

    /// Lets a member go, for a reason that is escaped already; nothing where there is none of that
    /// number.
    pub fn leave(&mut self, id: MemberId, reason: &str) -> Vec<Delivery> {
        let Some(nick) = self.members.remove(&id) else {
            return Vec::new();
        };
        self.keys.remove(&nick.key());
        vec![to_others(id, format!("-!- {nick} left ({reason})"))]
    }

    /// Does what a member's line asks; nothing where there is no such member.
    pub fn hear(&mut self, id: MemberId, line: &[u8]) -> RoomUpdate {
        let Some(nick) = self.members.get(&id).cloned() else {
            return RoomUpdate::default();
        };
        match Command::parse(line) {
            Command::Nothing => RoomUpdate::default(),
            Command::Say(said) => {
                self.publish(id, &nick, format!("<{nick}> {}", text::escape(said)))
            }
            Command::Me([]) => reply(id, "ERR what do you do? /me ACTION"),
            Command::Me(action) => {
                self.publish(id, &nick, format!("* {nick} {}", text::escape(action)))
            }
            Command::Msg(to, said) => self.whisper(id, &nick, to, said),
            Command::Nick(name) => self.rename(id, &nick, name),
            Command::Who => reply(id, &format!("OK {}", self.who())),
            Command::Help => reply(id, &format!("OK {HELP}")),
            Command::Quit(words) => {
                // Ours first: no last words can pass for another reason.
                let colon = if words.is_empty() { "" } else { ": " };
                let notice = format!("{QUIT}{colon}{}", text::escape(words));
                RoomUpdate { leaves: Some(notice), ..reply(id, "OK bye") }
            }
            Command::Unknown(word) => {
                let word = text::escape(word);
                reply(id, &format!("ERR no command /{word}; /help lists them, //{word} says it"))
            }
        }
    }

    fn publish(&mut self, id: MemberId, nick: &Nick, line: String) -> RoomUpdate {
        self.said += 1;
        RoomUpdate {
            deliveries: vec![to_others(id, line.clone())],
            public: Some(Public { seq: self.said, nick: nick.to_string(), line }),
            leaves: None,
        }
    }

    fn whisper(&self, id: MemberId, nick: &Nick, to: &[u8], said: &[u8]) -> RoomUpdate {
        if to.is_empty() || said.is_empty() {
            return reply(id, "ERR whom, and what? /msg NAME TEXT");
        }
        let member = Nick::parse(to).ok().and_then(|nick| self.keys.get(&nick.key()));
        match member {
            None => reply(id, &format!("ERR nobody here is called {}", text::escape(to))),
            Some(member) => {
                let said = text::escape(said);
                let mut outcome = reply(id, &format!("OK told {}", text::escape(to)));
                outcome.deliveries.insert(0, to_one(*member, format!("[{nick} -> you] {said}")));
                outcome
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
                let mut outcome = reply(id, &format!("OK you are now {new}"));
                outcome.deliveries.push(to_others(id, format!("-!- {old} is now {new}")));
                outcome
            }
        }
    }

    /// Takes a nickname for `id`, who may have had another spelling of it.
    fn claim(&mut self, id: MemberId, line: &[u8]) -> Result<Nick, NickRefused> {
        let nick = Nick::parse(line).map_err(NickRefused::Invalid)?;
        match self.keys.get(&nick.key()) {
            Some(owner) if *owner != id => {
                // There are fewer members than numbers, so one of these is free.
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

    /// Who is here, the first names where there are many: a line must stay a line.
    fn who(&self) -> String {
        let mut names: Vec<String> =
            self.members.values().take(MAX_LISTED).map(ToString::to_string).collect();
        let more = self.len().saturating_sub(names.len());
        if more > 0 {
            names.push(format!("and {more} more"));
        }
        format!("{} here: {}", self.len(), names.join(", "))
    }
}

/// Names in one answer to `/who`: a few kilobytes, whatever the size of the room.
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

    fn shown(outcome: &RoomUpdate) -> Vec<(Recipients, &str)> {
        let lines = outcome.deliveries.iter();
        lines.map(|delivery| (delivery.to, delivery.line.trim_end())).collect()
    }

    use Recipients::{AllBut, One};

    #[test]
    fn what_is_said_goes_to_everybody_else_with_a_number() {
        let mut room = room_of(&["alice", "bob"]);
        let outcome = room.hear(1, "Olá, ação ✓".as_bytes());
        assert_eq!(shown(&outcome), [(AllBut(1), "<alice> Olá, ação ✓")]);
        assert_eq!(outcome.public.unwrap().seq, 1);
        let outcome = room.hear(2, b"/me waves");
        assert_eq!(shown(&outcome), [(AllBut(2), "* bob waves")]);
        assert_eq!(outcome.public.unwrap().seq, 2);
    }

    #[test]
    fn nobody_can_speak_in_another_voice() {
        let mut room = room_of(&["mallory", "bob"]);
        for attack in [&b"x\r<bob> hi"[..], b"\x1b[2K<bob> hi", "\u{202e}x".as_bytes()] {
            let outcome = room.hear(1, attack);
            let (_, line) = shown(&outcome)[0];
            assert!(line.starts_with("<mallory> "));
            assert!(!line.chars().any(text::is_hostile), "{line}");
        }
    }

    #[test]
    fn one_nickname_belongs_to_one_member() {
        let mut room = room_of(&["alice", "alice2"]);
        let refused = room.join(3, b"ALICE").unwrap_err();
        assert_eq!(refused.to_string(), "nickname in use, try ALICE3");
        room.leave(1, "eof");
        assert!(room.join(3, b"ALICE").is_ok());
        assert_eq!(
            shown(&room.hear(3, b"/nick alice")),
            [(One(3), "OK you are now alice"), (AllBut(3), "-!- ALICE is now alice"),]
        );
        assert_eq!(
            shown(&room.hear(3, b"/nick alice2")),
            [(One(3), "ERR nickname in use, try alice22")]
        );
    }

    #[test]
    fn a_whisper_reaches_one_member_only() {
        let mut room = room_of(&["alice", "Bob"]);
        let outcome = room.hear(1, b"/msg bob psst");
        assert_eq!(shown(&outcome), [(One(2), "[alice -> you] psst"), (One(1), "OK told bob")]);
        assert_eq!(outcome.public, None);
        assert_eq!(
            shown(&room.hear(1, b"/msg carol x")),
            [(One(1), "ERR nobody here is called carol")]
        );
    }

    #[test]
    fn commands_are_answered() {
        let mut room = room_of(&["alice", "bob"]);
        assert_eq!(shown(&room.hear(1, b"/who")), [(One(1), "OK 2 here: alice, bob")]);
        assert!(shown(&room.hear(1, b"/dance"))[0].1.starts_with("ERR no command /dance"));
        let outcome = room.hear(2, b"/quit so long");
        assert_eq!(outcome.leaves.as_deref(), Some("quit: so long"));
        assert_eq!(room.leave(2, "so long")[0].line, "-!- bob left (so long)\r\n");
        assert_eq!(room.hear(2, b"ghost"), RoomUpdate::default());
    }

    #[test]
    fn a_full_room_is_listed_in_a_bounded_line() {
        let mut room = Room::default();
        for id in 0..1_000 {
            room.join(id, format!("member{id}").as_bytes()).unwrap();
        }
        let outcome = room.hear(1, b"/who");
        assert!(shown(&outcome)[0].1.ends_with("and 900 more"));
        assert!(outcome.deliveries[0].line.len() < 4096);
    }

    proptest! {
        #[test]
        fn names_and_members_always_agree(
            steps in prop::collection::vec((0u64..6, prop::sample::select(vec!["a", "A", "b", "c", "e\u{301}", "\u{e9}"]), 0u8..3), 0..60),
        ) {
            let mut room = Room::default();
            for (id, name, action) in steps {
                match action {
                    0 if room.nick(id).is_none() => { room.join(id, name.as_bytes()).ok(); }
                    1 => { room.hear(id, format!("/nick {name}").as_bytes()); }
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
