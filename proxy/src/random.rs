//! Random numbers for spreading load and waits; not for secrets.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// A small generator (xorshift64*), one a thread.
#[derive(Debug)]
pub struct Random {
    state: Cell<u64>,
}

impl Default for Random {
    fn default() -> Self {
        let seed = RandomState::new().hash_one(std::process::id());
        Self { state: Cell::new(seed | 1) }
    }
}

impl Random {
    fn next(&self) -> u64 {
        let mut state = self.state.get();
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.state.set(state);
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number from 0 up to, not including, `end`; 0 when `end` is 0.
    pub fn below(&self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// The duration, longer or shorter by at most a quarter.
    pub fn jitter(&self, duration: Duration) -> Duration {
        duration * 3 / 4 + self.up_to(duration / 2)
    }

    /// A part of the duration, by chance.
    pub fn up_to(&self, duration: Duration) -> Duration {
        duration.mul_f64(self.below(1 << 20) as f64 / f64::from(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_the_end_and_reach_every_value() {
        let random = Random::default();
        let mut seen = [false; 5];
        for _ in 0..1000 {
            seen[random.below(5)] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn jitter_stays_within_a_quarter() {
        let random = Random::default();
        for _ in 0..1000 {
            let wait = random.jitter(Duration::from_secs(4));
            assert!((Duration::from_secs(3)..=Duration::from_secs(5)).contains(&wait), "{wait:?}");
        }
    }
}
