//! Counters of HTTP requests and their responses.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::histogram::Histogram;
use crate::error::ProxyError;

/// The HTTP traffic of one set of labels.
#[derive(Debug, Default)]
pub struct HttpMetrics {
    pub(super) requests: AtomicU64,
    pub(super) responses: OnceLock<Box<ResponseCounter>>,
    pub(super) success_latency: Histogram,
    pub(super) failure_latency: OnceLock<Box<Histogram>>,
}

/// One kind of response. The few kinds that an endpoint gives form a list that only grows, so counting needs no lock.
#[derive(Debug)]
pub(super) struct ResponseCounter {
    pub status: u16,
    pub proxy_error: Option<ProxyError>,
    pub count: AtomicU64,
    pub next: OnceLock<Box<ResponseCounter>>,
}

/// 5xx is a failure, everything else a success.
pub(super) fn is_failure(status: u16) -> bool {
    status >= 500
}

impl HttpMetrics {
    /// Counts a request whose head was read.
    pub fn request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// Counts a response that ended.
    ///
    /// `latency` is the time from the end of the request's head to the last byte of the response; `proxy_error` tells why the
    /// proxy itself made the response.
    pub fn response(&self, status: u16, latency: Duration, proxy_error: Option<ProxyError>) {
        self.counter(status, proxy_error).fetch_add(1, Relaxed);
        let histogram = match is_failure(status) {
            false => &self.success_latency,
            true => self.failure_latency.get_or_init(Box::default),
        };
        histogram.observe(latency);
    }

    fn counter(&self, status: u16, proxy_error: Option<ProxyError>) -> &AtomicU64 {
        let mut link = &self.responses;
        loop {
            let counter = link.get_or_init(|| {
                Box::new(ResponseCounter {
                    status,
                    proxy_error,
                    count: AtomicU64::new(0),
                    next: OnceLock::new(),
                })
            });
            if counter.status == status && counter.proxy_error == proxy_error {
                return &counter.count;
            }
            link = &counter.next;
        }
    }

    /// Grows whenever something is counted.
    pub(super) fn activity(&self) -> u64 {
        let responses: u64 = self.response_counters().map(|counter| counter.count.load(Relaxed)).sum();
        self.requests.load(Relaxed) + responses
    }

    pub(super) fn response_counters(&self) -> impl Iterator<Item = &ResponseCounter> {
        std::iter::successors(self.responses.get(), |counter| counter.next.get()).map(AsRef::as_ref)
    }
}
