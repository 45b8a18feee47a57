//! One address of a service.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::metrics::{HttpMetrics, TcpMetrics};
use crate::upstream::IdlePool;

/// An endpoint as one worker knows it: its address, its connections, and how well it does.
pub struct Endpoint {
    pub address: SocketAddr,
    /// Idle connections to it.
    pub idle: IdlePool,
    http: Arc<HttpMetrics>,
    tcp: Arc<TcpMetrics>,
    in_flight: Cell<u32>,
}

impl Endpoint {
    /// The counters of requests to this endpoint.
    pub fn http(&self) -> &HttpMetrics {
        &self.http
    }

    /// The counters of connections to this endpoint.
    pub fn tcp(&self) -> &TcpMetrics {
        &self.tcp
    }

    /// Counts a request as being in flight until the guard is dropped.
    pub fn begin(self: &Rc<Self>) -> InFlight {
        self.in_flight.set(self.in_flight.get() + 1);
        InFlight { endpoint: Rc::clone(self) }
    }

    /// The endpoint answered, and the answer was no 5xx. `latency` is the time from the end of the request's head to the
    /// response's head.
    pub fn succeeded(&self, latency: Duration) {
        let _ = latency;
    }

    /// The endpoint answered with a 5xx, or broke the connection before a response.
    pub fn failed(&self) {}

    /// No connection to the endpoint could be made.
    pub fn connect_failed(&self) {}
}

/// A request in flight at an endpoint.
pub struct InFlight {
    endpoint: Rc<Endpoint>,
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
    }
}
