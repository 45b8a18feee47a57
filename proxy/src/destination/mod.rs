//! Where requests go: what a worker knows of the services that its application talks to.

mod endpoint;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

pub use endpoint::{Endpoint, InFlight};

use crate::metrics::HttpMetrics;

/// Why an authority has no destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResolveError {
    /// The control plane knows no such service.
    NoSuchService,
    /// The control plane did not answer in time.
    Unavailable,
}

/// A worker's destinations by authority.
#[derive(Default)]
pub struct Destinations {}

impl Destinations {
    /// The destination of an authority, when the worker has it under this very spelling. Allocates nothing.
    pub fn cached(&self, authority: &str) -> Option<Rc<Destination>> {
        let _ = authority;
        None
    }

    /// The destination of an authority; asks the control plane when the worker does not know it. Any case and a trailing dot
    /// are taken.
    ///
    /// # Errors
    /// When there is no such service, or nobody can tell.
    pub async fn resolve(&self, authority: &str) -> Result<Rc<Destination>, ResolveError> {
        let _ = authority;
        Err(ResolveError::Unavailable)
    }
}

/// A service and its endpoints, as one authority names it.
pub struct Destination {
    http: Arc<HttpMetrics>,
}

impl Destination {
    /// Chooses the endpoint for a request: the better of two at random, leaving out those in `avoid` (which were tried before)
    /// and those that are ejected. When every endpoint is ejected, the one whose return is due first.
    ///
    /// None when the service has no endpoints, or none but those in `avoid`.
    pub fn pick(&self, avoid: &[SocketAddr]) -> Option<Rc<Endpoint>> {
        let _ = avoid;
        None
    }

    /// The counters for requests that were answered without an endpoint.
    pub fn http(&self) -> &HttpMetrics {
        &self.http
    }
}
