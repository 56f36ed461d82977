//! Chains of aliases (CNAME and DNAME records), with loop detection.
//!
//! This module does no I/O: it reads decoded records and sends no queries.

use std::collections::HashSet;

use crate::dns::Name;
use crate::dns::message::class::RecordClass;
use crate::dns::message::record::Record;
use crate::dns::message::record_type::RecordType;
use crate::dns::name;

/// Maximum number of aliases followed for one question. Real chains have three or four; the limit
/// ends a lookup whose server returns a new alias in every reply.
pub const MAX_ALIASES: usize = 16;

/// The names that a question has led to: the name asked for, then the target of each alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasChain {
    names: Vec<Name>,
    class: RecordClass,
}

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
    pub fn new(name: Name, class: RecordClass) -> Self {
        Self { names: vec![name], class }
    }

    /// Returns the last name of the chain.
    pub fn last(&self) -> &Name {
        &self.names[self.names.len() - 1]
    }

    /// Returns whether an alias has been followed.
    pub fn has_aliases(&self) -> bool {
        self.names.len() > 1
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
            let last = self.last();
            let of_last = |record: &&Record| self.has_class_of(record) && record.name == *last;
            let is_wanted =
                |record: &Record| wanted.is_question_for_many() || record.record_type == wanted;
            if answers.iter().filter(of_last).any(is_wanted) {
                return Ok(ChainPosition::Arrived);
            }
            let cname = answers.iter().filter(of_last).find_map(|record| {
                let is_alias = record.record_type == RecordType::CNAME;
                record.target.clone().filter(|_| is_alias)
            });
            let next = cname.or_else(|| answers.iter().find_map(|record| self.renamed_by(record)));
            match next {
                Some(next) => self.step(next)?,
                None => return Ok(ChainPosition::Open),
            }
        }
    }

    /// Returns whether `record` has the class of the question, which can be for all classes.
    fn has_class_of(&self, record: &Record) -> bool {
        self.class == RecordClass::ANY || record.class == self.class
    }

    /// Returns the name of the chain for which `answers` have CNAME records of one class with
    /// different targets, if there is one.
    pub fn name_with_several_targets(&self, answers: &[Record]) -> Option<&Name> {
        self.names.iter().find(|name| {
            let is_alias = |record: &&Record| {
                record.record_type == RecordType::CNAME
                    && self.has_class_of(record)
                    && record.name == **name
            };
            let mut aliases = answers.iter().filter(is_alias);
            let Some(first) = aliases.next() else { return false };
            aliases.any(|alias| alias.class == first.class && alias.target != first.target)
        })
    }

    /// Returns whether the question led to `record`: it has the class of the question, and either
    /// the wanted type and a name of the chain, or it is an alias that was followed. Signatures
    /// belong to what they sign.
    pub fn led_to(&self, record: &Record, wanted: RecordType) -> bool {
        if !self.has_class_of(record) {
            return false;
        }
        if wanted.is_transfer() {
            return self.names.iter().any(|zone| zone.zone_of(&record.name));
        }
        let is_signature = record.record_type == RecordType::RRSIG;
        if record.record_type == RecordType::DNAME || is_signature {
            let above = |name: &Name| record.name.zone_of(name);
            return self.names.iter().any(above);
        }
        let fits = wanted == RecordType::ANY || record.record_type == wanted;
        (fits && self.names.contains(&record.name)) || self.has_followed(record)
    }

    fn has_followed(&self, record: &Record) -> bool {
        record.record_type == RecordType::CNAME
            && self
                .names
                .windows(2)
                .any(|link| record.name == link[0] && record.target.as_ref() == Some(&link[1]))
    }

    /// Returns the name that a DNAME record gives to the last name, if this is below its owner
    /// (RFC 6672 section 2.2).
    fn renamed_by(&self, record: &Record) -> Option<Name> {
        let last = self.last();
        let is_above = record.name.zone_of(last) && record.name != *last;
        let is_alias = record.record_type == RecordType::DNAME && self.has_class_of(record);
        let target = record.target.as_ref().filter(|_| is_above && is_alias)?;
        let kept = last.num_labels().checked_sub(record.name.num_labels())?;
        let labels = last.iter().take(kept.into()).chain(target.iter());
        // Fails if the name would be too long, which ends the chain.
        Name::from_labels(labels).ok()
    }

    fn step(&mut self, next: Name) -> Result<(), AliasError> {
        let known = self.names.contains(&next);
        let shown = name::show(&next);
        self.names.push(next);
        if known {
            let names: Vec<String> = self.names.iter().map(name::show).collect();
            return Err(AliasError::Loop(names.join(" -> ")));
        }
        if self.names.len() - 1 > MAX_ALIASES {
            return Err(AliasError::TooMany(shown));
        }
        Ok(())
    }
}

/// Returns the name of a CNAME record among `answers` that also has data of another type, if there
/// is one (RFC 1034 section 3.6.2). The types of DNSSEC may be there (RFC 4035 section 2.5).
pub fn alias_with_data(answers: &[Record]) -> Option<&Name> {
    let data = answers.iter().filter(|record| !BESIDE_CNAME.contains(&record.record_type.0));
    let with_data: HashSet<_> = data.map(|record| (&record.name, record.class)).collect();
    let mut aliases = answers.iter().filter(|record| record.record_type == RecordType::CNAME);
    aliases.find(|alias| with_data.contains(&(&alias.name, alias.class))).map(|alias| &alias.name)
}

/// CNAME itself, and what a signed zone has beside it: SIG, KEY, NXT, RRSIG and NSEC.
const BESIDE_CNAME: [u16; 6] = [5, 24, 25, 30, 46, 47];

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
            class: RecordClass::IN,
            ttl: 1,
            data: String::new(),
            octets: Vec::new(),
            target: Some(name(to)),
            is_invalid: false,
        }
    }

    fn chain_of(of: &str) -> AliasChain {
        AliasChain::new(name(of), RecordClass::IN)
    }

    fn address(of: &str) -> Record {
        Record { record_type: RecordType::A, target: None, ..alias(of, of) }
    }

    #[test]
    fn a_chain_is_followed_in_any_order_of_its_records() {
        let mut chain = chain_of("a");
        let answers = [address("c"), alias("B", "c"), alias("a", "b")];
        assert_eq!(chain.follow(&answers, RecordType::A), Ok(ChainPosition::Arrived));
        assert_eq!(chain.last(), &name("c"));
    }

    #[test]
    fn an_open_chain_continues_in_a_later_reply() {
        let mut chain = chain_of("a");
        assert_eq!(chain.follow(&[alias("a", "b")], RecordType::A), Ok(ChainPosition::Open));
        assert_eq!(chain.follow(&[address("x")], RecordType::A), Ok(ChainPosition::Open));
        assert_eq!(chain.follow(&[address("b")], RecordType::A), Ok(ChainPosition::Arrived));
    }

    #[test]
    fn a_question_for_all_classes_leads_to_records_of_each_class() {
        let in_chaos = |record| Record { class: RecordClass::CH, ..record };
        let answers = [alias("a", "b"), in_chaos(alias("a", "c")), in_chaos(address("b"))];
        let mut chain = AliasChain::new(name("a"), RecordClass::ANY);
        assert_eq!(chain.follow(&answers, RecordType::A), Ok(ChainPosition::Arrived));
        assert_eq!(chain.last(), &name("b"));
        assert_eq!(chain.name_with_several_targets(&answers), None);
    }

    #[test]
    fn an_alias_that_was_asked_for_is_not_followed() {
        for wanted in [RecordType::CNAME, RecordType::ANY] {
            let mut chain = chain_of("a");
            assert_eq!(chain.follow(&[alias("a", "b")], wanted), Ok(ChainPosition::Arrived));
            assert!(!chain.has_aliases());
        }
    }

    #[test]
    fn a_loop_is_reported_with_its_names() {
        let mut chain = chain_of("a");
        let alias_loop = chain.follow(&[alias("a", "b"), alias("b", "A")], RecordType::A);
        assert_eq!(alias_loop, Err(AliasError::Loop("a. -> b. -> A.".into())));
        let self_alias = chain_of("a").follow(&[alias("a", "a")], RecordType::A);
        assert_eq!(self_alias, Err(AliasError::Loop("a. -> a.".into())));
    }

    #[test]
    fn sixteen_aliases_are_followed_and_a_seventeenth_is_an_error() {
        let aliases: Vec<Record> =
            (0..=MAX_ALIASES).map(|at| alias(&format!("n{at}"), &format!("n{}", at + 1))).collect();
        let mut chain = chain_of("n0");
        assert_eq!(chain.follow(&aliases[..MAX_ALIASES], RecordType::A), Ok(ChainPosition::Open));
        let too_many = chain_of("n0").follow(&aliases, RecordType::A);
        assert_eq!(too_many, Err(AliasError::TooMany("n17.".into())));
    }

    #[test]
    fn a_dname_renames_the_names_below_its_owner() {
        let dname = Record { record_type: RecordType::DNAME, ..alias("d.example", "t.example") };
        let follow = |of: &str| {
            let mut chain = chain_of(of);
            chain.follow(std::slice::from_ref(&dname), RecordType::A).unwrap();
            name::show(chain.last())
        };
        assert_eq!(follow("a.b.d.example"), "a.b.t.example.");
        assert_eq!(follow("d.example"), "d.example.");
        assert_eq!(follow("ad.example"), "ad.example.");
        let long = vec!["a".repeat(60); 4].join(".");
        let longer = format!("{}.example", "b".repeat(40));
        let dname = Record { record_type: RecordType::DNAME, ..alias("d", &longer) };
        let mut chain = chain_of(&format!("{long}.d"));
        assert_eq!(chain.follow(&[dname], RecordType::A), Ok(ChainPosition::Open));
    }

    #[test]
    fn only_records_of_the_chain_and_the_class_are_asked_for() {
        let mut chain = chain_of("a.d");
        let link = alias("a.d", "b");
        chain.follow(std::slice::from_ref(&link), RecordType::A).unwrap();
        let led_to = |record: &Record| chain.led_to(record, RecordType::A);
        assert!(led_to(&link) && led_to(&address("b")) && led_to(&address("A.d")));
        assert!(led_to(&Record { record_type: RecordType::DNAME, ..alias("d", "e") }));
        assert!(led_to(&Record { record_type: RecordType::RRSIG, ..address("b") }));
        assert!(!led_to(&address("c")));
        assert!(!led_to(&Record { record_type: RecordType::MX, ..address("b") }));
        assert!(!led_to(&Record { class: RecordClass::CH, ..address("b") }));
        assert!(
            chain.led_to(&Record { record_type: RecordType::MX, ..address("b") }, RecordType::ANY)
        );
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
            chain_of("n0").follow(&answers, RecordType::A).ok();
        }
    }
}
