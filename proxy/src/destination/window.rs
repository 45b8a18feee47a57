//! The part of a service's endpoints that requests go to for a moment.
//!
//! A service may have thousands of endpoints. Were requests spread over all of them at once, each would find a connection that
//! has not been in the processor's caches for long. So they go to a few endpoints that lie side by side, and a moment later to
//! the next few: over time each endpoint gets as much as any other, and a connection that was fetched is used several times.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::random::Random;

/// Endpoints in a window, and how far it moves.
const SIZE: usize = 64;
/// There are so many endpoints for each request in flight at least: a narrow window must not mean that requests queue.
const ROOM: usize = 2;
/// How long a window stays where it is.
const STAY: Duration = Duration::from_millis(100);

/// Where requests to one service go at the moment.
#[derive(Debug, Default)]
pub(super) struct Window {
    start: Cell<usize>,
    /// None before the first use.
    until: Cell<Option<Instant>>,
}

/// Some of a list's indices: `length` of them from `start` on, round and round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub start: usize,
    pub length: usize,
}

impl Window {
    /// The part of `count` endpoints that a request may go to at `now`, when `in_flight` others are on their way.
    pub fn span(&self, count: usize, in_flight: usize, now: Instant, random: &Random) -> Span {
        if count <= SIZE {
            return Span { start: 0, length: count };
        }
        match self.until.get() {
            // Proxies must not all begin with the same endpoints.
            None => self.move_to(random.below(count), now),
            Some(until) if until <= now => self.move_to((self.start.get() + SIZE) % count, now),
            Some(_) => {}
        }
        Span { start: self.start.get() % count, length: (in_flight * ROOM).clamp(SIZE, count) }
    }

    fn move_to(&self, start: usize, now: Instant) {
        self.start.set(start);
        self.until.set(Some(now + STAY));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The spans of one window in as many moments that follow each other.
    fn spans(count: usize, in_flight: usize, moments: usize) -> Vec<Span> {
        let (window, random, start) = (Window::default(), Random::default(), Instant::now());
        (0..moments as u32)
            .map(|moment| window.span(count, in_flight, start + STAY * moment, &random))
            .collect()
    }

    #[test]
    fn few_endpoints_are_all_there_at_any_time() {
        assert!(spans(64, 0, 10).iter().all(|span| *span == Span { start: 0, length: 64 }));
        assert_eq!(spans(0, 0, 1), [Span { start: 0, length: 0 }]);
    }

    #[test]
    fn of_many_each_has_its_turn_and_as_often_as_the_others() {
        let mut turns = vec![0; 1000];
        for span in spans(1000, 0, 1000) {
            for index in span.start..span.start + span.length {
                turns[index % 1000] += 1;
            }
        }
        assert!(turns.iter().all(|count| *count == 64), "{turns:?}");
    }

    #[test]
    fn a_window_stays_for_a_while() {
        let (window, random, now) = (Window::default(), Random::default(), Instant::now());
        let first = window.span(1000, 0, now, &random);
        assert_eq!(window.span(1000, 0, now + STAY / 2, &random), first);
        assert_ne!(window.span(1000, 0, now + STAY, &random), first);
    }

    #[test]
    fn it_widens_with_the_requests_in_flight_up_to_all() {
        assert_eq!(spans(1000, 100, 1)[0].length, 200);
        assert_eq!(spans(1000, 5000, 1)[0].length, 1000);
    }

    #[test]
    fn it_stays_within_a_list_that_has_become_shorter() {
        let (window, random, now) = (Window::default(), Random::default(), Instant::now());
        for _ in 0..100 {
            window.until.set(None);
            window.span(10_000, 0, now, &random);
            assert!(window.span(65, 0, now, &random).start < 65);
        }
    }
}
