//! Destinations of one kind of target: what the worker knows, and what it waits for.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::{Destination, Local, ResolveError};
use crate::discovery::{Ask, ServiceName, Target, Update, WorkerId};

/// How long a target that the control plane does not know, or did not answer, stays subscribed.
pub(super) const UNCONFIRMED_TIME: Duration = Duration::from_secs(30);
/// So many such targets are kept; a client that makes up names costs no more than this.
pub(super) const MAX_UNCONFIRMED: usize = 1024;
/// So many destinations are kept; beyond, unused ones leave first.
const MAX_DESTINATIONS: usize = 10_000;
/// A destination that was not used for so many sweeps in a row is given up: ten minutes.
pub(super) const UNUSED_SWEEPS: u32 = 10;

/// What names a destination.
pub(super) trait Key: Clone + Eq + Hash + Ord + Into<Target> {}

impl<T: Clone + Eq + Hash + Ord + Into<Target>> Key for T {}

/// The destinations of one kind of target that one worker knows or waits for.
pub(super) struct Table<K> {
    entries: RefCell<HashMap<K, Entry>>,
    /// Targets that were pending or unknown, oldest first; some have become known since.
    unconfirmed: RefCell<VecDeque<(K, Instant)>>,
    /// How long those who resolve wait for the control plane's answer.
    answer_timeout: Duration,
    worker: WorkerId,
    asks: mpsc::UnboundedSender<Ask>,
    local: Rc<Local>,
}

enum Entry {
    Pending { since: Instant, answered: Rc<Notify> },
    Unknown { since: Instant },
    Known { destination: Rc<Destination>, unused_sweeps: u32 },
}

impl Entry {
    /// Ends what hangs on an entry that leaves: waits and idle connections.
    fn retire(&self) {
        match self {
            Self::Pending { answered, .. } => answered.notify_waiters(),
            Self::Known { destination, .. } => destination.close_idle(),
            Self::Unknown { .. } => {}
        }
    }

    /// Since when the entry has been pending or unknown.
    fn unconfirmed_since(&self) -> Option<Instant> {
        match self {
            Self::Pending { since, .. } | Self::Unknown { since } => Some(*since),
            Self::Known { .. } => None,
        }
    }
}

impl<K: Key> Table<K> {
    pub fn new(
        answer_timeout: Duration,
        worker: WorkerId,
        asks: mpsc::UnboundedSender<Ask>,
        local: Rc<Local>,
    ) -> Self {
        let (entries, unconfirmed) = (RefCell::default(), RefCell::default());
        Self { entries, unconfirmed, answer_timeout, worker, asks, local }
    }

    /// The destination of a target, when the worker has it. Allocates nothing.
    pub fn cached<Q: Eq + Hash + ?Sized>(&self, target: &Q) -> Option<Rc<Destination>>
    where
        K: Borrow<Q>,
    {
        match self.entries.borrow().get(target)? {
            Entry::Known { destination, .. } => {
                destination.was_used.set(true);
                Some(Rc::clone(destination))
            }
            Entry::Pending { .. } | Entry::Unknown { .. } => None,
        }
    }

    /// The destination of a target; asks the control plane when the worker does not know it.
    ///
    /// # Errors
    /// When there is no such service, or nobody can tell, or too many wait to hear it.
    pub async fn resolve(&self, target: K) -> Result<Rc<Destination>, ResolveError> {
        self.expire(&target);
        if let Some(answer) = self.answer(&target) {
            return answer;
        }
        let (deadline, answered) = self.pending(&target).unwrap_or_else(|| self.ask(target.clone()));
        if deadline <= Instant::now() {
            return Err(ResolveError::Unavailable);
        }
        let Some(_place) = self.local.place_in_queue() else { return Err(ResolveError::Overloaded) };
        let wait = tokio::time::timeout_at(deadline, answered.notified());
        // Without an entry any more, the name was pushed out by a flood of others.
        match wait.await {
            Ok(()) => self.answer(&target).unwrap_or(Err(ResolveError::Unavailable)),
            Err(_) => {
                self.local.waited_in_vain();
                Err(ResolveError::Unavailable)
            }
        }
    }

    /// What is known of a target; none when it is not known yet.
    fn answer(&self, target: &K) -> Option<Result<Rc<Destination>, ResolveError>> {
        if let Some(destination) = self.cached(target) {
            return Some(Ok(destination));
        }
        match self.entries.borrow().get(target)? {
            Entry::Unknown { .. } => Some(Err(ResolveError::NoSuchService)),
            Entry::Pending { .. } | Entry::Known { .. } => None,
        }
    }

    /// Until when the answer is awaited and what tells that it came, when the control plane was asked before.
    fn pending(&self, target: &K) -> Option<(Instant, Rc<Notify>)> {
        match self.entries.borrow().get(target)? {
            Entry::Pending { since, answered } => Some((*since + self.answer_timeout, Rc::clone(answered))),
            Entry::Unknown { .. } | Entry::Known { .. } => None,
        }
    }

    /// Forgets a target that has been unconfirmed for too long, so that it is asked for afresh.
    fn expire(&self, target: &K) {
        let since = self.entries.borrow().get(target).and_then(Entry::unconfirmed_since);
        if since.is_some_and(is_expired) {
            self.forget(target);
        }
    }

    pub fn ask(&self, target: K) -> (Instant, Rc<Notify>) {
        let since = Instant::now();
        let answered = Rc::new(Notify::new());
        self.insert_unconfirmed(
            target.clone(),
            since,
            Entry::Pending { since, answered: Rc::clone(&answered) },
        );
        // Fails only when the proxy is ending.
        let _ = self.asks.send(Ask::Subscribe { worker: self.worker, target: target.into() });
        (since + self.answer_timeout, answered)
    }

    fn insert_unconfirmed(&self, target: K, since: Instant, entry: Entry) {
        self.entries.borrow_mut().insert(target.clone(), entry);
        self.unconfirmed.borrow_mut().push_back((target, since));
        self.drop_unconfirmed();
    }

    /// Forgets the oldest unconfirmed targets: those beyond the limit, and those that are too old.
    fn drop_unconfirmed(&self) {
        while let Some((target, since)) = self.next_to_drop() {
            let current = self.entries.borrow().get(&target).and_then(Entry::unconfirmed_since);
            if current == Some(since) {
                self.forget(&target);
            }
        }
    }

    fn next_to_drop(&self) -> Option<(K, Instant)> {
        let mut unconfirmed = self.unconfirmed.borrow_mut();
        let (_, since) = unconfirmed.front()?;
        let is_due = unconfirmed.len() > MAX_UNCONFIRMED || is_expired(*since);
        if is_due { unconfirmed.pop_front() } else { None }
    }

    /// Gives a target up; those who wait for it are told.
    fn forget(&self, target: &K) {
        let Some((target, entry)) = self.entries.borrow_mut().remove_entry(target) else { return };
        entry.retire();
        // Fails only when the proxy is ending.
        let _ = self.asks.send(Ask::Release { worker: self.worker, target: target.into() });
    }

    /// Takes in what the control plane said of `target`.
    pub fn apply(&self, target: &K, update: &Update) {
        match update {
            Update::Snapshot { service, endpoints, .. } => {
                if let Some(destination) = self.confirm(target, service) {
                    destination.replace(endpoints);
                }
            }
            Update::Unknown { .. } => self.deny(target),
            Update::Change { added, removed, .. } => {
                if let Some(Entry::Known { destination, .. }) = self.entries.borrow().get(target) {
                    destination.change(added, removed);
                }
            }
        }
    }

    /// The destination that a snapshot describes: the one that is known, or a new one. None when nobody asked.
    fn confirm(&self, target: &K, service: &Arc<ServiceName>) -> Option<Rc<Destination>> {
        if let Entry::Known { destination, .. } = self.entries.borrow().get(target)?
            && destination.service == *service
        {
            return Some(Rc::clone(destination));
        }
        let destination = Rc::new(Destination::new(Arc::clone(service), Rc::clone(&self.local)));
        self.settle(target, Entry::Known { destination: Rc::clone(&destination), unused_sweeps: 0 });
        self.make_room();
        Some(destination)
    }

    fn deny(&self, target: &K) {
        let is_news =
            matches!(self.entries.borrow().get(target), Some(Entry::Pending { .. } | Entry::Known { .. }));
        if is_news {
            let since = Instant::now();
            self.settle(target, Entry::Unknown { since });
            self.unconfirmed.borrow_mut().push_back((target.clone(), since));
            self.drop_unconfirmed();
        }
    }

    /// Puts what is known in the place of what was, and tells those who wait.
    fn settle(&self, target: &K, entry: Entry) {
        let before = self.entries.borrow_mut().insert(target.clone(), entry);
        if let Some(before) = before {
            before.retire();
        }
    }

    /// Gives up the destination that has been unused the longest when there are too many.
    fn make_room(&self) {
        if self.entries.borrow().len() <= MAX_DESTINATIONS + MAX_UNCONFIRMED {
            return;
        }
        let least_used = {
            let entries = self.entries.borrow();
            let known = entries.iter().filter_map(|(target, entry)| match entry {
                Entry::Known { destination, unused_sweeps } => {
                    Some((!destination.was_used.get(), *unused_sweeps, target))
                }
                Entry::Pending { .. } | Entry::Unknown { .. } => None,
            });
            known.max().map(|(_, _, target)| target.clone())
        };
        if let Some(target) = least_used {
            self.forget(&target);
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// Gives up what has not been used for ten minutes. To be called once a minute.
    pub fn sweep(&self) {
        self.drop_unconfirmed();
        let mut unused = Vec::new();
        for (target, entry) in self.entries.borrow_mut().iter_mut() {
            if let Entry::Known { destination, unused_sweeps } = entry {
                *unused_sweeps = if destination.was_used.take() { 0 } else { *unused_sweeps + 1 };
                if *unused_sweeps >= UNUSED_SWEEPS {
                    unused.push(target.clone());
                }
            }
        }
        for target in unused {
            self.forget(&target);
        }
    }
}

fn is_expired(since: Instant) -> bool {
    since.elapsed() > UNCONFIRMED_TIME
}
