//! Watching live requests: costs one relaxed atomic load a request while nobody does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use crate::destination::Endpoint;
use crate::direction::Direction;
use crate::error::ProxyError;

/// A worker's way to those who watch.
#[derive(Debug, Clone, Default)]
pub struct Tap {
    active: Arc<AtomicBool>,
}

/// A request as the relay knows it when it has chosen an endpoint (or knows that there is none).
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub direction: Direction,
    pub client: SocketAddr,
    pub endpoint: Option<&'a Endpoint>,
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    pub authority: &'a str,
    /// Path and query as they were sent.
    pub path: &'a str,
    /// `HTTP/1.0` or `HTTP/1.1`.
    pub version: &'static str,
}

impl Tap {
    /// True while somebody watches. Ask this first, and call `request` only then.
    #[inline]
    pub fn active(&self) -> bool {
        self.active.load(Relaxed)
    }

    /// Reports a request to those whose filter it matches; none when no observer wants it.
    pub fn request(&self, request: &Request<'_>) -> Option<Box<TappedRequest>> {
        let _ = request;
        None
    }
}

/// A request that somebody watches. Report its response and its end.
#[derive(Debug)]
pub struct TappedRequest {}

impl TappedRequest {
    /// Reports the response's head. `latency` is counted from the end of the request's head.
    pub fn response(&mut self, status: u16, latency: Duration, proxy_error: Option<ProxyError>) {
        let _ = (status, latency, proxy_error);
    }

    /// Reports the end of the exchange. `duration` is counted from the end of the request's head to the last byte of the
    /// response; the bytes are those of the bodies; `error` tells why it ended before its time (`client-closed`,
    /// `upstream-reset`).
    pub fn end(
        self,
        duration: Duration,
        request_bytes: u64,
        response_bytes: u64,
        error: Option<&'static str>,
    ) {
        let _ = (duration, request_bytes, response_bytes, error);
    }
}
