//! What one worker thread owns. Nothing in it is shared with other threads but atomics.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::config::Config;
use crate::destination::{ByNamespace, Destinations, Endpoint, Local};
use crate::direction::Direction;
use crate::discovery::{Ask, WorkerId};
use crate::drain::Drain;
use crate::http2::Runners;
use crate::identity::{Credentials, Current};
use crate::metrics::{
    DetectionMetrics, HttpMetrics, IdentityMetrics, Labels, LimitMetrics, Party, Peer, Places, Registry,
    TcpMetrics, TlsMetrics,
};
use crate::permission::{Guard, Policy, namespace};
use crate::relay::Sweep;
use crate::tap::Tap;

/// The state of one worker thread, shared by its tasks through `Rc`.
pub struct Worker {
    pub config: Arc<Config>,
    pub destinations: Destinations,
    /// Traffic that the application sends, as far as it has no endpoint.
    pub outbound: Rc<ClientMetrics>,
    /// Traffic that others send to the application, as far as it has no endpoint.
    pub inbound: Rc<ClientMetrics>,
    /// The same of clients whose connections are secured.
    inbound_secured: ByNamespace<ClientMetrics>,
    pub tap: Tap,
    pub drain: Rc<Drain>,
    /// Connections that are told that there are too many.
    pub refusals: Places,
    /// The deadlines of connections.
    pub sweep: Rc<Sweep>,
    /// What relays the streams of HTTP/2.
    pub(crate) streams: Rc<Runners>,
    /// Who may call the application.
    pub guard: Rc<Guard>,
    /// The application by the addresses at which others meant to reach it.
    applications: RefCell<HashMap<SocketAddr, Rc<Endpoint>>>,
    local: Rc<Local>,
}

/// So many addresses of the application are kept at most: as many as it has ports in use, unless somebody tries them all.
const MAX_APPLICATIONS: usize = 1024;

/// The metrics of one direction on the side of its clients.
pub struct ClientMetrics {
    /// Requests that were answered before an endpoint was chosen.
    pub http: Arc<HttpMetrics>,
    /// Connections accepted from clients (`peer="src"`).
    pub tcp: Arc<TcpMetrics>,
}

impl Worker {
    /// The worker with a number; it asks for destinations through `asks`, and must be told the answers by `Destinations::apply`. To
    /// others it proves itself by `credentials`.
    pub fn new(
        id: WorkerId,
        config: Arc<Config>,
        registry: Arc<Registry>,
        tap: Tap,
        asks: mpsc::UnboundedSender<Ask>,
        credentials: Current,
    ) -> Self {
        let outbound = Rc::new(ClientMetrics::new(Direction::Outbound, None, &config, &registry));
        let inbound = Rc::new(ClientMetrics::new(Direction::Inbound, None, &config, &registry));
        let guard = Rc::new(Guard::new(config.identity.clone(), Arc::clone(&registry)));
        let local = Rc::new(Local::new(Arc::clone(&config), registry, credentials));
        let destinations = Destinations::new(id, asks, Rc::clone(&local));
        let applications = RefCell::default();
        let sweep = Sweep::new(&config.timeouts);
        Self {
            config,
            sweep,
            destinations,
            outbound,
            inbound,
            inbound_secured: ByNamespace::default(),
            tap,
            drain: Rc::default(),
            refusals: Places::default(),
            streams: Rc::default(),
            guard,
            applications,
            local,
        }
    }

    /// Puts a policy in force, and wakes what is under way to those ports of the application about which it decides otherwise.
    pub fn permit(&self, policy: Arc<Policy>) {
        let former = self.guard.replace(Arc::clone(&policy));
        let mut ports = HashMap::new();
        self.sweep
            .wake_calls(|port| *ports.entry(port).or_insert_with(|| !former.decides_like(&policy, port)));
    }

    /// The application beside the proxy as the one endpoint of an inbound listener.
    pub fn application(&self, address: SocketAddr) -> Rc<Endpoint> {
        Rc::new(Endpoint::application(address, false, Rc::clone(&self.local)))
    }

    /// The application on the port of `address`, where a redirected connection was meant to go.
    pub(crate) fn application_at(&self, address: SocketAddr) -> Rc<Endpoint> {
        let mut applications = self.applications.borrow_mut();
        if let Some(application) = applications.get(&address) {
            return Rc::clone(application);
        }
        if applications.len() >= MAX_APPLICATIONS {
            applications.clear();
        }
        let also_on_loopback = !self.config.listens_on(address.port());
        let application = Rc::new(Endpoint::application(address, also_on_loopback, Rc::clone(&self.local)));
        applications.insert(address, Rc::clone(&application));
        application
    }

    /// Where a redirected connection goes whose address is none of the mesh.
    pub(crate) fn straight_on(&self, address: SocketAddr) -> Rc<Endpoint> {
        Rc::new(Endpoint::straight_on(address, Rc::clone(&self.local)))
    }

    /// The metrics of clients of one direction, who have proved who they are, or have not.
    pub(crate) fn clients(&self, direction: Direction, identity: Option<&Arc<str>>) -> Rc<ClientMetrics> {
        match (direction, identity) {
            (Direction::Outbound, _) => Rc::clone(&self.outbound),
            (Direction::Inbound, None) => Rc::clone(&self.inbound),
            (Direction::Inbound, Some(identity)) => {
                self.inbound_secured.get(namespace(identity).unwrap_or_default(), |namespace| {
                    let Local { config, registry, .. } = &*self.local;
                    ClientMetrics::new(Direction::Inbound, Some(namespace), config, registry)
                })
            }
        }
    }

    /// The limits of the proxy, which its workers share.
    pub fn limits(&self) -> &LimitMetrics {
        self.local.registry.limits()
    }

    /// By what the proxy proves itself to others; none before it has a certificate.
    pub(crate) fn credentials(&self) -> Option<Arc<Credentials>> {
        self.local.credentials.borrow().clone()
    }

    /// Connections with TLS between proxies.
    pub(crate) fn identity(&self) -> &IdentityMetrics {
        self.local.registry.identity()
    }

    /// What decided where connections with TLS go.
    pub(crate) fn tls(&self) -> &TlsMetrics {
        self.local.registry.tls()
    }

    /// How long it took to tell what the clients of one direction speak.
    pub(crate) fn detection(&self, direction: Direction) -> &DetectionMetrics {
        self.local.registry.detection(direction)
    }
}

impl ClientMetrics {
    /// Of clients who have proved that they are of a namespace, or have not.
    fn new(direction: Direction, secured: Option<&str>, config: &Config, registry: &Registry) -> Self {
        let proxy = Party::from(&config.identity);
        let (source, destination) = match direction {
            Direction::Outbound => (proxy, Party::default()),
            Direction::Inbound => (Party::of_namespace(secured.unwrap_or_default()), proxy),
        };
        let labels = Labels { direction, source, destination, service: "", tls: secured.is_some() };
        Self { http: registry.http(&labels), tcp: registry.tcp(Peer::Source, &labels) }
    }
}
