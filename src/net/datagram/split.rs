//! Splits a stream of input into datagrams. This module does no I/O: the caller reads the input and
//! detects its pauses and its end.

use crate::net::datagram::MAX_DATAGRAM;

/// Where a datagram ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// At a pause in the input, so that bytes written together are sent together.
    Pause,
    /// After each line feed, which is part of the datagram.
    Lines,
    /// After this number of bytes.
    Size(usize),
}

/// The input exceeds [`MAX_DATAGRAM`] without a place to split it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("input exceeds the maximum of {MAX_DATAGRAM} bytes per datagram")]
pub struct TooLong;

/// Splits input into datagrams.
#[derive(Debug)]
pub struct Splitter {
    split: Split,
    pending: Vec<u8>,
    /// How many of the pending bytes are known to contain no line feed.
    searched: usize,
}

impl Splitter {
    /// Returns a splitter without pending input.
    pub fn new(split: Split) -> Self {
        Self { split, pending: Vec::new(), searched: 0 }
    }

    /// Appends the bytes read next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Returns the next complete datagram; `None` if more input is needed.
    ///
    /// # Errors
    /// The datagram would exceed [`MAX_DATAGRAM`].
    pub fn complete(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let len = match self.split {
            Split::Pause => None,
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

    /// Returns whether a pause in the input would complete a datagram.
    pub fn awaits_pause(&self) -> bool {
        self.split == Split::Pause && !self.pending.is_empty()
    }

    /// Takes the pending bytes as a datagram, after a pause or at the end of the input.
    pub fn take_rest(&mut self) -> Option<Vec<u8>> {
        self.searched = 0;
        (!self.pending.is_empty()).then(|| self.take(self.pending.len()))
    }

    fn take(&mut self, len: usize) -> Vec<u8> {
        let rest = self.pending.split_off(len);
        std::mem::replace(&mut self.pending, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the datagrams that `reads` are split into, without a pause between them.
    fn datagrams(split: Split, reads: &[&[u8]]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut splitter = Splitter::new(split);
        let mut all = Vec::new();
        for read in reads {
            splitter.push(read);
            while let Some(datagram) = splitter.complete()? {
                all.push(datagram);
            }
        }
        all.extend(splitter.take_rest());
        Ok(all)
    }

    #[test]
    fn input_without_a_pause_is_one_datagram() {
        assert_eq!(datagrams(Split::Pause, &[b"a\n", b"b"]), Ok(vec![b"a\nb".to_vec()]));
        assert_eq!(datagrams(Split::Pause, &[]), Ok(vec![]));
        let longest = vec![b'x'; MAX_DATAGRAM];
        assert_eq!(datagrams(Split::Pause, &[&longest]), Ok(vec![longest.clone()]));
        assert_eq!(datagrams(Split::Pause, &[&longest, b"x"]), Err(TooLong));
    }

    #[test]
    fn each_line_is_a_datagram_with_its_line_ending_even_an_empty_one() {
        let reads: [&[u8]; 3] = [b"one\n\ntw", b"o\r\n", b"last"];
        let expected = ["one\n", "\n", "two\r\n", "last"].map(|line| line.as_bytes().to_vec());
        assert_eq!(datagrams(Split::Lines, &reads), Ok(expected.to_vec()));
        let long = [vec![b'x'; MAX_DATAGRAM - 1], b"\n".to_vec()].concat();
        assert_eq!(datagrams(Split::Lines, &[&long]), Ok(vec![long.clone()]));
        assert_eq!(datagrams(Split::Lines, &[b"x", &long]), Err(TooLong));
    }

    #[test]
    fn all_pieces_but_the_last_have_the_given_size() {
        let expected = ["abc", "def", "g"].map(|piece| piece.as_bytes().to_vec());
        assert_eq!(datagrams(Split::Size(3), &[b"ab", b"cdefg"]), Ok(expected.to_vec()));
        let two = vec![b'x'; 2 * MAX_DATAGRAM];
        let split = datagrams(Split::Size(MAX_DATAGRAM), &[&two]).unwrap();
        assert_eq!(split.iter().map(Vec::len).collect::<Vec<_>>(), [MAX_DATAGRAM; 2]);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_and_the_size_of_reads_does_not_matter(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300),
            cut in 0_usize..300,
            size in 1_usize..20,
        ) {
            let cut = cut.min(bytes.len());
            for split in [Split::Pause, Split::Lines, Split::Size(size)] {
                let whole = datagrams(split, &[&bytes]).unwrap();
                prop_assert_eq!(&whole.concat(), &bytes);
                prop_assert_eq!(datagrams(split, &[&bytes[..cut], &bytes[cut..]]).unwrap(), whole);
            }
        }
    }
}
