//! How often a limit of the proxy was reached, and how near the others are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// A bound that the proxy keeps; docs/proxy.md has the variable of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Limit {
    /// Connections that are served at once.
    Connections,
    /// Requests and connections that wait for an endpoint at once.
    PendingRequests,
    /// How long they wait.
    PendingTimeout,
    /// Open descriptors, of the process or of the system.
    Descriptors,
    /// Bytes of a head.
    HeaderBytes,
    /// Fields of a head.
    HeaderFields,
    /// How long the head of a request takes to come.
    HeaderTimeout,
    /// How long a connection is kept without a request.
    IdleTimeout,
    /// How long nothing moves while a message or a tunnel is under way.
    StallTimeout,
    /// Requests to a service that are sent again.
    RetryBudget,
    /// Frames of HTTP/2 that carry nothing.
    Frames,
}

impl Limit {
    pub(super) const ALL: [Self; 11] = [
        Self::Connections,
        Self::PendingRequests,
        Self::PendingTimeout,
        Self::Descriptors,
        Self::HeaderBytes,
        Self::HeaderFields,
        Self::HeaderTimeout,
        Self::IdleTimeout,
        Self::StallTimeout,
        Self::RetryBudget,
        Self::Frames,
    ];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::PendingRequests => "pending-requests",
            Self::PendingTimeout => "pending-timeout",
            Self::Descriptors => "descriptors",
            Self::HeaderBytes => "header-bytes",
            Self::HeaderFields => "header-fields",
            Self::HeaderTimeout => "header-timeout",
            Self::IdleTimeout => "idle-timeout",
            Self::StallTimeout => "stall-timeout",
            Self::RetryBudget => "retry-budget",
            Self::Frames => "frames",
        }
    }
}

/// The limits of the proxy, over all its workers.
#[derive(Debug, Default)]
pub struct LimitMetrics {
    reached: [AtomicU64; Limit::ALL.len()],
    /// Connections from clients that are served now.
    pub connections: Places,
    /// Requests and connections that wait for an endpoint now.
    pub pending: Places,
}

impl LimitMetrics {
    /// Counts that a limit made the proxy refuse, close or wait.
    pub fn reached(&self, limit: Limit) {
        self.reached[limit as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn count(&self, limit: Limit) -> u64 {
        self.reached[limit as usize].load(Relaxed)
    }
}

/// Places of which so many may be taken at once.
#[derive(Debug, Clone, Default)]
pub struct Places {
    taken: Arc<AtomicUsize>,
}

/// One that is taken until this is dropped.
#[derive(Debug)]
pub struct Place {
    taken: Arc<AtomicUsize>,
}

impl Places {
    /// None when `most` are taken.
    pub fn take(&self, most: usize) -> Option<Place> {
        // Holding the place from here on gives it back when it is one too many.
        let place = Place { taken: Arc::clone(&self.taken) };
        (self.taken.fetch_add(1, Relaxed) < most).then_some(place)
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_it_is_dropped_and_one_too_many_takes_none() {
        let places = Places::default();
        let first = places.take(2);
        let second = places.take(2);
        assert!(first.is_some() && second.is_some());
        assert!(places.take(2).is_none() && places.take(2).is_none());
        assert_eq!(places.taken(), 2);
        drop(first);
        assert!(places.take(2).is_some());
        assert_eq!(places.taken(), 1);
    }
}
