//! Counters of HTTP requests and their responses.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::histogram::Histogram;
use crate::error::ProxyError;
use crate::grpc::GrpcStatus;

/// The HTTP traffic of one set of labels.
#[derive(Debug, Default)]
pub struct HttpMetrics {
    protocols: [OnceLock<Box<ProtocolMetrics>>; Protocol::ALL.len()],
    retries: OnceLock<Box<[AtomicU64; Retry::ALL.len()]>>,
}

/// The part of it that is spoken in one protocol.
#[derive(Debug, Default)]
pub(super) struct ProtocolMetrics {
    pub requests: AtomicU64,
    responses: OnceLock<Box<ResponseCounter>>,
    pub success_latency: Histogram,
    pub failure_latency: OnceLock<Box<Histogram>>,
}

/// What requests and responses are spoken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Protocol {
    Http1,
    Http2,
    /// Over HTTP/2.
    Grpc,
}

impl Protocol {
    const ALL: [Self; 3] = [Self::Http1, Self::Http2, Self::Grpc];

    /// As the label of the metrics has it, and those who tap.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
            Self::Grpc => "grpc",
        }
    }
}

/// Why a request was sent again, or to another endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Retry {
    /// No connection could be made.
    Unconnected,
    /// The connection broke before a byte of the request was written.
    Unwritten,
    /// The endpoint's proxy said that the request reached no application.
    Unreached,
    /// The endpoint's proxy said that the application broke its connection before it answered.
    Unanswered,
    /// The connection broke before a byte of a response came.
    Reset,
}

impl Retry {
    pub(super) const ALL: [Self; 5] =
        [Self::Unconnected, Self::Unwritten, Self::Unreached, Self::Unanswered, Self::Reset];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Unconnected => "unconnected",
            Self::Unwritten => "unwritten",
            Self::Unreached => "unreached",
            Self::Unanswered => "unanswered",
            Self::Reset => "reset",
        }
    }
}

/// What is told apart of responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Of a gRPC call: how it ended, as far as anybody said.
    pub grpc_status: Option<GrpcStatus>,
    /// Why the proxy itself answered.
    pub proxy_error: Option<ProxyError>,
}

impl Answer {
    /// A response that is no answer to a gRPC call.
    pub fn plain(status: u16, proxy_error: Option<ProxyError>) -> Self {
        Self { status, grpc_status: None, proxy_error }
    }

    /// 5xx is a failure, and so is a gRPC status that says the same; everything else is a success.
    pub fn is_failure(&self) -> bool {
        self.status >= 500 || self.grpc_status.is_some_and(GrpcStatus::is_failure)
    }
}

/// One kind of response. The few kinds that an endpoint gives form a list that only grows, so counting needs no lock.
#[derive(Debug)]
pub(super) struct ResponseCounter {
    pub answer: Answer,
    pub count: AtomicU64,
    pub next: OnceLock<Box<ResponseCounter>>,
}

impl HttpMetrics {
    /// Counts a request whose head was read.
    pub fn request(&self, protocol: Protocol) {
        self.of(protocol).requests.fetch_add(1, Relaxed);
    }

    /// Counts a response that ended.
    ///
    /// `latency` is the time from the end of the request's head to the last byte of the response.
    pub fn response(&self, protocol: Protocol, answer: Answer, latency: Duration) {
        self.of(protocol).response(answer, latency);
    }

    fn of(&self, protocol: Protocol) -> &ProtocolMetrics {
        self.protocols[protocol as usize].get_or_init(Box::default)
    }

    /// What was spoken in each protocol that there was.
    pub(super) fn protocols(&self) -> impl Iterator<Item = (Protocol, &ProtocolMetrics)> {
        Protocol::ALL
            .into_iter()
            .filter_map(|protocol| Some((protocol, &**self.protocols[protocol as usize].get()?)))
    }

    /// Counts a request that goes on from here, for want of an answer.
    pub fn retried(&self, why: Retry) {
        self.retries.get_or_init(Box::default)[why as usize].fetch_add(1, Relaxed);
    }

    /// How often requests went on from here, for each reason that there was.
    pub(super) fn retries(&self) -> impl Iterator<Item = (Retry, u64)> {
        let counted = |why| Some((why, self.retries.get()?[why as usize].load(Relaxed)));
        Retry::ALL.into_iter().filter_map(counted).filter(|(_, count)| *count > 0)
    }

    /// Grows whenever something is counted.
    pub(super) fn activity(&self) -> u64 {
        let protocols: u64 = self.protocols().map(|(_, metrics)| metrics.activity()).sum();
        let retries: u64 = self.retries().map(|(_, count)| count).sum();
        protocols + retries
    }
}

impl ProtocolMetrics {
    fn response(&self, answer: Answer, latency: Duration) {
        self.counter(answer).fetch_add(1, Relaxed);
        let histogram = match answer.is_failure() {
            false => &self.success_latency,
            true => self.failure_latency.get_or_init(Box::default),
        };
        histogram.observe(latency);
    }

    fn counter(&self, answer: Answer) -> &AtomicU64 {
        let mut link = &self.responses;
        loop {
            let counter = link.get_or_init(|| {
                Box::new(ResponseCounter { answer, count: AtomicU64::new(0), next: OnceLock::new() })
            });
            if counter.answer == answer {
                return &counter.count;
            }
            link = &counter.next;
        }
    }

    fn activity(&self) -> u64 {
        let responses: u64 = self.response_counters().map(|counter| counter.count.load(Relaxed)).sum();
        self.requests.load(Relaxed) + responses
    }

    pub(super) fn response_counters(&self) -> impl Iterator<Item = &ResponseCounter> {
        std::iter::successors(self.responses.get(), |counter| counter.next.get()).map(AsRef::as_ref)
    }
}
