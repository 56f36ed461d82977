//! Chains of aliases (CNAME records), with loop detection.
//!
//! This module does no I/O: it reads decoded records and sends no queries.

use crate::dns::Name;
use crate::dns::name;
use crate::dns::record::{CLASS_IN, Record};
use crate::dns::record_type::RecordType;

/// Maximum number of aliases followed for one question. Real chains have three or four; the limit
/// ends a lookup whose server returns a new alias in every reply.
pub const MAX_ALIASES: usize = 16;

/// The names that a question has led to: the name asked for, then the target of each alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasChain(Vec<Name>);

/// The state of a chain after a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainPosition {
    /// The reply has a record of the wanted type for the last name.
    Arrived,
    /// The reply has no such record.
    Open,
}

/// Why a chain of aliases cannot be followed to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AliasError {
    /// The chain returns to one of its names.
    #[error("CNAME loop: {0}")]
    Loop(String),
    /// The chain is longer than [`MAX_ALIASES`].
    #[error("more than {MAX_ALIASES} CNAMEs in a row; the last points to {0}")]
    TooMany(String),
}

impl AliasChain {
    /// Returns a chain that begins with the name asked for.
    pub fn new(name: Name) -> Self {
        Self(vec![name])
    }

    /// Returns the last name of the chain.
    pub fn last(&self) -> &Name {
        &self.0[self.0.len() - 1]
    }

    /// Returns whether an alias has been followed.
    pub fn has_aliases(&self) -> bool {
        self.0.len() > 1
    }

    /// Follows the aliases among `answers` as far as possible.
    ///
    /// # Errors
    /// The aliases form a loop, or there are too many.
    pub fn follow(
        &mut self,
        answers: &[Record],
        wanted: RecordType,
    ) -> Result<ChainPosition, AliasError> {
        loop {
            let of_last =
                |record: &&Record| record.class == CLASS_IN && record.name == *self.last();
            let is_wanted =
                |record: &Record| wanted == RecordType::ANY || record.record_type == wanted;
            if answers.iter().filter(of_last).any(is_wanted) {
                return Ok(ChainPosition::Arrived);
            }
            let next = answers.iter().filter(of_last).find_map(|record| record.alias_of.as_ref());
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
    fn a_chain_is_followed_in_any_order_of_its_records() {
        let mut chain = AliasChain::new(name("a"));
        let answers = [address("c"), alias("B", "c"), alias("a", "b")];
        assert_eq!(chain.follow(&answers, RecordType::A), Ok(ChainPosition::Arrived));
        assert_eq!(chain.last(), &name("c"));
    }

    #[test]
    fn an_open_chain_continues_in_a_later_reply() {
        let mut chain = AliasChain::new(name("a"));
        assert_eq!(chain.follow(&[alias("a", "b")], RecordType::A), Ok(ChainPosition::Open));
        assert_eq!(chain.follow(&[address("x")], RecordType::A), Ok(ChainPosition::Open));
        assert_eq!(chain.follow(&[address("b")], RecordType::A), Ok(ChainPosition::Arrived));
    }

    #[test]
    fn an_alias_that_was_asked_for_is_not_followed() {
        for wanted in [RecordType::CNAME, RecordType::ANY] {
            let mut chain = AliasChain::new(name("a"));
            assert_eq!(chain.follow(&[alias("a", "b")], wanted), Ok(ChainPosition::Arrived));
            assert!(!chain.has_aliases());
        }
    }

    #[test]
    fn a_loop_is_reported_with_its_names() {
        let mut chain = AliasChain::new(name("a"));
        let alias_loop = chain.follow(&[alias("a", "b"), alias("b", "A")], RecordType::A);
        assert_eq!(alias_loop, Err(AliasError::Loop("a. -> b. -> A.".into())));
        let self_alias = AliasChain::new(name("a")).follow(&[alias("a", "a")], RecordType::A);
        assert_eq!(self_alias, Err(AliasError::Loop("a. -> a.".into())));
    }

    #[test]
    fn sixteen_aliases_are_followed_and_a_seventeenth_is_an_error() {
        let aliases: Vec<Record> =
            (0..=MAX_ALIASES).map(|at| alias(&format!("n{at}"), &format!("n{}", at + 1))).collect();
        let mut chain = AliasChain::new(name("n0"));
        assert_eq!(chain.follow(&aliases[..MAX_ALIASES], RecordType::A), Ok(ChainPosition::Open));
        let too_many = AliasChain::new(name("n0")).follow(&aliases, RecordType::A);
        assert_eq!(too_many, Err(AliasError::TooMany("n17.".into())));
    }

    proptest! {
        #[test]
        fn following_any_set_of_aliases_terminates(
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
