//! What is kept of a connection that requests may share.

use std::rc::Rc;
use std::time::Instant;

use super::connect;
use super::connect::connect_for_streams;
use crate::destination::Endpoint;
use crate::error::ProxyError;
use crate::relay::Peer;
use crate::worker::Worker;

/// Keeps a connection to `endpoint` that has nothing more to say, or makes streams of it where its server takes those.
pub fn keep(peer: Peer, endpoint: &Endpoint, now: Instant, worker: &Worker) {
    match peer.offers_streams() {
        true => endpoint.mux().adopt(peer, worker),
        false => endpoint.idle().put(peer, now, &worker.sweep),
    }
}

/// What takes a request at once: an idle connection or stream, or a new stream.
pub fn kept(endpoint: &Rc<Endpoint>, worker: &Rc<Worker>) -> Option<Peer> {
    endpoint.idle().take().or_else(|| endpoint.mux().take(endpoint, worker).map(Peer::of_stream))
}

/// What takes a request and is new: a stream of a new connection, which those who ask meanwhile share, or a connection where the
/// endpoint takes no streams.
///
/// # Errors
/// Why there is none.
pub async fn open(endpoint: &Rc<Endpoint>, worker: &Rc<Worker>) -> Result<Peer, ProxyError> {
    if endpoint.identity().is_none() {
        return connect(endpoint).await;
    }
    match endpoint.mux().open(endpoint, worker).await? {
        Some(peer) => Ok(peer),
        None => connect_for_streams(endpoint).await,
    }
}
