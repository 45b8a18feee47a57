//! Deadlines of connections, looked at about once a second: a timer a request would cost more than the request.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use slab::Slab;

use crate::config::Timeouts;
use crate::memory;

/// Something that holds idle things for a while.
pub trait Expire {
    /// Lets go of what was put there before `before`, or is of no use any more. False when nothing is left.
    fn expire(&self, before: Instant) -> bool;
}

/// When so many connections have gone, their memory goes back to the system.
const MANY: usize = 256;

/// The connections of one worker that have deadlines, and its idle pools.
pub struct Sweep {
    period: Duration,
    idle: Duration,
    watched: RefCell<Slab<Rc<Watched>>>,
    pools: RefCell<Vec<Weak<dyn Expire>>>,
    running: Cell<bool>,
    /// The most connections since memory went back to the system.
    peak: Cell<usize>,
}

#[derive(Debug, Default)]
struct Watched {
    /// The application's port, of what others call there.
    port: Option<u16>,
    deadline: Cell<Option<Instant>>,
    /// The deadline was found to have passed.
    passed: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Watched {
    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

impl Sweep {
    /// A sweep that is fine enough for `timeouts`.
    pub fn new(timeouts: &Timeouts) -> Rc<Self> {
        let shortest = timeouts.header.min(timeouts.idle).min(timeouts.stall);
        Rc::new(Self {
            period: (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(1)),
            idle: timeouts.idle,
            watched: RefCell::default(),
            pools: RefCell::default(),
            running: Cell::new(false),
            peak: Cell::new(0),
        })
    }

    /// Watches over a connection until the watch is dropped.
    pub fn watch(self: &Rc<Self>) -> Watch {
        self.watch_call(None)
    }

    /// The same for a connection, or a stream of one, by which others call that port of the application; none when they do not.
    pub fn watch_call(self: &Rc<Self>, port: Option<u16>) -> Watch {
        let watched = Rc::new(Watched { port, ..Watched::default() });
        let mut all = self.watched.borrow_mut();
        let key = all.insert(Rc::clone(&watched));
        self.peak.set(self.peak.get().max(all.len()));
        drop(all);
        self.run();
        Watch { sweep: Rc::clone(self), key, watched }
    }

    /// Looks after `pool` until it is empty.
    pub fn look_after(self: &Rc<Self>, pool: Weak<dyn Expire>) {
        self.pools.borrow_mut().push(pool);
        self.run();
    }

    /// Wakes every connection, so that it sees that the drain has begun.
    pub fn wake_all(&self) {
        for (_, watched) in &*self.watched.borrow() {
            watched.wake();
        }
    }

    /// Wakes calls to some of the application's ports, so that they see that there is another policy.
    pub fn wake_calls(&self, mut are_concerned: impl FnMut(u16) -> bool) {
        for (_, watched) in &*self.watched.borrow() {
            if watched.port.is_some_and(&mut are_concerned) {
                watched.wake();
            }
        }
    }

    /// The task lives only while there is something to look after: an idle proxy is not woken.
    fn run(self: &Rc<Self>) {
        if self.running.replace(true) {
            return;
        }
        let sweep = Rc::clone(self);
        tokio::task::spawn_local(async move {
            while sweep.has_work() {
                tokio::time::sleep(sweep.period).await;
                sweep.pass(Instant::now());
            }
            sweep.running.set(false);
        });
    }

    fn has_work(&self) -> bool {
        !self.watched.borrow().is_empty() || !self.pools.borrow().is_empty()
    }

    fn pass(&self, now: Instant) {
        for (_, watched) in &*self.watched.borrow() {
            if watched.deadline.get().is_some_and(|deadline| deadline <= now) {
                watched.passed.set(true);
                watched.wake();
            }
        }
        let before = now.checked_sub(self.idle).unwrap_or(now);
        self.pools.borrow_mut().retain(|pool| pool.upgrade().is_some_and(|pool| pool.expire(before)));
        self.give_back_memory();
    }

    /// The allocator keeps what connections used for the next ones; after many have gone that is too much.
    fn give_back_memory(&self) {
        let count = self.watched.borrow().len();
        if self.peak.get() - count >= MANY {
            self.peak.set(count);
            memory::give_back();
        }
    }
}

/// The deadline of one connection.
pub struct Watch {
    sweep: Rc<Sweep>,
    key: usize,
    watched: Rc<Watched>,
}

impl Watch {
    /// The task of `cx` is woken when the deadline has passed, when the drain begins, and when the policy changes.
    pub fn wakes(&self, cx: &Context<'_>) {
        let mut waker = self.watched.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    pub fn set(&self, deadline: Instant) {
        self.watched.deadline.set(Some(deadline));
        self.watched.passed.set(false);
    }

    pub fn clear(&self) {
        self.watched.deadline.set(None);
        self.watched.passed.set(false);
    }

    /// Whether the deadline was found to have passed. Needs no clock.
    pub fn has_passed(&self) -> bool {
        self.watched.passed.get()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.sweep.watched.borrow_mut().remove(self.key);
    }
}
