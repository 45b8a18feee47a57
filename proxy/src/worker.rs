//! What one worker thread owns. Nothing in it is shared with other threads but atomics.

use std::rc::Rc;
use std::sync::Arc;

use crate::config::Config;
use crate::destination::Destinations;
use crate::drain::Drain;
use crate::metrics::{HttpMetrics, TcpMetrics};
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
}

/// The metrics of one direction on the side of its clients.
pub struct ClientMetrics {
    /// Requests that were answered before an endpoint was chosen.
    pub http: Arc<HttpMetrics>,
    /// Connections accepted from clients (`peer="src"`).
    pub tcp: Arc<TcpMetrics>,
}
