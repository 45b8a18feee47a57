//! The orderly end of a worker: nothing new is accepted, and what is in flight finishes.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;

/// The drain of one worker.
#[derive(Debug, Default)]
pub struct Drain {
    has_started: Cell<bool>,
    holds: Cell<usize>,
    start: Notify,
    release: Notify,
}

impl Drain {
    /// Begins the drain; a second call does nothing.
    pub fn begin(&self) {
        self.has_started.set(true);
        self.start.notify_waiters();
    }

    /// True once the drain has begun: idle connections are to be closed, and keep-alive is over.
    pub fn has_started(&self) -> bool {
        self.has_started.get()
    }

    /// Resolves when the drain begins, at once when it has.
    pub async fn started(&self) {
        if !self.has_started() {
            self.start.notified().await;
        }
    }

    /// Keeps the worker alive until the hold is dropped. Every accepted connection takes one.
    pub fn hold(self: &Rc<Self>) -> Hold {
        self.holds.set(self.holds.get() + 1);
        Hold { drain: Rc::clone(self) }
    }

    /// Resolves when the drain has begun and nothing holds the worker any more.
    pub async fn finished(&self) {
        self.started().await;
        while self.holds.get() > 0 {
            self.release.notified().await;
        }
    }
}

/// Something in flight that a drain waits for.
#[derive(Debug)]
pub struct Hold {
    drain: Rc<Drain>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let holds = self.drain.holds.get() - 1;
        self.drain.holds.set(holds);
        if holds == 0 {
            self.drain.release.notify_waiters();
        }
    }
}
