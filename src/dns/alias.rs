//! Aliases (CNAME records): where a name leads, without walking in circles.
//!
//! Pure state: it looks at records and asks nobody.

use crate::dns::Name;
use crate::dns::name;
use crate::dns::record::{CLASS_IN, Record};
use crate::dns::record_type::RecordType;

/// Aliases followed for one question. Real chains have three or four; a server that never stops
/// inventing new ones must not keep us for ever.
pub const MAX_ALIASES: usize = 16;

/// The names a question has led to: the one asked for, and what each is an alias of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasChain(Vec<Name>);

/// Where the trail stands after a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainPosition {
    /// The reply has what is wanted for the last name.
    Arrived,
    /// It has nothing for the last name.
    Open,
}

/// Why a chain of aliases leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AliasError {
    /// It comes back to a name it had passed.
    #[error("CNAME loop: {0}")]
    Loop(String),
    /// It is longer than [`MAX_ALIASES`].
    #[error("more than {MAX_ALIASES} CNAMEs in a row, the last to {0}")]
    TooMany(String),
}

impl AliasChain {
    /// Begins at the name asked for.
    pub fn new(name: Name) -> Self {
        Self(vec![name])
    }

    /// Returns the name the trail has led to.
    pub fn last(&self) -> &Name {
        &self.0[self.0.len() - 1]
    }

    /// Returns whether any alias was followed.
    pub fn has_moved(&self) -> bool {
        self.0.len() > 1
    }

    /// Goes on through the aliases among `answers`, as far as they lead.
    ///
    /// # Errors
    /// They lead in a circle, or too far.
    pub fn follow(
        &mut self,
        answers: &[Record],
        wanted: RecordType,
    ) -> Result<ChainPosition, AliasError> {
        loop {
            let own = |record: &&Record| record.class == CLASS_IN && record.name == *self.last();
            let is_wanted =
                |record: &Record| wanted == RecordType::ANY || record.record_type == wanted;
            if answers.iter().filter(own).any(is_wanted) {
                return Ok(ChainPosition::Arrived);
            }
            let next = answers.iter().filter(own).find_map(|record| record.alias_of.as_ref());
            match next {
                Some(next) => self.step(next.clone())?,
                None => return Ok(ChainPosition::Open),
            }
        }
    }

    fn step(&mut self, next: Name) -> Result<(), AliasError> {
        let known = self.0.contains(&next);
        let shown = name::show(&next);
        self.0.push(next);
        if known {
            let names: Vec<String> = self.0.iter().map(name::show).collect();
            return Err(AliasError::Loop(names.join(" -> ")));
        }
        if self.0.len() - 1 > MAX_ALIASES {
            return Err(AliasError::TooMany(shown));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        name::parse(text).unwrap()
    }

    fn alias(from: &str, to: &str) -> Record {
        Record {
            name: name(from),
            record_type: RecordType::CNAME,
            class: CLASS_IN,
            ttl: 1,
            data: String::new(),
            alias_of: Some(name(to)),
        }
    }

    fn address(of: &str) -> Record {
        Record { record_type: RecordType::A, alias_of: None, ..alias(of, of) }
    }

    #[test]
    fn a_chain_is_followed_whatever_the_order_of_its_records() {
        let mut trail = AliasChain::new(name("a"));
        let answers = [address("c"), alias("B", "c"), alias("a", "b")];
        assert_eq!(trail.follow(&answers, RecordType::A), Ok(ChainPosition::Arrived));
        assert_eq!(trail.last(), &name("c"));
    }

    #[test]
    fn a_chain_can_end_open_and_go_on_later() {
        let mut trail = AliasChain::new(name("a"));
        assert_eq!(trail.follow(&[alias("a", "b")], RecordType::A), Ok(ChainPosition::Open));
        assert_eq!(trail.follow(&[address("x")], RecordType::A), Ok(ChainPosition::Open));
        assert_eq!(trail.follow(&[address("b")], RecordType::A), Ok(ChainPosition::Arrived));
    }

    #[test]
    fn an_alias_that_was_asked_for_is_not_followed() {
        for wanted in [RecordType::CNAME, RecordType::ANY] {
            let mut trail = AliasChain::new(name("a"));
            assert_eq!(trail.follow(&[alias("a", "b")], wanted), Ok(ChainPosition::Arrived));
            assert!(!trail.has_moved());
        }
    }

    #[test]
    fn circles_are_named() {
        let mut trail = AliasChain::new(name("a"));
        let circle = trail.follow(&[alias("a", "b"), alias("b", "A")], RecordType::A);
        assert_eq!(circle, Err(AliasError::Loop("a. -> b. -> A.".into())));
        let own = AliasChain::new(name("a")).follow(&[alias("a", "a")], RecordType::A);
        assert_eq!(own, Err(AliasError::Loop("a. -> a.".into())));
    }

    #[test]
    fn sixteen_aliases_are_followed_and_no_more() {
        let chain: Vec<Record> =
            (0..=MAX_ALIASES).map(|at| alias(&format!("n{at}"), &format!("n{}", at + 1))).collect();
        let mut trail = AliasChain::new(name("n0"));
        assert_eq!(trail.follow(&chain[..MAX_ALIASES], RecordType::A), Ok(ChainPosition::Open));
        let far = AliasChain::new(name("n0")).follow(&chain, RecordType::A);
        assert_eq!(far, Err(AliasError::TooMany("n17.".into())));
    }

    proptest! {
        #[test]
        fn no_tangle_of_aliases_keeps_it_busy(
            links in prop::collection::vec((0..30u8, 0..30u8), 0..60)
        ) {
            let answers: Vec<Record> = links
                .iter()
                .map(|(from, to)| alias(&format!("n{from}"), &format!("n{to}")))
                .collect();
            AliasChain::new(name("n0")).follow(&answers, RecordType::A).ok();
        }
    }
}
