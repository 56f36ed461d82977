//! How a stream of input becomes datagrams. Pure: whoever reads says when the input rests or ends.

use crate::net::datagram::MAX_DATAGRAM;

/// Where a datagram ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Where the input rests: what was written together goes together.
    Rest,
    /// Behind each line end, which belongs to it.
    Lines,
    /// After so many bytes.
    Size(usize),
}

/// More bytes than fit into a datagram, and nothing to say where to part them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_DATAGRAM} bytes, which is the most a datagram carries")]
pub struct TooLong;

/// Parts input into datagrams.
#[derive(Debug)]
pub struct Splitter {
    split: Split,
    pending: Vec<u8>,
    /// How many of the pending bytes hold no line end.
    searched: usize,
}

impl Splitter {
    /// Returns a splitter that has seen nothing.
    pub fn new(split: Split) -> Self {
        Self { split, pending: Vec::new(), searched: 0 }
    }

    /// Takes what was read next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Returns the next datagram that is complete.
    ///
    /// # Errors
    /// There is more than fits into one.
    pub fn complete(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let len = match self.split {
            Split::Rest => None,
            Split::Size(size) => (self.pending.len() >= size).then_some(size),
            Split::Lines => {
                let fresh = &self.pending[self.searched..];
                let end = fresh.iter().position(|byte| *byte == b'\n');
                let len = end.map(|at| self.searched + at + 1);
                self.searched = if len.is_some() { 0 } else { self.pending.len() };
                len
            }
        };
        match len {
            Some(len) if len <= MAX_DATAGRAM => Ok(Some(self.take(len))),
            None if self.pending.len() <= MAX_DATAGRAM => Ok(None),
            _ => Err(TooLong),
        }
    }

    /// Returns whether there is something that a rest would complete.
    pub fn awaits_rest(&self) -> bool {
        self.split == Split::Rest && !self.pending.is_empty()
    }

    /// Returns what is left, now that the input rested or ended.
    pub fn rest(&mut self) -> Option<Vec<u8>> {
        self.searched = 0;
        (!self.pending.is_empty()).then(|| self.take(self.pending.len()))
    }

    fn take(&mut self, len: usize) -> Vec<u8> {
        let behind = self.pending.split_off(len);
        std::mem::replace(&mut self.pending, behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Everything that comes of these reads, with no rest between them.
    fn datagrams(split: Split, reads: &[&[u8]]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut splitter = Splitter::new(split);
        let mut all = Vec::new();
        for read in reads {
            splitter.push(read);
            while let Some(datagram) = splitter.complete()? {
                all.push(datagram);
            }
        }
        all.extend(splitter.rest());
        Ok(all)
    }

    #[test]
    fn without_a_word_what_comes_without_a_rest_is_one_datagram() {
        assert_eq!(datagrams(Split::Rest, &[b"a\n", b"b"]), Ok(vec![b"a\nb".to_vec()]));
        assert_eq!(datagrams(Split::Rest, &[]), Ok(vec![]));
        let longest = vec![b'x'; MAX_DATAGRAM];
        assert_eq!(datagrams(Split::Rest, &[&longest]), Ok(vec![longest.clone()]));
        assert_eq!(datagrams(Split::Rest, &[&longest, b"x"]), Err(TooLong));
    }

    #[test]
    fn a_line_goes_with_its_end_and_an_empty_one_goes_too() {
        let reads: [&[u8]; 3] = [b"one\n\ntw", b"o\r\n", b"last"];
        let expected = ["one\n", "\n", "two\r\n", "last"].map(|line| line.as_bytes().to_vec());
        assert_eq!(datagrams(Split::Lines, &reads), Ok(expected.to_vec()));
        let long = [vec![b'x'; MAX_DATAGRAM - 1], b"\n".to_vec()].concat();
        assert_eq!(datagrams(Split::Lines, &[&long]), Ok(vec![long.clone()]));
        assert_eq!(datagrams(Split::Lines, &[b"x", &long]), Err(TooLong));
    }

    #[test]
    fn pieces_have_their_size_but_for_the_last() {
        let expected = ["abc", "def", "g"].map(|piece| piece.as_bytes().to_vec());
        assert_eq!(datagrams(Split::Size(3), &[b"ab", b"cdefg"]), Ok(expected.to_vec()));
        let two = vec![b'x'; 2 * MAX_DATAGRAM];
        let split = datagrams(Split::Size(MAX_DATAGRAM), &[&two]).unwrap();
        assert_eq!(split.iter().map(Vec::len).collect::<Vec<_>>(), [MAX_DATAGRAM; 2]);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_and_reads_decide_nothing(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300),
            cut in 0_usize..300,
            size in 1_usize..20,
        ) {
            let cut = cut.min(bytes.len());
            for split in [Split::Rest, Split::Lines, Split::Size(size)] {
                let whole = datagrams(split, &[&bytes]).unwrap();
                prop_assert_eq!(&whole.concat(), &bytes);
                prop_assert_eq!(datagrams(split, &[&bytes[..cut], &bytes[cut..]]).unwrap(), whole);
            }
        }
    }
}
