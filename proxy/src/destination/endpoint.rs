//! One address of a service.

use std::cell::{Cell, OnceCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ejection::{Ejection, Role};
use super::latency::PeakEwma;
use super::local::Local;
use crate::direction::Direction;
use crate::discovery::{EndpointInfo, ServiceName};
use crate::metrics::{HttpMetrics, Labels, Party, Peer, TcpMetrics};
use crate::upstream::IdlePool;

/// What an endpoint with requests in flight and no answer yet is taken to cost: more than any that has answered.
const UNKNOWN_NANOS: f64 = 1e15;

/// For what is no part of the mesh, and may be far: as patient as an application that connects itself.
const FAR_TIMEOUT: Duration = Duration::from_secs(60);

/// An endpoint as one worker knows it: its address, its connections, and how well it does.
pub struct Endpoint {
    pub address: SocketAddr,
    /// Where it is tried when it refuses connections at `address`.
    pub(crate) fallback: Option<SocketAddr>,
    /// How long an attempt to connect may take.
    pub(crate) connect_timeout: Duration,
    /// Idle connections to it.
    pub idle: IdlePool,
    pub(crate) info: Arc<EndpointInfo>,
    pub(crate) service: Arc<ServiceName>,
    direction: Direction,
    local: Rc<Local>,
    http: OnceCell<Arc<HttpMetrics>>,
    tcp: OnceCell<Arc<TcpMetrics>>,
    in_flight: Cell<u32>,
    latency: PeakEwma,
    pub(super) ejection: Ejection,
}

impl Endpoint {
    pub(super) fn outbound(info: Arc<EndpointInfo>, service: Arc<ServiceName>, local: Rc<Local>) -> Self {
        Self::new(Direction::Outbound, info, service, local)
    }

    /// The application beside the proxy.
    pub(crate) fn application(address: SocketAddr, local: Rc<Local>) -> Self {
        let info = EndpointInfo::application(address, &local.config.identity);
        Self::new(Direction::Inbound, Arc::new(info), Arc::default(), local)
    }

    /// The application on the port of `address`, where others mean to reach it; it may also listen on loopback alone.
    pub(crate) fn application_at(
        address: SocketAddr,
        loopback: Option<SocketAddr>,
        local: Rc<Local>,
    ) -> Self {
        Self { fallback: loopback, ..Self::application(address, local) }
    }

    /// What is no part of the mesh, as far as anybody knows.
    pub(crate) fn straight_on(address: SocketAddr, local: Rc<Local>) -> Self {
        let info = Arc::new(EndpointInfo::unknown(address));
        let endpoint = Self::new(Direction::Outbound, info, Arc::default(), local);
        Self { connect_timeout: FAR_TIMEOUT, ..endpoint }
    }

    fn new(
        direction: Direction,
        info: Arc<EndpointInfo>,
        service: Arc<ServiceName>,
        local: Rc<Local>,
    ) -> Self {
        Self {
            address: info.address,
            fallback: None,
            connect_timeout: local.config.timeouts.connect,
            idle: IdlePool::default(),
            info,
            service,
            direction,
            local,
            http: OnceCell::new(),
            tcp: OnceCell::new(),
            in_flight: Cell::new(0),
            latency: PeakEwma::default(),
            ejection: Ejection::default(),
        }
    }

    /// The same address with other properties; what was learned of its latency stays.
    pub(super) fn successor(&self, info: Arc<EndpointInfo>, service: Arc<ServiceName>) -> Self {
        let endpoint = Self::outbound(info, service, Rc::clone(&self.local));
        endpoint.latency.inherit(&self.latency);
        endpoint
    }

    /// Whether a proxy of the mesh listens at the address.
    pub fn is_meshed(&self) -> bool {
        self.info.meshed
    }

    /// The counters of requests to this endpoint.
    pub fn http(&self) -> &HttpMetrics {
        self.http.get_or_init(|| self.local.registry.http(&self.labels()))
    }

    /// The counters of connections to this endpoint.
    pub fn tcp(&self) -> &Arc<TcpMetrics> {
        self.tcp.get_or_init(|| self.local.registry.tcp(Peer::Destination, &self.labels()))
    }

    fn labels(&self) -> Labels<'_> {
        let source = match self.direction {
            Direction::Outbound => Party::from(&self.local.config.identity),
            Direction::Inbound => Party::default(),
        };
        Labels {
            direction: self.direction,
            source,
            destination: Party {
                namespace: &self.info.namespace,
                workload: &self.info.workload,
                workload_kind: &self.info.workload_kind,
                pod: &self.info.pod,
            },
            service: &self.service.name,
            tls: false,
        }
    }

    /// Counts a request as being in flight until the guard is dropped.
    pub fn begin(self: &Rc<Self>) -> InFlight {
        self.in_flight.set(self.in_flight.get() + 1);
        let role = match self.ejection.is_member() {
            true => Role::Ordinary,
            false => self.ejection.begin(Instant::now()),
        };
        InFlight { endpoint: Rc::clone(self), role }
    }

    /// The endpoint answered, and the answer was no 5xx. `latency` is the time from the end of the request's head to the
    /// response's head.
    pub fn succeeded(&self, latency: Duration) {
        self.latency.observe(latency, Instant::now());
        self.ejection.succeed();
    }

    /// The endpoint took a connection of which nothing else can be told.
    pub fn took_connection(&self) {
        self.ejection.succeed();
    }

    /// The endpoint answered with a 5xx, or broke the connection before a response.
    pub fn failed(&self) {
        if self.ejection.fail(Instant::now(), &self.local.random) {
            tracing::info!(address = %self.address, service = self.service.name, "endpoint ejected: failures in a row");
        }
    }

    /// No connection to the endpoint could be made.
    pub fn connect_failed(&self) {
        if self.ejection.refuse(Instant::now(), &self.local.random) {
            tracing::info!(address = %self.address, service = self.service.name, "endpoint ejected: takes no connection");
        }
    }

    /// What another request here is expected to cost; only comparisons mean something. An endpoint without an estimate gets one
    /// request at a time until it has answered.
    pub(super) fn load(&self, now: Instant) -> f64 {
        let in_flight = f64::from(self.in_flight.get());
        match self.latency.nanos(now) {
            Some(nanos) => nanos * (in_flight + 1.0),
            None => UNKNOWN_NANOS * in_flight,
        }
    }
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
        self.endpoint.in_flight.set(self.endpoint.in_flight.get() - 1);
        if self.role == Role::Probe {
            self.endpoint.ejection.abandon_probe(Instant::now());
        }
    }
}
