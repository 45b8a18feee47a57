//! Those who watch, shared by all threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use tokio::sync::mpsc;

use super::filter;
use super::request::Request;
use crate::proto::{TapEvent, TapMatch};

/// So many events wait for an observer that reads slowly.
const QUEUE: usize = 1024;
/// With less room than this no new request is reported, so that those which were can be reported to their end.
const ROOM_FOR_NEW: usize = QUEUE / 2;
/// Requests a second when the observer does not say.
const DEFAULT_RATE: u32 = 100;

/// All observers of the proxy.
#[derive(Debug, Default)]
pub struct Observers {
    /// True while there is one.
    active: AtomicBool,
    list: RwLock<Vec<Arc<Observer>>>,
    requests: AtomicU64,
    dropped: Arc<AtomicU64>,
}

impl Observers {
    #[inline]
    pub fn are_there(&self) -> bool {
        self.active.load(Relaxed)
    }

    pub fn count(&self) -> usize {
        self.list.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Matching requests that were not reported, to all observers since the proxy started.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// A number that no other request has.
    pub(super) fn next_request_id(&self) -> u64 {
        self.requests.fetch_add(1, Relaxed) + 1
    }

    /// Adds an observer: its events, until they are dropped.
    pub(super) fn add(self: &Arc<Self>, filter: TapMatch, max_rps: u32) -> Events {
        let (events, queue) = mpsc::channel(QUEUE);
        let observer = Arc::new(Observer {
            filter,
            rate: Mutex::new(Rate::new(if max_rps == 0 { DEFAULT_RATE } else { max_rps })),
            events,
            dropped: AtomicU64::new(0),
            all_dropped: Arc::clone(&self.dropped),
        });
        self.change(|list| list.push(Arc::clone(&observer)));
        Events { queue, observer, observers: Arc::clone(self) }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Observer>>)) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut list);
        self.active.store(!list.is_empty(), Relaxed);
    }

    /// The observers that want a request and may be told of it.
    pub(super) fn interested(&self, request: &Request<'_>) -> Vec<Arc<Observer>> {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        list.iter().filter(|observer| observer.admits(request)).cloned().collect()
    }
}

/// One who watches.
#[derive(Debug)]
pub(super) struct Observer {
    filter: TapMatch,
    rate: Mutex<Rate>,
    events: mpsc::Sender<TapEvent>,
    /// Matching requests that were not reported since the last event.
    dropped: AtomicU64,
    all_dropped: Arc<AtomicU64>,
}

impl Observer {
    /// True when a request is to be reported; one that matches and cannot be is counted.
    fn admits(&self, request: &Request<'_>) -> bool {
        if !filter::matches(&self.filter, request) {
            return false;
        }
        let is_admitted = self.events.capacity() > ROOM_FOR_NEW
            && self.rate.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        if !is_admitted {
            self.dropped.fetch_add(1, Relaxed);
            self.all_dropped.fetch_add(1, Relaxed);
        }
        is_admitted
    }

    /// Queues an event. One that finds no room is lost: the observer reads too slowly to follow even what was admitted.
    pub fn send(&self, mut event: TapEvent) {
        event.dropped = self.dropped.swap(0, Relaxed);
        if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
            self.dropped.fetch_add(event.dropped, Relaxed);
        }
    }
}

/// The events of one observer, who leaves when this is dropped.
pub(super) struct Events {
    pub queue: mpsc::Receiver<TapEvent>,
    observer: Arc<Observer>,
    observers: Arc<Observers>,
}

impl Drop for Events {
    fn drop(&mut self) {
        self.observers.change(|list| list.retain(|other| !Arc::ptr_eq(other, &self.observer)));
    }
}

/// A token bucket that holds what one second allows.
#[derive(Debug)]
struct Rate {
    per_second: f64,
    tokens: f64,
    filled: Instant,
}

impl Rate {
    fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, tokens: per_second, filled: Instant::now() }
    }

    fn take(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.per_second);
        self.filled = now;
        let is_there = self.tokens >= 1.0;
        if is_there {
            self.tokens -= 1.0;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn taken(rate: &mut Rate, now: Instant) -> usize {
        (0..1000).filter(|_| rate.take(now)).count()
    }

    #[test]
    fn a_rate_allows_a_seconds_worth_at_once_and_refills_evenly() {
        let mut rate = Rate::new(10);
        let start = rate.filled;
        assert_eq!(taken(&mut rate, start), 10);
        assert_eq!(taken(&mut rate, start + Duration::from_millis(510)), 5);
        assert_eq!(taken(&mut rate, start + Duration::from_secs(100)), 10);
    }
}
