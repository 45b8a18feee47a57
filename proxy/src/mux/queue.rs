//! Which streams of a connection may send much.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::stream::State;

/// So many streams send much before all is written.
pub const PLACES: usize = 2;

/// Whether a stream may send much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    None,
    /// It stands in the queue.
    Awaited,
    /// It may, once.
    Given,
}

/// Streams with much to send wait for one another: whenever all was written those go on who have waited longest, a few of them, so
/// that what each sends is worth a record, a write and being woken.
#[derive(Debug)]
pub struct Queue {
    waiting: RefCell<VecDeque<Rc<State>>>,
    /// How often all was written.
    round: Cell<u64>,
    /// So many more may send much in this round.
    places: Cell<usize>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { waiting: RefCell::default(), round: Cell::new(0), places: Cell::new(PLACES) }
    }
}

impl Queue {
    pub fn round(&self) -> u64 {
        self.round.get()
    }

    /// Whether a stream may send much now. If not, it is woken when it may.
    pub fn lets_in(&self, state: &Rc<State>) -> bool {
        if state.place.get() == Place::Given {
            state.place.set(Place::None);
            return true;
        }
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() && self.places.get() > 0 {
            self.places.set(self.places.get() - 1);
            return true;
        }
        if state.place.replace(Place::Awaited) == Place::None {
            waiting.push_back(Rc::clone(state));
        }
        false
    }

    /// All is written. Whether there are streams that are to send now: as some may not want to any more, the next ones are let in
    /// when these have had their turn, though nothing was written.
    pub fn advance(&self) -> bool {
        self.round.set(self.round.get() + 1);
        let mut waiting = self.waiting.borrow_mut();
        let admitted = waiting.len().min(PLACES);
        self.places.set(PLACES - admitted);
        for state in waiting.drain(..admitted) {
            state.gets_place();
        }
        admitted > 0
    }

    /// A stream is over.
    pub fn leave(&self, state: &Rc<State>) {
        if state.place.get() == Place::Awaited {
            self.waiting.borrow_mut().retain(|waiting| !Rc::ptr_eq(waiting, state));
        }
    }

    /// Nobody needs to wait any more.
    pub fn end(&self) {
        for state in self.waiting.take() {
            state.gets_place();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(count: usize) -> Vec<Rc<State>> {
        (0..count).map(|_| Rc::default()).collect()
    }

    /// Which of them are let in when all ask in order.
    fn let_in(queue: &Queue, states: &[Rc<State>]) -> Vec<usize> {
        (0..states.len()).filter(|&index| queue.lets_in(&states[index])).collect()
    }

    #[test]
    fn everybody_has_a_turn_however_often_the_first_ones_ask() {
        let (queue, states) = (Queue::default(), states(7));
        let rounds: Vec<_> = (0..7)
            .map(|_| {
                let round = let_in(&queue, &states);
                assert!(queue.advance());
                round
            })
            .collect();
        // Who has sent waits behind those who wait already.
        assert_eq!(rounds, [[0, 1], [2, 3], [4, 5], [0, 6], [1, 2], [3, 4], [0, 5]].map(Vec::from));
        assert_eq!(let_in(&queue, &states), [1, 6]);
    }

    #[test]
    fn who_comes_late_does_not_overtake() {
        let (queue, states) = (Queue::default(), states(4));
        assert_eq!(let_in(&queue, &states[..3]), [0, 1]);
        assert!(queue.advance(), "the third is let in");
        assert!(queue.lets_in(&states[3]), "there is one more place");
        assert!(!queue.lets_in(&states[0]));
        assert!(queue.lets_in(&states[2]));
        assert!(!queue.lets_in(&states[2]), "once");
    }

    #[test]
    fn a_place_that_nobody_takes_is_given_to_the_next() {
        let (queue, states) = (Queue::default(), states(6));
        assert_eq!(let_in(&queue, &states), [0, 1]);
        assert!(queue.advance());
        // Of the two that may now neither sends, so that nothing is written.
        assert!(queue.advance());
        assert!(queue.lets_in(&states[5]));
        assert!(!queue.advance(), "nobody waits");
    }

    #[test]
    fn who_leaves_holds_up_nobody() {
        let (queue, states) = (Queue::default(), states(5));
        assert_eq!(let_in(&queue, &states), [0, 1]);
        queue.leave(&states[3]);
        assert!(queue.advance());
        assert!(queue.lets_in(&states[2]) && queue.lets_in(&states[4]));
        assert!(!queue.advance(), "nobody waits");
    }
}
