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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn is_pending(future: impl Future<Output = ()>) -> bool {
        tokio::time::timeout(Duration::from_secs(1), future).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_ends_when_the_drain_has_begun_and_the_last_hold_is_gone() {
        let drain = Rc::new(Drain::default());
        assert!(is_pending(drain.finished()).await);
        let (first, second) = (drain.hold(), drain.hold());
        drain.begin();
        drain.started().await;
        assert!(drain.has_started());
        drop(first);
        assert!(is_pending(drain.finished()).await);
        tokio::join!(drain.finished(), async { drop(second) });
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_who_waits_is_told_of_the_start() {
        let drain = Rc::new(Drain::default());
        let begin = async { drain.begin() };
        tokio::join!(drain.started(), drain.started(), drain.finished(), begin);
    }
}
