//! One attempt to connect for all requests that come while it lasts.

use std::cell::{OnceCell, RefCell};
use std::rc::{Rc, Weak};

use tokio::sync::Notify;
use tokio::task::spawn_local;

use crate::error::ProxyError;

/// What makes a connection that requests share: at most one attempt at a time.
#[derive(Default)]
pub struct SharedAttempt {
    /// The last one, which may have ended.
    last: RefCell<Weak<State>>,
}

#[derive(Default)]
struct State {
    outcome: OnceCell<Result<(), ProxyError>>,
    ended: Notify,
}

/// What will have become of an attempt.
pub struct Outcome(Rc<State>);

/// An attempt that is under way. Its end wakes those who wait for it; dropped without one, it has failed.
struct Attempt(Rc<State>);

impl SharedAttempt {
    /// The attempt that is under way, or a new one by `connect`. That is a task of its own, for the request that began it may be
    /// given up.
    pub fn join<F>(&self, connect: impl FnOnce() -> F) -> Outcome
    where
        F: Future<Output = Result<(), ProxyError>> + 'static,
    {
        if let Some(outcome) = self.under_way() {
            return outcome;
        }
        let (attempt, outcome) = self.begin();
        let connecting = connect();
        spawn_local(async move { attempt.end(connecting.await) });
        outcome
    }

    fn under_way(&self) -> Option<Outcome> {
        let last = self.last.borrow().upgrade()?;
        last.outcome.get().is_none().then_some(Outcome(last))
    }

    fn begin(&self) -> (Attempt, Outcome) {
        let state = Rc::<State>::default();
        self.last.replace(Rc::downgrade(&state));
        (Attempt(Rc::clone(&state)), Outcome(state))
    }
}

impl Outcome {
    /// Waits for the end of the attempt.
    ///
    /// # Errors
    /// Why it failed.
    pub async fn ended(&self) -> Result<(), ProxyError> {
        let ended = self.0.ended.notified();
        if self.0.outcome.get().is_none() {
            ended.await;
        }
        self.0.outcome.get().copied().unwrap_or(Err(ProxyError::ConnectFailed))
    }
}

impl Attempt {
    fn end(self, outcome: Result<(), ProxyError>) {
        let _ = self.0.outcome.set(outcome);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.outcome.get_or_init(|| Err(ProxyError::ConnectFailed));
        self.0.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};

    use tokio::task::yield_now;

    use super::*;

    const FAILED: Result<(), ProxyError> = Err(ProxyError::ConnectTimeout);

    fn waits(outcome: Outcome) -> tokio::task::JoinHandle<Result<(), ProxyError>> {
        spawn_local(async move { outcome.ended().await })
    }

    #[tokio::test(flavor = "local")]
    async fn those_who_ask_while_it_lasts_share_an_attempt_and_its_outcome() {
        let (shared, go, made) = (SharedAttempt::default(), Rc::new(Notify::new()), Cell::new(0));
        let join = || {
            shared.join(|| {
                made.set(made.get() + 1);
                let go = Rc::clone(&go);
                async move {
                    go.notified().await;
                    FAILED
                }
            })
        };
        let waiting: Vec<_> = (0..3).map(|_| waits(join())).collect();
        yield_now().await;
        let late = join();
        assert_eq!(made.get(), 1);
        go.notify_one();
        for outcome in waiting {
            assert_eq!(outcome.await.unwrap(), FAILED);
        }
        assert_eq!(late.ended().await, FAILED, "it has ended before this one waits");
        let _next = join();
        assert_eq!(made.get(), 2, "what has failed is tried again, though somebody remembers it");
    }

    #[tokio::test(flavor = "local")]
    async fn an_attempt_goes_on_when_the_one_who_began_it_gives_up() {
        let (shared, go) = (SharedAttempt::default(), Rc::new(Notify::new()));
        let going = Rc::clone(&go);
        drop(shared.join(|| async move {
            going.notified().await;
            Ok(())
        }));
        let other = waits(shared.join(pending));
        yield_now().await;
        go.notify_one();
        assert_eq!(other.await.unwrap(), Ok(()));
    }

    #[tokio::test(flavor = "local")]
    async fn an_attempt_that_is_dropped_has_failed_and_leaves_nobody_waiting() {
        let shared = SharedAttempt::default();
        let (attempt, outcome) = shared.begin();
        let waiting = waits(outcome);
        yield_now().await;
        drop(attempt);
        assert_eq!(waiting.await.unwrap(), Err(ProxyError::ConnectFailed));
        assert_eq!(shared.join(|| ready(Ok(()))).ended().await, Ok(()));
    }
}
