//! One address of a service.

use std::cell::{Cell, OnceCell, RefCell};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ejection::{Ejection, Role};
use super::latency::PeakEwma;
use super::local::Local;
use super::namespaces::ByNamespace;
use crate::control_plane::Reported;
use crate::direction::Direction;
use crate::discovery::{EndpointInfo, ServiceName};
use crate::http2;
use crate::identity::Credentials;
use crate::metrics::{HttpMetrics, IdentityMetrics, Labels, Party, Peer, TcpMetrics};
use crate::mux;
use crate::upstream::IdlePool;

/// What an endpoint with requests in flight and no answer yet is taken to cost: more than any that has answered.
const UNKNOWN_NANOS: f64 = 1e15;

/// For what is no part of the mesh, and may be far: as patient as an application that connects itself.
const FAR_TIMEOUT: Duration = Duration::from_secs(60);

/// An endpoint as one worker knows it. Of the many that a service may have a proxy uses a few; the others cost little.
pub struct Endpoint {
    pub(crate) info: Arc<EndpointInfo>,
    pub(crate) service: Arc<ServiceName>,
    kind: Kind,
    local: Rc<Local>,
    /// From the first use on.
    usage: OnceCell<Box<Usage>>,
}

/// What an endpoint is to the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    OfService,
    /// The application beside the proxy. Where it refuses connections it may also be tried on loopback.
    Application {
        also_on_loopback: bool,
        /// For clients whose connections are secured: their namespace.
        clients: Option<Box<str>>,
    },
    /// No part of the mesh, as far as anybody knows.
    StraightOn,
}

/// An endpoint's connections, what is counted of it, and how well it does.
#[derive(Default)]
struct Usage {
    idle: IdlePool,
    mux: mux::Pool,
    http2: http2::Pool,
    http: OnceCell<Arc<HttpMetrics>>,
    tcp: OnceCell<Arc<TcpMetrics>>,
    in_flight: Cell<u32>,
    latency: PeakEwma,
    ejection: Ejection,
    /// Why there was no secured connection to it the last time, as the log has told.
    distrust: RefCell<Reported<Box<str>>>,
    /// The same application for clients whose connections are secured.
    secured: ByNamespace<Endpoint>,
}

impl Endpoint {
    pub(super) fn outbound(info: Arc<EndpointInfo>, service: Arc<ServiceName>, local: Rc<Local>) -> Self {
        Self { info, service, kind: Kind::OfService, local, usage: OnceCell::new() }
    }

    /// The application beside the proxy; with `also_on_loopback` it may also listen on the same port of loopback alone.
    pub(crate) fn application(address: SocketAddr, also_on_loopback: bool, local: Rc<Local>) -> Self {
        let info = Arc::new(EndpointInfo::application(address, &local.config.identity));
        let kind = Kind::Application { also_on_loopback, clients: None };
        Self { kind, ..Self::outbound(info, Arc::default(), local) }
    }

    /// The same application for clients of a namespace whose connections are secured: what they do is counted apart.
    pub(crate) fn secured(self: &Rc<Self>, namespace: &str) -> Rc<Self> {
        let Kind::Application { also_on_loopback, clients: None } = self.kind else {
            return Rc::clone(self);
        };
        self.usage().secured.get(namespace, |namespace| {
            let kind = Kind::Application { also_on_loopback, clients: Some(namespace.into()) };
            let (info, service) = (Arc::clone(&self.info), Arc::clone(&self.service));
            Self { kind, ..Self::outbound(info, service, Rc::clone(&self.local)) }
        })
    }

    /// What is no part of the mesh, as far as anybody knows.
    pub(crate) fn straight_on(address: SocketAddr, local: Rc<Local>) -> Self {
        let info = Arc::new(EndpointInfo::unknown(address));
        Self { kind: Kind::StraightOn, ..Self::outbound(info, Arc::default(), local) }
    }

    /// The same address with other properties; what was learned of its latency stays.
    pub(super) fn successor(&self, info: Arc<EndpointInfo>, service: Arc<ServiceName>) -> Self {
        let endpoint = Self::outbound(info, service, Rc::clone(&self.local));
        if let Some(usage) = self.usage.get() {
            endpoint.usage().latency.inherit(&usage.latency);
        }
        endpoint
    }

    fn usage(&self) -> &Usage {
        self.usage.get_or_init(Box::default)
    }

    /// Where it takes connections.
    pub fn address(&self) -> SocketAddr {
        self.info.address
    }

    /// Where it is tried when it refuses connections at its address.
    pub(crate) fn fallback(&self) -> Option<SocketAddr> {
        let also_on_loopback = matches!(self.kind, Kind::Application { also_on_loopback: true, .. });
        also_on_loopback.then(|| on_loopback(self.address()))
    }

    /// How long an attempt to connect may take.
    pub(crate) fn connect_timeout(&self) -> Duration {
        match self.kind {
            Kind::OfService | Kind::Application { .. } => self.local.config.timeouts.connect,
            Kind::StraightOn => FAR_TIMEOUT,
        }
    }

    /// Whether a proxy of the mesh listens at the address.
    pub fn is_meshed(&self) -> bool {
        self.info.meshed
    }

    /// What it must prove to be when a connection to it is opened; none where it is spoken to in plain text.
    pub fn identity(&self) -> Option<&Arc<str>> {
        self.info.identity.as_ref()
    }

    /// What this proxy proves itself by, and what it counts of that.
    pub(crate) fn own_identity(&self) -> (Option<Arc<Credentials>>, &IdentityMetrics) {
        (self.local.credentials.borrow().clone(), self.local.registry.identity())
    }

    /// Whether there is no secured connection to it for another reason than the last time.
    pub(crate) fn is_news(&self, reason: &str) -> bool {
        self.usage().distrust.borrow_mut().is_news(reason.into())
    }

    /// There is a secured connection to it.
    pub(crate) fn is_believed(&self) {
        self.usage().distrust.borrow_mut().forget();
    }

    /// Idle connections to it.
    pub fn idle(&self) -> &IdlePool {
        &self.usage().idle
    }

    /// Connections of streams to it.
    pub(crate) fn mux(&self) -> &mux::Pool {
        &self.usage().mux
    }

    /// Connections with HTTP/2 to it.
    pub(crate) fn http2(&self) -> &http2::Pool {
        &self.usage().http2
    }

    /// Closes its connections as soon as nothing is under way on them: it left its destination.
    pub(super) fn retire(&self) {
        if let Some(usage) = self.usage.get() {
            usage.idle.close();
            usage.mux.close();
            usage.http2.close();
        }
    }

    /// The counters of requests to this endpoint.
    pub fn http(&self) -> &HttpMetrics {
        self.usage().http.get_or_init(|| {
            let is_secured = match &self.kind {
                Kind::Application { clients, .. } => clients.is_some(),
                Kind::OfService | Kind::StraightOn => self.identity().is_some(),
            };
            self.local.registry.http(&self.labels(is_secured))
        })
    }

    /// The counters of connections to this endpoint.
    pub fn tcp(&self) -> &Arc<TcpMetrics> {
        let labels = || self.labels(self.identity().is_some());
        self.usage().tcp.get_or_init(|| self.local.registry.tcp(Peer::Destination, &labels()))
    }

    fn labels(&self, tls: bool) -> Labels<'_> {
        let (direction, source) = match &self.kind {
            Kind::OfService | Kind::StraightOn => {
                (Direction::Outbound, Party::from(&self.local.config.identity))
            }
            Kind::Application { clients, .. } => {
                (Direction::Inbound, Party::of_namespace(clients.as_deref().unwrap_or_default()))
            }
        };
        Labels {
            direction,
            source,
            destination: Party {
                namespace: &self.info.owner.namespace,
                workload: &self.info.owner.workload,
                workload_kind: &self.info.owner.workload_kind,
                pod: &self.info.pod,
            },
            service: &self.service.name,
            tls,
        }
    }

    /// Counts a request as being in flight until the guard is dropped.
    pub fn begin(self: &Rc<Self>) -> InFlight {
        let usage = self.usage();
        usage.in_flight.set(usage.in_flight.get() + 1);
        self.local.in_flight.set(self.local.in_flight.get() + 1);
        let role = match usage.ejection.is_member() {
            true => Role::Ordinary,
            false => usage.ejection.begin(Instant::now()),
        };
        InFlight { endpoint: Rc::clone(self), role }
    }

    /// The endpoint answered, and the answer was no 5xx. `latency` is the time from the end of the request's head to the
    /// response's head.
    pub fn succeeded(&self, latency: Duration) {
        let usage = self.usage();
        usage.latency.observe(latency, Instant::now());
        usage.ejection.succeed();
    }

    /// The endpoint took a connection of which nothing else can be told.
    pub fn took_connection(&self) {
        self.usage().ejection.succeed();
    }

    /// The endpoint answered with a 5xx, or broke the connection before a response.
    pub fn failed(&self) {
        if self.usage().ejection.fail(Instant::now(), &self.local.random) {
            tracing::info!(address = %self.address(), service = self.service.name, "endpoint ejected: failures in a row");
        }
    }

    /// No connection to the endpoint could be made.
    pub fn connect_failed(&self) {
        if self.usage().ejection.refuse(Instant::now(), &self.local.random) {
            tracing::info!(address = %self.address(), service = self.service.name, "endpoint ejected: takes no connection");
        }
    }

    /// True without asking for the time: the endpoint is a member of its service in full standing.
    pub(super) fn is_member(&self) -> bool {
        self.usage.get().is_none_or(|usage| usage.ejection.is_member())
    }

    /// True when the endpoint may be chosen: it is a member, or due for its probe.
    pub(super) fn is_eligible(&self, now: Instant) -> bool {
        self.usage.get().is_none_or(|usage| usage.ejection.is_eligible(now))
    }

    /// When an ejected endpoint is due; none for one that is a member or being probed.
    pub(super) fn due(&self) -> Option<Instant> {
        self.usage.get()?.ejection.due()
    }

    /// What another request here is expected to cost; only comparisons mean something. An endpoint without an estimate gets one
    /// request at a time until it has answered.
    pub(super) fn load(&self, now: Instant) -> f64 {
        let Some(usage) = self.usage.get() else { return 0.0 };
        let in_flight = f64::from(usage.in_flight.get());
        match usage.latency.nanos(now) {
            Some(nanos) => nanos * (in_flight + 1.0),
            None => UNKNOWN_NANOS * in_flight,
        }
    }
}

/// The same port on the loopback address of the same family.
fn on_loopback(address: SocketAddr) -> SocketAddr {
    let ip = match address {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

/// A request in flight at an endpoint.
pub struct InFlight {
    endpoint: Rc<Endpoint>,
    role: Role,
}

impl InFlight {
    /// Where it is in flight.
    pub fn endpoint(&self) -> &Rc<Endpoint> {
        &self.endpoint
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Endpoint { local, .. } = &*self.endpoint;
        let usage = self.endpoint.usage();
        usage.in_flight.set(usage.in_flight.get() - 1);
        local.in_flight.set(local.in_flight.get() - 1);
        if self.role == Role::Probe {
            usage.ejection.abandon_probe(Instant::now());
        }
    }
}
