//! A worker's destinations: by the authority that the application named, and by the address that it meant to connect to.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::table::Table;
use super::{Destination, Local, ResolveError};
use crate::discovery::{Ask, Target, Update, WorkerId};

/// How long the first connections to an address wait at most for the control plane's answer. Shorter than requests do, for
/// they can go straight on without one.
const ORIGINAL_TIMEOUT: Duration = Duration::from_millis(500);
/// A host's name has at most 253 characters (RFC 1035), and a port five; nothing longer is asked for.
const LONGEST_AUTHORITY: usize = 260;
/// How often `sweep` is to be called.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The destinations that one worker knows or waits for.
pub struct Destinations {
    authorities: Table<Arc<str>>,
    originals: Table<SocketAddr>,
}

impl Destinations {
    pub(crate) fn new(worker: WorkerId, asks: mpsc::UnboundedSender<Ask>, local: Rc<Local>) -> Self {
        let pending = local.config.timeouts.pending;
        Self {
            authorities: Table::new(pending, worker, asks.clone(), Rc::clone(&local)),
            originals: Table::new(pending.min(ORIGINAL_TIMEOUT), worker, asks, local),
        }
    }

    /// The destination of an authority, when the worker has it under this very spelling. Allocates nothing.
    pub fn cached(&self, authority: &str) -> Option<Rc<Destination>> {
        self.authorities.cached(authority)
    }

    /// The destination of an authority; asks the control plane when the worker does not know it. Any case and a trailing dot
    /// are taken.
    ///
    /// # Errors
    /// When there is no such service, or nobody can tell, or too many wait to hear it.
    pub async fn resolve(&self, authority: &str) -> Result<Rc<Destination>, ResolveError> {
        if authority.len() > LONGEST_AUTHORITY {
            return Err(ResolveError::NoSuchService);
        }
        self.authorities.resolve(normalize(authority).into()).await
    }

    /// The destination of the address that a redirected connection was meant to go to, when the worker has it.
    pub fn cached_original(&self, address: SocketAddr) -> Option<Rc<Destination>> {
        self.originals.cached(&address)
    }

    /// The destination of the address that a redirected connection was meant to go to; asks the control plane when the worker
    /// does not know it.
    ///
    /// # Errors
    /// When the address is none of the mesh, or nobody can tell in short time, or too many wait to hear it.
    pub async fn resolve_original(&self, address: SocketAddr) -> Result<Rc<Destination>, ResolveError> {
        self.originals.resolve(address).await
    }

    /// Takes in what the control plane said.
    pub fn apply(&self, update: &Update) {
        match update.target() {
            Target::Authority(authority) => self.authorities.apply(authority, update),
            Target::Original(address) => self.originals.apply(address, update),
        }
    }

    /// Asks the control plane without waiting for its answer.
    #[cfg(test)]
    pub fn ask(&self, authority: &str) {
        self.authorities.ask(authority.into());
    }

    /// Gives up what has not been used for ten minutes. To be called every `SWEEP_INTERVAL`.
    pub(crate) fn sweep(&self) {
        self.authorities.sweep();
        self.originals.sweep();
    }
}

/// Authorities compare in lower case, without the dot that may end the host's name, and without a colon that no port follows
/// (RFC 9110, section 4.2.3).
fn normalize(authority: &str) -> String {
    let authority = authority.to_ascii_lowercase();
    let (host, port) = authority.rsplit_once(':').unwrap_or((&authority, ""));
    let host = host.strip_suffix('.').unwrap_or(host);
    if port.is_empty() { host.to_owned() } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::sync::mpsc::UnboundedReceiver;
    use tokio::task::spawn_local;
    use tokio::time::Instant;

    use super::*;
    use crate::destination::table::{MAX_UNCONFIRMED, UNCONFIRMED_TIME, UNUSED_SWEEPS};
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
        Ask::Subscribe { worker: 0, target: authority.into() }
    }

    fn release(authority: &str) -> Ask {
        Ask::Release { worker: 0, target: authority.into() }
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
        let _portless = [resolving(&worker, "Hello.:").await, resolving(&worker, "hello").await];
        assert_eq!(asks(&mut asked), [subscribe("hello")]);
        assert!(worker.destinations.cached("hello:80").is_none());

        worker.destinations.apply(&snapshot("hello:80", &[address(1)]));
        let first = first.await.unwrap().ok().unwrap();
        assert!(Rc::ptr_eq(&first, &second.await.unwrap().ok().unwrap()));
        assert!(Rc::ptr_eq(&first, &worker.destinations.cached("hello:80").unwrap()));
        assert_eq!(first.pick(&[]).unwrap().address(), address(1));
        assert_eq!(asks(&mut asked), []);
    }

    #[tokio::test(flavor = "local")]
    async fn an_endpoint_stays_meshed_through_snapshots_of_a_control_plane_that_does_not_know_it_yet() {
        let (worker, _asked) = worker_and_asks(&[]);
        let reported = |info: EndpointInfo| Update::Change {
            target: "hello".into(),
            added: [Arc::new(info)].into(),
            removed: [].into(),
        };
        let meshed = EndpointInfo { pod: "hello-1".into(), meshed: true, ..endpoint(address(1)) };
        let destination = known(&worker, "hello", &[address(1)]).await;
        let is_meshed = || destination.pick(&[]).unwrap().is_meshed();
        assert!(!is_meshed());
        worker.destinations.apply(&reported(meshed));
        worker.destinations.apply(&snapshot("hello", &[address(1)]));
        assert!(is_meshed());
        worker.destinations.apply(&reported(endpoint(address(1))));
        assert!(!is_meshed());
    }

    #[tokio::test(flavor = "local")]
    async fn endpoints_that_stay_are_the_same_through_snapshots_and_changes() {
        let (worker, _asked) = worker_and_asks(&[]);
        let destination = known(&worker, "hello", &[address(1), address(2)]).await;
        let stays = destination.pick(&[address(1)]).unwrap();

        worker.destinations.apply(&snapshot("hello", &[address(2), address(3)]));
        assert!(Rc::ptr_eq(&stays, &destination.pick(&[address(3)]).unwrap()));
        assert_eq!(destination.pick(&[address(2)]).unwrap().address(), address(3));

        worker.destinations.apply(&Update::Change {
            target: "hello".into(),
            added: Arc::new([Arc::new(endpoint(address(4)))]),
            removed: Arc::new([address(3)]),
        });
        assert!(Rc::ptr_eq(&stays, &destination.pick(&[address(4)]).unwrap()));
        assert_eq!(destination.pick(&[address(2)]).unwrap().address(), address(4));
        assert!(destination.pick(&[address(2), address(4)]).is_none());
    }

    #[tokio::test(flavor = "local")]
    async fn an_endpoint_whose_properties_change_is_replaced() {
        let (worker, _asked) = worker_and_asks(&[]);
        let destination = known(&worker, "hello", &[address(1)]).await;
        let before = destination.pick(&[]).unwrap();
        let changed = EndpointInfo { pod: "hello-1".into(), ..endpoint(address(1)) };
        worker.destinations.apply(&Update::Change {
            target: "hello".into(),
            added: Arc::new([Arc::new(changed)]),
            removed: Arc::new([]),
        });
        let after = destination.pick(&[]).unwrap();
        assert!(!Rc::ptr_eq(&before, &after));
        assert_eq!(&*after.info.pod, "hello-1");
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
        worker.destinations.apply(&Update::Unknown { target: "new".into() });
        assert_eq!(resolution.await.unwrap().err(), Some(ResolveError::NoSuchService));
        assert_eq!(worker.destinations.resolve("new").await.err(), Some(ResolveError::NoSuchService));
        assert_eq!(asks(&mut asked), [subscribe("new")]);

        worker.destinations.apply(&snapshot("new", &[address(1)]));
        assert!(worker.destinations.cached("new").is_some());
        worker.destinations.apply(&Update::Unknown { target: "new".into() });
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
        assert_eq!(start.elapsed().as_secs(), 3);
        assert_eq!(worker.destinations.resolve("hello").await.err(), Some(ResolveError::Unavailable));
        assert_eq!(start.elapsed().as_secs(), 3);
        worker.destinations.apply(&snapshot("hello", &[]));
        assert!(worker.destinations.resolve("hello").await.is_ok());
    }

    #[tokio::test(flavor = "local")]
    async fn a_flood_of_names_leaves_a_bounded_number_and_what_is_known() {
        let (worker, mut asked) = worker_and_asks(&[]);
        known(&worker, "hello", &[]).await;
        for number in 0..10 * MAX_UNCONFIRMED {
            worker.destinations.authorities.ask(format!("made-up-{number}").into());
            worker
                .destinations
                .apply(&Update::Unknown { target: format!("made-up-{number}").as_str().into() });
        }
        let subscribed = asks(&mut asked).iter().fold(0, |count, ask| match ask {
            Ask::Subscribe { .. } => count + 1,
            Ask::Release { .. } => count - 1,
        });
        assert!(subscribed <= MAX_UNCONFIRMED + 1, "{subscribed}");
        assert!(worker.destinations.authorities.len() <= MAX_UNCONFIRMED + 1);
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
