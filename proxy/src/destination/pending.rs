//! Waiting for an endpoint: that so many may, and for how long.

use tokio::time::{Instant, timeout_at};

use super::{Destination, Local};
use crate::error::ProxyError;
use crate::metrics::{Limit, Place};

impl Local {
    /// A place in the queue of those who wait; none when it is full.
    pub fn place_in_queue(&self) -> Option<Place> {
        let limits = self.registry.limits();
        let place = limits.pending.take(self.config.limits.pending_requests);
        if place.is_none() {
            limits.reached(Limit::PendingRequests);
        }
        place
    }

    /// Counts that somebody waited in vain.
    pub fn waited_in_vain(&self) {
        self.registry.limits().reached(Limit::PendingTimeout);
    }
}

impl Destination {
    /// Waits for an endpoint where there is none. A service that has been without for longer than the pending timeout is taken
    /// to be down: nobody waits for it any more.
    ///
    /// # Errors
    /// None came in time, or too many wait already.
    pub async fn endpoint_comes(&self) -> Result<(), ProxyError> {
        let deadline =
            self.empty_since.get().unwrap_or_else(Instant::now) + self.local.config.timeouts.pending;
        if deadline <= Instant::now() {
            return Err(ProxyError::NoEndpoints);
        }
        let Some(_place) = self.local.place_in_queue() else { return Err(ProxyError::Overloaded) };
        timeout_at(deadline, self.endpoint_came.notified()).await.map_err(|_| {
            self.local.waited_in_vain();
            ProxyError::NoEndpoints
        })
    }

    /// Notes whether there are endpoints now, and tells those who wait.
    pub(super) fn note_endpoints(&self) {
        if self.endpoints.borrow().is_empty() {
            self.empty_since.set(self.empty_since.get().or_else(|| Some(Instant::now())));
        } else {
            self.empty_since.set(None);
            self.endpoint_came.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::rc::Rc;
    use std::time::Duration;

    use tokio::task::{spawn_local, yield_now};

    use super::*;
    use crate::fixture::{snapshot, worker_and_asks};
    use crate::worker::Worker;

    const LONG: Duration = Duration::from_secs(3600);

    async fn without_endpoints(variables: &[(&str, &str)]) -> (Rc<Worker>, Rc<Destination>) {
        let (worker, _asked) = worker_and_asks(variables);
        worker.destinations.ask("hello");
        worker.destinations.apply(&snapshot("hello", &[]));
        let destination = worker.destinations.cached("hello").unwrap();
        (worker, destination)
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn the_first_wait_for_an_endpoint_and_are_told_when_it_comes() {
        let (worker, destination) = without_endpoints(&[]).await;
        let waiting = Rc::clone(&destination);
        let waits = spawn_local(async move { waiting.endpoint_comes().await });
        yield_now().await;
        assert_eq!(worker.limits().pending.taken(), 1);
        worker.destinations.apply(&snapshot("hello", &[SocketAddr::from(([127, 0, 0, 1], 1))]));
        assert_eq!(waits.await.unwrap(), Ok(()));
        assert_eq!(worker.limits().pending.taken(), 0);
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn nobody_waits_longer_than_the_timeout_from_when_the_last_endpoint_went() {
        let (worker, destination) = without_endpoints(&[("MESH_PROXY_PENDING_TIMEOUT", "2s")]).await;
        let start = Instant::now();
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(destination.endpoint_comes().await, Err(ProxyError::NoEndpoints));
        assert_eq!(start.elapsed().as_secs(), 2);
        tokio::time::advance(LONG).await;
        worker.destinations.apply(&snapshot("hello", &[]));
        let later = Instant::now();
        assert_eq!(destination.endpoint_comes().await, Err(ProxyError::NoEndpoints));
        assert_eq!(later.elapsed(), Duration::ZERO);
        assert_eq!(worker.limits().count(Limit::PendingTimeout), 1);
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn one_too_many_is_told_so_at_once() {
        let (worker, destination) = without_endpoints(&[("MESH_PROXY_MAX_PENDING_REQUESTS", "1")]).await;
        let waiting = Rc::clone(&destination);
        let waits = spawn_local(async move { waiting.endpoint_comes().await });
        yield_now().await;
        let start = Instant::now();
        assert_eq!(destination.endpoint_comes().await, Err(ProxyError::Overloaded));
        let unknown = worker.destinations.resolve("other").await;
        assert_eq!(unknown.err(), Some(super::super::ResolveError::Overloaded));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(worker.limits().count(Limit::PendingRequests), 2);
        assert_eq!(waits.await.unwrap(), Err(ProxyError::NoEndpoints));
    }
}
