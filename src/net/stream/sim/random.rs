//! The random numbers of a schedule: the same seed always returns the same numbers.

use std::time::Duration;

/// A generator of random numbers (`SplitMix64`).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Returns the generator of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a generator whose numbers are independent of the next ones of this.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Returns a number from 0 to `end - 1`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap();
        usize::try_from(self.next() % end).unwrap()
    }

    /// Returns a number from `first` to `last`.
    pub(crate) fn between(&mut self, first: usize, last: usize) -> usize {
        first + self.below(last - first + 1)
    }

    /// Returns true in one of `n` cases.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// Returns one of `choices`.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Returns a part of `len`: often all of it, else from 1 to `len`.
    pub(crate) fn part(&mut self, len: usize) -> usize {
        if len == 0 || self.one_in(2) { len } else { self.between(1, len) }
    }

    /// Returns a duration from 0 to `longest`, in milliseconds.
    pub(crate) fn pause(&mut self, longest: Duration) -> Duration {
        let millis = usize::try_from(longest.as_millis()).unwrap();
        Duration::from_millis(self.below(millis + 1) as u64)
    }

    /// Returns one of a few durations, so that several things often happen at the same time.
    pub(crate) fn moment(&mut self) -> Duration {
        let moments = [0, 1, 5, 20, 60, 100, 250, 300, 1_000, 3_000, 15_000, 40_000];
        Duration::from_millis(self.pick(&moments))
    }
}
