//! What one worker thread owns. Nothing in it is shared with other threads but atomics.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::config::Config;
use crate::destination::{Destinations, Endpoint, Local};
use crate::direction::Direction;
use crate::discovery::{Ask, WorkerId};
use crate::drain::Drain;
use crate::metrics::{HttpMetrics, Labels, Party, Peer, Registry, TcpMetrics};
use crate::random::Random;
use crate::relay::Sweep;
use crate::tap::Tap;

/// The state of one worker thread, shared by its tasks through `Rc`.
pub struct Worker {
    pub config: Arc<Config>,
    pub destinations: Destinations,
    /// Traffic that the application sends, as far as it has no endpoint.
    pub outbound: ClientMetrics,
    /// Traffic that others send to the application, as far as it has no endpoint.
    pub inbound: ClientMetrics,
    pub tap: Tap,
    pub drain: Rc<Drain>,
    /// The deadlines of connections.
    pub sweep: Rc<Sweep>,
    local: Rc<Local>,
}

/// The metrics of one direction on the side of its clients.
pub struct ClientMetrics {
    /// Requests that were answered before an endpoint was chosen.
    pub http: Arc<HttpMetrics>,
    /// Connections accepted from clients (`peer="src"`).
    pub tcp: Arc<TcpMetrics>,
}

impl Worker {
    /// The worker with a number; it asks for destinations through `asks`, and must be told the answers by `Destinations::apply`.
    pub(crate) fn new(
        id: WorkerId,
        config: Arc<Config>,
        registry: Arc<Registry>,
        tap: Tap,
        asks: mpsc::UnboundedSender<Ask>,
    ) -> Self {
        let outbound = ClientMetrics::new(Direction::Outbound, &config, &registry);
        let inbound = ClientMetrics::new(Direction::Inbound, &config, &registry);
        let local = Rc::new(Local { config: Arc::clone(&config), registry, random: Random::default() });
        let destinations = Destinations::new(id, asks, Rc::clone(&local));
        let sweep = Sweep::new(&config.timeouts);
        Self { config, sweep, destinations, outbound, inbound, tap, drain: Rc::default(), local }
    }

    /// The application beside the proxy as the one endpoint of an inbound listener.
    pub(crate) fn application(&self, address: SocketAddr) -> Rc<Endpoint> {
        Rc::new(Endpoint::application(address, Rc::clone(&self.local)))
    }
}

impl ClientMetrics {
    fn new(direction: Direction, config: &Config, registry: &Registry) -> Self {
        let proxy = Party::from(&config.identity);
        let (source, destination) = match direction {
            Direction::Outbound => (proxy, Party::default()),
            Direction::Inbound => (Party::default(), proxy),
        };
        let labels = Labels { direction, source, destination, service: "", tls: false };
        Self { http: registry.http(&labels), tcp: registry.tcp(Peer::Source, &labels) }
    }
}
