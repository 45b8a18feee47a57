//! Where requests go: what a worker knows of the services that its application talks to.

mod balancer;
mod budget;
mod cache;
mod ejection;
mod endpoint;
mod latency;
mod local;
mod namespaces;
mod pending;
mod reconcile;
mod table;
mod window;

use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

pub use budget::RetryBudget;
pub use cache::Destinations;
pub(crate) use cache::SWEEP_INTERVAL;
pub use endpoint::{Endpoint, InFlight};
pub(crate) use local::Local;
pub(crate) use namespaces::ByNamespace;

use window::Window;

use crate::direction::Direction;
use crate::discovery::ServiceName;
use crate::metrics::{HttpMetrics, Labels, Party};

/// Why a target has no destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResolveError {
    /// The control plane knows no such service.
    NoSuchService,
    /// The control plane did not answer in time.
    Unavailable,
    /// Too many wait for answers already.
    Overloaded,
}

/// A service and its endpoints, as one target names it.
pub struct Destination {
    service: Arc<ServiceName>,
    endpoints: RefCell<Vec<Rc<Endpoint>>>,
    window: Window,
    http: OnceCell<Arc<HttpMetrics>>,
    local: Rc<Local>,
    /// Since when there has been no endpoint.
    empty_since: Cell<Option<Instant>>,
    endpoint_came: Notify,
    /// Since the cache last looked for unused destinations.
    was_used: Cell<bool>,
    retry_budget: RetryBudget,
}

impl Destination {
    fn new(service: Arc<ServiceName>, local: Rc<Local>) -> Self {
        Self {
            service,
            endpoints: RefCell::default(),
            window: Window::default(),
            http: OnceCell::new(),
            local,
            empty_since: Cell::new(None),
            endpoint_came: Notify::new(),
            was_used: Cell::new(true),
            retry_budget: RetryBudget::default(),
        }
    }

    /// Chooses the endpoint for a request: the better of two at random among those whose turn it is, leaving out those in `avoid`
    /// (which were tried before) and those that are ejected. When every endpoint is ejected, the one whose return is due first.
    ///
    /// None when the service has no endpoints, or none but those in `avoid`.
    pub fn pick(&self, avoid: &[SocketAddr]) -> Option<Rc<Endpoint>> {
        balancer::pick(&self.endpoints.borrow(), avoid, &self.window, &self.local).cloned()
    }

    /// How many of its requests may be sent again.
    pub fn retry_budget(&self) -> &RetryBudget {
        &self.retry_budget
    }

    fn close_idle(&self) {
        for endpoint in self.endpoints.borrow().iter() {
            endpoint.retire();
        }
    }

    /// The counters for requests that were answered without an endpoint.
    pub fn http(&self) -> &HttpMetrics {
        self.http.get_or_init(|| {
            self.local.registry.http(&Labels {
                direction: Direction::Outbound,
                source: Party::from(&self.local.config.identity),
                destination: Party { namespace: &self.service.namespace, ..Party::default() },
                service: &self.service.name,
                tls: false,
            })
        })
    }
}
