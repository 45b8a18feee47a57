//! From a request to a connection that takes it.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use smallvec::SmallVec;

use super::peer::Peer;
use crate::destination::{Destination, Endpoint, InFlight, ResolveError, RetryBudget};
use crate::error::ProxyError;
use crate::metrics::{HttpMetrics, Retry};
use crate::upstream;
use crate::worker::Worker;

/// Endpoints that are tried for one request.
const MAX_ENDPOINTS: usize = 3;

/// How long a connection with TLS waits for the control plane to know its server's name. Short, for it can go straight on.
const NAME_TIMEOUT: Duration = Duration::from_millis(500);

/// Endpoints that did not take a request.
pub type Tried = SmallVec<[SocketAddr; MAX_ENDPOINTS]>;

/// Where a request goes.
pub enum Target {
    Service(Rc<Destination>),
    /// One place without a choice: the application beside the proxy, or where a connection goes straight on to.
    Endpoint(Rc<Endpoint>),
}

/// Where a redirected connection was meant to go.
pub struct Original {
    address: SocketAddr,
    /// The same as an endpoint of this connection alone: what is no service of the mesh may tell its clients apart by their
    /// connections.
    straight_on: OnceCell<Rc<Endpoint>>,
}

impl Original {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, straight_on: OnceCell::new() }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether `endpoint` is the address itself.
    pub fn is(&self, endpoint: &Rc<Endpoint>) -> bool {
        self.straight_on.get().is_some_and(|straight_on| Rc::ptr_eq(straight_on, endpoint))
    }
}

/// A connection to an endpoint for the time of one request.
pub struct Link<C = Peer> {
    pub upstream: C,
    pub in_flight: InFlight,
    /// The connection served requests before, so its server may be about to close it.
    pub reused: bool,
}

/// Which connections a request may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// An idle one when there is one.
    Any,
    /// One that nothing was sent on.
    New,
}

/// The service that `authority` names, when the worker knows it.
pub fn known(worker: &Worker, authority: &str) -> Option<Target> {
    worker.destinations.cached(authority).map(Target::Service)
}

/// Finds the service that `authority` names; asks the control plane when the worker does not know it.
///
/// # Errors
/// There is none, or nobody can tell.
pub async fn find(worker: &Worker, authority: &str) -> Result<Target, ProxyError> {
    if authority.is_empty() {
        return Err(ProxyError::NotRoutable);
    }
    match worker.destinations.resolve(authority).await {
        Ok(destination) => Ok(Target::Service(destination)),
        Err(ResolveError::NoSuchService) => Err(ProxyError::NoSuchService),
        Err(ResolveError::Unavailable) => Err(ProxyError::DiscoveryUnavailable),
        Err(ResolveError::Overloaded) => Err(ProxyError::Overloaded),
    }
}

/// The service or the endpoint that has an address, when the worker knows it.
pub(crate) fn known_original(worker: &Worker, original: &Original) -> Option<Target> {
    worker.destinations.cached_original(original.address).map(Target::Service)
}

/// Finds the service or the endpoint that has an address; asks the control plane when the worker does not know it. What
/// is neither, and what nobody can tell, is the address itself.
///
/// # Errors
/// Too many wait for the control plane's answer.
pub async fn find_original(worker: &Worker, original: &Original) -> Result<Target, ProxyError> {
    if let Some(target) = known_original(worker, original) {
        return Ok(target);
    }
    match Box::pin(worker.destinations.resolve_original(original.address)).await {
        Ok(destination) => Ok(Target::Service(destination)),
        Err(ResolveError::NoSuchService | ResolveError::Unavailable) => {
            let endpoint = original.straight_on.get_or_init(|| worker.straight_on(original.address));
            Ok(Target::Endpoint(Rc::clone(endpoint)))
        }
        Err(ResolveError::Overloaded) => Err(ProxyError::Overloaded),
    }
}

/// The service that a client with TLS means by the name of its server, as far as the control plane tells in short time.
pub async fn find_named(worker: &Worker, server_name: &str, port: u16) -> Option<Target> {
    let authority = format!("{server_name}:{port}");
    let found = tokio::time::timeout(NAME_TIMEOUT, find(worker, &authority)).await;
    found.ok()?.ok()
}

impl Target {
    /// A connection of its own, as [`reach`](Self::reach) finds it.
    ///
    /// # Errors
    /// As there.
    pub async fn link(&self) -> Result<Link, ProxyError> {
        self.reach(&mut Tried::new(), |_| None, async |endpoint| upstream::connect(endpoint).await).await
    }

    /// What takes a request of HTTP/1.
    ///
    /// # Errors
    /// As there.
    pub async fn link_request(
        &self,
        choice: Choice,
        tried: &mut Tried,
        worker: &Rc<Worker>,
    ) -> Result<Link, ProxyError> {
        self.reach(
            tried,
            |endpoint| (choice == Choice::Any).then(|| upstream::kept(endpoint, worker)).flatten(),
            async |endpoint| upstream::open(endpoint, worker).await,
        )
        .await
    }

    /// A connection to the endpoint that is best now, or to the next best when that one takes none; never one of those in `tried`,
    /// to which it adds. It is had by `take`, when there is one already, or by `open`. A service without endpoints is given some
    /// time to get one.
    ///
    /// # Errors
    /// No endpoint, or why the last one tried takes no connection. What we lack ourselves is no endpoint's fault.
    pub(crate) async fn reach<C>(
        &self,
        tried: &mut Tried,
        take: impl Fn(&Rc<Endpoint>) -> Option<C>,
        open: impl AsyncFn(&Rc<Endpoint>) -> Result<C, ProxyError>,
    ) -> Result<Link<C>, ProxyError> {
        let mut failure = ProxyError::NoEndpoints;
        let mut has_waited = false;
        loop {
            let Some(endpoint) = self.pick(tried) else {
                if has_waited || !tried.is_empty() {
                    return Err(failure);
                }
                Box::pin(self.endpoint_comes()).await?;
                has_waited = true;
                continue;
            };
            let in_flight = endpoint.begin();
            if let Some(upstream) = take(&endpoint) {
                return Ok(Link { upstream, in_flight, reused: true });
            }
            match Box::pin(open(&endpoint)).await {
                Ok(upstream) => return Ok(Link { upstream, in_flight, reused: false }),
                Err(error @ (ProxyError::LocalShortage | ProxyError::NoIdentity)) => return Err(error),
                Err(error) => failure = error,
            }
            endpoint.connect_failed();
            tried.push(endpoint.address());
            if self.has_another(tried) {
                endpoint.http().retried(Retry::Unconnected);
            }
        }
    }

    /// What `reach` would give without waiting.
    pub(crate) fn reach_at_once<C>(
        &self,
        tried: &Tried,
        take: impl Fn(&Endpoint) -> Option<C>,
    ) -> Option<Link<C>> {
        let endpoint = self.pick(tried)?;
        let upstream = take(&endpoint)?;
        Some(Link { upstream, in_flight: endpoint.begin(), reused: true })
    }

    async fn endpoint_comes(&self) -> Result<(), ProxyError> {
        match self {
            Self::Service(destination) => destination.endpoint_comes().await,
            Self::Endpoint(_) => Err(ProxyError::NoEndpoints),
        }
    }

    /// Whether there may be more than one endpoint.
    pub fn is_service(&self) -> bool {
        matches!(self, Self::Service(_))
    }

    /// What limits how many requests are sent again; nothing where the one who sent them decides that.
    pub fn retry_budget(&self) -> Option<&RetryBudget> {
        match self {
            Self::Service(destination) => Some(destination.retry_budget()),
            Self::Endpoint(_) => None,
        }
    }

    /// Whether an endpoint is left that was not tried.
    pub fn has_another(&self, tried: &Tried) -> bool {
        self.pick(tried).is_some()
    }

    fn pick(&self, tried: &[SocketAddr]) -> Option<Rc<Endpoint>> {
        match self {
            Self::Service(destination) if tried.len() < MAX_ENDPOINTS => destination.pick(tried),
            Self::Endpoint(endpoint) if tried.is_empty() => Some(Rc::clone(endpoint)),
            Self::Service(_) | Self::Endpoint(_) => None,
        }
    }

    /// The counters for a request that got no endpoint.
    pub fn http(&self) -> &HttpMetrics {
        match self {
            Self::Service(destination) => destination.http(),
            Self::Endpoint(endpoint) => endpoint.http(),
        }
    }
}
