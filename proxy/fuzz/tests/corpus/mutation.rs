//! Inputs made from others by a few small changes.

use super::entries;

/// Longer inputs take longer, and find no more.
const MAX_LENGTH: usize = 4096;

/// Makes the same inputs from the same seed.
pub struct Mutation {
    parents: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    state: u64,
}

impl Mutation {
    pub fn new(seed: u64, parents: Vec<Vec<u8>>) -> Self {
        Self { parents, words: entries::words(), state: seed }
    }

    /// The next input.
    pub fn input(&mut self) -> Vec<u8> {
        let parent = self.below(self.parents.len());
        let mut input = self.parents[parent].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut input);
        }
        input.truncate(MAX_LENGTH);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let part = self.part(input);
        match self.below(8) {
            0 => drop(input.drain(part)),
            1 => {
                let copy = input[part.clone()].to_vec();
                insert(input, part.end, &copy);
            }
            2 => {
                let other = self.below(self.parents.len());
                let other = &self.parents[other].clone();
                let part_of_other = self.part(other);
                insert(input, part.start, &other[part_of_other]);
            }
            3 => drop(input.splice(part, [self.byte()])),
            4 if part.start < input.len() => input[part.start] = self.byte(),
            5 if part.start < input.len() => input[part.start] ^= 1 << self.below(8),
            _ => {
                let word = self.below(self.words.len());
                insert(input, part.start, &self.words[word]);
            }
        }
    }

    /// A part of `input`, mostly a short one.
    fn part(&mut self, input: &[u8]) -> std::ops::Range<usize> {
        let start = self.below(input.len() + 1);
        let longest = if self.below(3) == 0 { input.len() - start } else { (input.len() - start).min(4) };
        start..start + self.below(longest + 1)
    }

    fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    /// A number from 0 up to, not including, `end`.
    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}
