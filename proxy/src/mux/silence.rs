//! Whether a silent peer is still there. It is asked, as it may have no reason to send: and until it answers, no new request is
//! to wait for it.

use std::time::{Duration, Instant};

/// How often it is looked whether something came.
pub const PERIOD: Duration = Duration::from_secs(2);
/// A peer that in so many periods has sent nothing, and taken nothing, is dead.
const MAX_STUCK: u32 = 10;

/// What is known of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It is there, or nothing is wanted of it.
    Enough,
    /// It has been silent, and is to be asked.
    Nothing,
    /// It was asked, and has not answered yet.
    NoAnswer,
    Dead,
}

/// The watch over one peer.
#[derive(Debug)]
pub struct Silence {
    next: Instant,
    read: u64,
    moved: u64,
    /// Periods since something was read.
    silent: u32,
    /// Periods since something was read or written.
    stuck: u32,
    heard: Heard,
}

impl Silence {
    pub fn new(now: Instant) -> Self {
        Self { next: now + PERIOD, read: 0, moved: 0, silent: 0, stuck: 0, heard: Heard::Enough }
    }

    /// Looks what has become of a peer, once a period: `read` bytes were read from it, `moved` read and written so far. `is_busy`
    /// when something is wanted of it.
    pub fn look(&mut self, now: Instant, read: u64, moved: u64, is_busy: bool) -> Heard {
        if now >= self.next {
            self.next = now + PERIOD;
            self.heard = self.after_period(read, moved, is_busy);
        }
        self.heard
    }

    fn after_period(&mut self, read: u64, moved: u64, is_busy: bool) -> Heard {
        let is_heard = std::mem::replace(&mut self.read, read) != read || !is_busy;
        let is_moved = std::mem::replace(&mut self.moved, moved) != moved || !is_busy;
        self.silent = if is_heard { 0 } else { self.silent + 1 };
        self.stuck = if is_moved { 0 } else { self.stuck + 1 };
        match self.silent {
            0 => Heard::Enough,
            _ if self.stuck >= MAX_STUCK => Heard::Dead,
            1 => Heard::Nothing,
            _ => Heard::NoAnswer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known after each of these periods: bytes read, bytes moved, and whether something is wanted.
    fn after(periods: impl IntoIterator<Item = (u64, u64, bool)>) -> Vec<Heard> {
        let start = Instant::now();
        let mut silence = Silence::new(start);
        let mut now = start;
        periods
            .into_iter()
            .map(|(read, moved, is_busy)| {
                now += PERIOD;
                silence.look(now, read, moved, is_busy)
            })
            .collect()
    }

    #[test]
    fn a_peer_that_answers_is_there_however_long_a_request_takes() {
        let heard = after((2..42).map(|period| (period / 2, period / 2, true)));
        assert!(heard.iter().all(|heard| matches!(heard, Heard::Enough | Heard::Nothing)), "{heard:?}");
    }

    #[test]
    fn a_peer_of_which_nothing_is_wanted_may_be_silent() {
        assert!(after([(5, 5, false); 30]).iter().all(|heard| *heard == Heard::Enough));
    }

    #[test]
    fn a_silent_peer_is_asked_then_doubted_then_dead() {
        let heard = after([(5, 5, true); 12]);
        assert_eq!(heard[..3], [Heard::Enough, Heard::Nothing, Heard::NoAnswer]);
        assert_eq!(heard[9], Heard::NoAnswer);
        assert_eq!(heard[10], Heard::Dead);
    }

    #[test]
    fn a_silent_peer_that_takes_bytes_is_doubted_but_not_dead() {
        let heard = after((0..30).map(|period| (0, 1 + period, true)));
        assert_eq!(heard[0], Heard::Nothing);
        assert!(heard[1..].iter().all(|heard| *heard == Heard::NoAnswer));
    }

    #[test]
    fn a_look_within_a_period_changes_nothing() {
        let start = Instant::now();
        let mut silence = Silence::new(start);
        for _ in 0..30 {
            assert_eq!(silence.look(start + PERIOD / 2, 0, 0, true), Heard::Enough);
        }
    }
}
