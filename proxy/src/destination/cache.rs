//! A worker's destinations by authority.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::{Destination, Local, ResolveError};
use crate::discovery::{Ask, ServiceName, Update, WorkerId};

/// How long the first requests to an authority wait for the control plane's answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a name that the control plane does not know, or did not answer, stays subscribed.
const UNCONFIRMED_TIME: Duration = Duration::from_secs(30);
/// So many such names are kept; a client that makes up names costs no more than this.
const MAX_UNCONFIRMED: usize = 1024;
/// A host's name has at most 253 characters (RFC 1035), and a port five; nothing longer is asked for.
const LONGEST_AUTHORITY: usize = 260;
/// So many destinations are kept; beyond, unused ones leave first.
const MAX_DESTINATIONS: usize = 10_000;
/// How often `sweep` is to be called.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// A destination that was not used for so many sweeps in a row is given up: ten minutes.
const UNUSED_SWEEPS: u32 = 10;

/// The destinations that one worker knows or waits for.
pub struct Destinations {
    entries: RefCell<HashMap<Arc<str>, Entry>>,
    /// Authorities that were pending or unknown, oldest first; some have become known since.
    unconfirmed: RefCell<VecDeque<(Arc<str>, Instant)>>,
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

impl Destinations {
    pub(crate) fn new(worker: WorkerId, asks: mpsc::UnboundedSender<Ask>, local: Rc<Local>) -> Self {
        Self { entries: RefCell::default(), unconfirmed: RefCell::default(), worker, asks, local }
    }

    /// The destination of an authority, when the worker has it under this very spelling. Allocates nothing.
    pub fn cached(&self, authority: &str) -> Option<Rc<Destination>> {
        match self.entries.borrow().get(authority)? {
            Entry::Known { destination, .. } => {
                destination.was_used.set(true);
                Some(Rc::clone(destination))
            }
            Entry::Pending { .. } | Entry::Unknown { .. } => None,
        }
    }

    /// The destination of an authority; asks the control plane when the worker does not know it. Any case and a trailing dot
    /// are taken.
    ///
    /// # Errors
    /// When there is no such service, or nobody can tell.
    pub async fn resolve(&self, authority: &str) -> Result<Rc<Destination>, ResolveError> {
        if authority.len() > LONGEST_AUTHORITY {
            return Err(ResolveError::NoSuchService);
        }
        let authority = normalize(authority);
        self.expire(&authority);
        if let Some(answer) = self.answer(&authority) {
            return answer;
        }
        let (deadline, answered) = self.pending(&authority).unwrap_or_else(|| self.ask(&authority));
        if deadline <= Instant::now() {
            return Err(ResolveError::Unavailable);
        }
        let wait = tokio::time::timeout_at(deadline, answered.notified());
        // Without an entry any more, the name was pushed out by a flood of others.
        match wait.await {
            Ok(()) => self.answer(&authority).unwrap_or(Err(ResolveError::Unavailable)),
            Err(_) => Err(ResolveError::Unavailable),
        }
    }

    /// What is known of a normalised authority; none when it is not known yet.
    fn answer(&self, authority: &str) -> Option<Result<Rc<Destination>, ResolveError>> {
        if let Some(destination) = self.cached(authority) {
            return Some(Ok(destination));
        }
        match self.entries.borrow().get(authority)? {
            Entry::Unknown { .. } => Some(Err(ResolveError::NoSuchService)),
            Entry::Pending { .. } | Entry::Known { .. } => None,
        }
    }

    /// Until when the answer is awaited and what tells that it came, when the control plane was asked before.
    fn pending(&self, authority: &str) -> Option<(Instant, Rc<Notify>)> {
        match self.entries.borrow().get(authority)? {
            Entry::Pending { since, answered } => Some((*since + ANSWER_TIMEOUT, Rc::clone(answered))),
            Entry::Unknown { .. } | Entry::Known { .. } => None,
        }
    }

    /// Forgets an authority that has been unconfirmed for too long, so that it is asked for afresh.
    fn expire(&self, authority: &str) {
        let since = self.entries.borrow().get(authority).and_then(Entry::unconfirmed_since);
        if since.is_some_and(is_expired) {
            self.forget(authority);
        }
    }

    fn ask(&self, authority: &str) -> (Instant, Rc<Notify>) {
        let authority: Arc<str> = authority.into();
        let since = Instant::now();
        let answered = Rc::new(Notify::new());
        self.insert_unconfirmed(
            Arc::clone(&authority),
            since,
            Entry::Pending { since, answered: Rc::clone(&answered) },
        );
        // Fails only when the proxy is ending.
        let _ = self.asks.send(Ask::Subscribe { worker: self.worker, authority });
        (since + ANSWER_TIMEOUT, answered)
    }

    fn insert_unconfirmed(&self, authority: Arc<str>, since: Instant, entry: Entry) {
        self.entries.borrow_mut().insert(Arc::clone(&authority), entry);
        self.unconfirmed.borrow_mut().push_back((authority, since));
        self.drop_unconfirmed();
    }

    /// Forgets the oldest unconfirmed authorities: those beyond the limit, and those that are too old.
    fn drop_unconfirmed(&self) {
        while let Some((authority, since)) = self.next_to_drop() {
            let current = self.entries.borrow().get(&authority).and_then(Entry::unconfirmed_since);
            if current == Some(since) {
                self.forget(&authority);
            }
        }
    }

    fn next_to_drop(&self) -> Option<(Arc<str>, Instant)> {
        let mut unconfirmed = self.unconfirmed.borrow_mut();
        let (_, since) = unconfirmed.front()?;
        let is_due = unconfirmed.len() > MAX_UNCONFIRMED || is_expired(*since);
        if is_due { unconfirmed.pop_front() } else { None }
    }

    /// Gives an authority up; those who wait for it are told.
    fn forget(&self, authority: &str) {
        let Some((authority, entry)) = self.entries.borrow_mut().remove_entry(authority) else { return };
        entry.retire();
        // Fails only when the proxy is ending.
        let _ = self.asks.send(Ask::Release { worker: self.worker, authority });
    }

    /// Takes in what the control plane said.
    pub(crate) fn apply(&self, update: &Update) {
        match update {
            Update::Snapshot { authority, service, endpoints } => {
                if let Some(destination) = self.confirm(authority, service) {
                    destination.replace(endpoints);
                }
            }
            Update::Unknown { authority } => self.deny(authority),
            Update::Change { authority, added, removed } => {
                if let Some(Entry::Known { destination, .. }) = self.entries.borrow().get(authority) {
                    destination.change(added, removed);
                }
            }
        }
    }

    /// The destination that a snapshot describes: the one that is known, or a new one. None when nobody asked.
    fn confirm(&self, authority: &Arc<str>, service: &Arc<ServiceName>) -> Option<Rc<Destination>> {
        if let Entry::Known { destination, .. } = self.entries.borrow().get(authority)?
            && destination.service == *service
        {
            return Some(Rc::clone(destination));
        }
        let destination = Rc::new(Destination::new(Arc::clone(service), Rc::clone(&self.local)));
        self.settle(authority, Entry::Known { destination: Rc::clone(&destination), unused_sweeps: 0 });
        self.make_room();
        Some(destination)
    }

    fn deny(&self, authority: &Arc<str>) {
        let is_news =
            matches!(self.entries.borrow().get(authority), Some(Entry::Pending { .. } | Entry::Known { .. }));
        if is_news {
            let since = Instant::now();
            self.settle(authority, Entry::Unknown { since });
            self.unconfirmed.borrow_mut().push_back((Arc::clone(authority), since));
            self.drop_unconfirmed();
        }
    }

    /// Puts what is known in the place of what was, and tells those who wait.
    fn settle(&self, authority: &Arc<str>, entry: Entry) {
        let before = self.entries.borrow_mut().insert(Arc::clone(authority), entry);
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
            let known = entries.iter().filter_map(|(authority, entry)| match entry {
                Entry::Known { destination, unused_sweeps } => {
                    Some((!destination.was_used.get(), *unused_sweeps, authority))
                }
                Entry::Pending { .. } | Entry::Unknown { .. } => None,
            });
            known.max().map(|(_, _, authority)| Arc::clone(authority))
        };
        if let Some(authority) = least_used {
            self.forget(&authority);
        }
    }

    /// Gives up what has not been used for ten minutes. To be called every `SWEEP_INTERVAL`.
    pub(crate) fn sweep(&self) {
        self.drop_unconfirmed();
        let mut unused = Vec::new();
        for (authority, entry) in self.entries.borrow_mut().iter_mut() {
            if let Entry::Known { destination, unused_sweeps } = entry {
                *unused_sweeps = if destination.was_used.take() { 0 } else { *unused_sweeps + 1 };
                if *unused_sweeps >= UNUSED_SWEEPS {
                    unused.push(Arc::clone(authority));
                }
            }
        }
        for authority in unused {
            self.forget(&authority);
        }
    }
}

fn is_expired(since: Instant) -> bool {
    since.elapsed() > UNCONFIRMED_TIME
}

/// Authorities compare in lower case and without the dot that may end the host's name.
fn normalize(authority: &str) -> String {
    let authority = authority.to_ascii_lowercase();
    match authority.rsplit_once(':') {
        Some((host, port)) if host.ends_with('.') => format!("{}:{port}", host.trim_end_matches('.')),
        Some(_) => authority,
        None => authority.trim_end_matches('.').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::sync::mpsc::UnboundedReceiver;
    use tokio::task::spawn_local;

    use super::*;
    use crate::discovery::EndpointInfo;
    use crate::fixture::{endpoint, snapshot, worker_and_asks};
    use crate::worker::Worker;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// A resolution that is under way, after it had the chance to ask.
    async fn resolving(
        worker: &Rc<Worker>,
        authority: &'static str,
    ) -> tokio::task::JoinHandle<Result<Rc<Destination>, ResolveError>> {
        let worker = Rc::clone(worker);
        let task = spawn_local(async move { worker.destinations.resolve(authority).await });
        tokio::task::yield_now().await;
        task
    }

    fn asks(asked: &mut UnboundedReceiver<Ask>) -> Vec<Ask> {
        std::iter::from_fn(|| asked.try_recv().ok()).collect()
    }

    fn subscribe(authority: &str) -> Ask {
        Ask::Subscribe { worker: 0, authority: authority.into() }
    }

    fn release(authority: &str) -> Ask {
        Ask::Release { worker: 0, authority: authority.into() }
    }

    async fn known(
        worker: &Rc<Worker>,
        authority: &'static str,
        endpoints: &[SocketAddr],
    ) -> Rc<Destination> {
        let resolution = resolving(worker, authority).await;
        worker.destinations.apply(&snapshot(authority, endpoints));
        resolution.await.unwrap().ok().unwrap()
    }

    #[tokio::test(flavor = "local")]
    async fn all_who_wait_for_a_name_ask_once_and_get_the_same_answer_under_every_spelling() {
        let (worker, mut asked) = worker_and_asks(&[]);
        let first = resolving(&worker, "Hello.:80").await;
        let second = resolving(&worker, "hello:80").await;
        assert_eq!(asks(&mut asked), [subscribe("hello:80")]);
        assert!(worker.destinations.cached("hello:80").is_none());

        worker.destinations.apply(&snapshot("hello:80", &[address(1)]));
        let first = first.await.unwrap().ok().unwrap();
        assert!(Rc::ptr_eq(&first, &second.await.unwrap().ok().unwrap()));
        assert!(Rc::ptr_eq(&first, &worker.destinations.cached("hello:80").unwrap()));
        assert_eq!(first.pick(&[]).unwrap().address, address(1));
        assert_eq!(asks(&mut asked), []);
    }

    #[tokio::test(flavor = "local")]
    async fn endpoints_that_stay_are_the_same_through_snapshots_and_changes() {
        let (worker, _asked) = worker_and_asks(&[]);
        let destination = known(&worker, "hello", &[address(1), address(2)]).await;
        let stays = destination.pick(&[address(1)]).unwrap();

        worker.destinations.apply(&snapshot("hello", &[address(2), address(3)]));
        assert!(Rc::ptr_eq(&stays, &destination.pick(&[address(3)]).unwrap()));
        assert_eq!(destination.pick(&[address(2)]).unwrap().address, address(3));

        worker.destinations.apply(&Update::Change {
            authority: "hello".into(),
            added: Arc::new([Arc::new(endpoint(address(4)))]),
            removed: Arc::new([address(3)]),
        });
        assert!(Rc::ptr_eq(&stays, &destination.pick(&[address(4)]).unwrap()));
        assert_eq!(destination.pick(&[address(2)]).unwrap().address, address(4));
        assert!(destination.pick(&[address(2), address(4)]).is_none());
    }

    #[tokio::test(flavor = "local")]
    async fn an_endpoint_whose_properties_change_is_replaced() {
        let (worker, _asked) = worker_and_asks(&[]);
        let destination = known(&worker, "hello", &[address(1)]).await;
        let before = destination.pick(&[]).unwrap();
        let changed = EndpointInfo { pod: "hello-1".to_owned(), ..endpoint(address(1)) };
        worker.destinations.apply(&Update::Change {
            authority: "hello".into(),
            added: Arc::new([Arc::new(changed)]),
            removed: Arc::new([]),
        });
        let after = destination.pick(&[]).unwrap();
        assert!(!Rc::ptr_eq(&before, &after));
        assert_eq!(after.info.pod, "hello-1");
    }

    #[tokio::test(flavor = "local")]
    async fn a_known_service_may_have_no_endpoints_and_get_some() {
        let (worker, _asked) = worker_and_asks(&[]);
        let destination = known(&worker, "hello", &[]).await;
        assert!(destination.pick(&[]).is_none());
        worker.destinations.apply(&snapshot("hello", &[address(1)]));
        assert!(destination.pick(&[]).is_some());
        worker.destinations.apply(&snapshot("hello", &[]));
        assert!(destination.pick(&[]).is_none());
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn an_unknown_name_is_remembered_for_a_while_and_becomes_known_when_it_appears() {
        let (worker, mut asked) = worker_and_asks(&[]);
        let resolution = resolving(&worker, "new").await;
        worker.destinations.apply(&Update::Unknown { authority: "new".into() });
        assert_eq!(resolution.await.unwrap().err(), Some(ResolveError::NoSuchService));
        assert_eq!(worker.destinations.resolve("new").await.err(), Some(ResolveError::NoSuchService));
        assert_eq!(asks(&mut asked), [subscribe("new")]);

        worker.destinations.apply(&snapshot("new", &[address(1)]));
        assert!(worker.destinations.cached("new").is_some());
        worker.destinations.apply(&Update::Unknown { authority: "new".into() });
        assert_eq!(worker.destinations.resolve("new").await.err(), Some(ResolveError::NoSuchService));

        tokio::time::advance(UNCONFIRMED_TIME + Duration::from_secs(1)).await;
        let _resolution = resolving(&worker, "new").await;
        assert_eq!(asks(&mut asked), [release("new"), subscribe("new")]);
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn without_an_answer_the_first_wait_a_while_and_the_others_not_at_all() {
        let (worker, _asked) = worker_and_asks(&[]);
        let start = Instant::now();
        assert_eq!(worker.destinations.resolve("hello").await.err(), Some(ResolveError::Unavailable));
        assert_eq!(start.elapsed().as_secs(), ANSWER_TIMEOUT.as_secs());
        assert_eq!(worker.destinations.resolve("hello").await.err(), Some(ResolveError::Unavailable));
        assert_eq!(start.elapsed().as_secs(), ANSWER_TIMEOUT.as_secs());
        worker.destinations.apply(&snapshot("hello", &[]));
        assert!(worker.destinations.resolve("hello").await.is_ok());
    }

    #[tokio::test(flavor = "local")]
    async fn a_flood_of_names_leaves_a_bounded_number_and_what_is_known() {
        let (worker, mut asked) = worker_and_asks(&[]);
        known(&worker, "hello", &[]).await;
        for number in 0..10 * MAX_UNCONFIRMED {
            worker.destinations.ask(&format!("made-up-{number}"));
            worker.destinations.apply(&Update::Unknown { authority: format!("made-up-{number}").into() });
        }
        let subscribed = asks(&mut asked).iter().fold(0, |count, ask| match ask {
            Ask::Subscribe { .. } => count + 1,
            Ask::Release { .. } => count - 1,
        });
        assert!(subscribed <= MAX_UNCONFIRMED + 1, "{subscribed}");
        assert!(worker.destinations.entries.borrow().len() <= MAX_UNCONFIRMED + 1);
        assert!(worker.destinations.cached("hello").is_some());
        let too_long = "x".repeat(LONGEST_AUTHORITY + 1);
        assert_eq!(worker.destinations.resolve(&too_long).await.err(), Some(ResolveError::NoSuchService));
        assert_eq!(asks(&mut asked), []);
    }

    #[tokio::test(flavor = "local")]
    async fn a_destination_unused_for_ten_sweeps_is_given_up() {
        let (worker, mut asked) = worker_and_asks(&[]);
        known(&worker, "used", &[]).await;
        known(&worker, "unused", &[]).await;
        asks(&mut asked);
        for _ in 0..=UNUSED_SWEEPS {
            worker.destinations.cached("used");
            worker.destinations.sweep();
        }
        assert_eq!(asks(&mut asked), [release("unused")]);
        assert!(worker.destinations.cached("used").is_some());
        assert!(worker.destinations.cached("unused").is_none());
    }
}
