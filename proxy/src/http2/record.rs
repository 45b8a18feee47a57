//! What is told of a stream: to the metrics, to the balancer and to those who tap.

use std::time::Instant;

use http::request::Parts;

use super::serving::Origin;
use crate::destination::Endpoint;
use crate::error::ProxyError;
use crate::grpc::GrpcStatus;
use crate::metrics::{Answer, HttpMetrics};
use crate::tap::{Request, TappedRequest};

/// The account of one stream.
pub struct Record {
    started: Instant,
    counted: bool,
    tapped: Option<Box<TappedRequest>>,
}

/// What became of a response whose head was sent on.
pub struct Outcome {
    pub status: u16,
    /// When the head was sent on.
    pub head_at: Instant,
    pub grpc_status: Option<GrpcStatus>,
    pub request_bytes: u64,
    pub response_bytes: u64,
    pub broken_off: Option<BrokenOff>,
}

/// Why a response ended before its time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum BrokenOff {
    ByClient,
    ByEndpoint,
    For(ProxyError),
}

impl Record {
    pub fn new() -> Self {
        Self { started: Instant::now(), counted: false, tapped: None }
    }

    /// When the request's head had come to its end.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The request goes to `endpoint`, or to none. Called again when it goes to another one.
    pub fn goes_to(
        &mut self,
        origin: &Origin,
        request: &Parts,
        endpoint: Option<&Endpoint>,
        http: &HttpMetrics,
    ) {
        if !std::mem::replace(&mut self.counted, true) {
            http.request();
        }
        match (&mut self.tapped, endpoint) {
            (Some(tapped), Some(endpoint)) => tapped.sent_again(endpoint),
            (None, _) if origin.worker.tap.active() => self.tapped = tap(origin, request, endpoint),
            _ => {}
        }
    }

    /// The proxy itself answered; a gRPC call, when there is a status.
    pub fn refused(
        &mut self,
        http: &HttpMetrics,
        error: ProxyError,
        grpc_status: Option<GrpcStatus>,
        request_bytes: u64,
    ) {
        let latency = self.started.elapsed();
        let status = if grpc_status.is_some() { 200 } else { error.status() };
        http.response(Answer { status, grpc_status, proxy_error: Some(error) }, latency);
        if let Some(mut tapped) = self.tapped.take() {
            tapped.response(status, latency, Some(error));
            tapped.end(latency, request_bytes, 0, grpc_status, Some(error.reason()));
        }
    }

    /// The endpoint answered, perhaps not to the end.
    pub fn ended(&mut self, endpoint: &Endpoint, outcome: &Outcome) {
        let duration = self.started.elapsed();
        let latency = outcome.head_at - self.started;
        let proxy_error = match outcome.broken_off {
            Some(BrokenOff::For(error)) => Some(error),
            _ => None,
        };
        let answer = Answer { status: outcome.status, grpc_status: outcome.grpc_status, proxy_error };
        endpoint.http().response(answer, duration);
        match outcome.broken_off {
            Some(BrokenOff::ByEndpoint) => endpoint.failed(),
            _ if answer.is_failure() => endpoint.failed(),
            _ => endpoint.succeeded(latency),
        }
        if let Some(mut tapped) = self.tapped.take() {
            tapped.response(outcome.status, latency, None);
            let error = outcome.broken_off.map(BrokenOff::reason);
            tapped.end(duration, outcome.request_bytes, outcome.response_bytes, outcome.grpc_status, error);
        }
    }

    /// The client left before there was a response.
    pub fn abandoned(&mut self, request_bytes: u64) {
        if let Some(tapped) = self.tapped.take() {
            tapped.end(self.started.elapsed(), request_bytes, 0, None, Some(BrokenOff::ByClient.reason()));
        }
    }
}

impl BrokenOff {
    fn reason(self) -> &'static str {
        match self {
            Self::ByClient => "client-closed",
            Self::ByEndpoint => ProxyError::UpstreamReset.reason(),
            Self::For(error) => error.reason(),
        }
    }
}

#[cold]
fn tap(origin: &Origin, request: &Parts, endpoint: Option<&Endpoint>) -> Option<Box<TappedRequest>> {
    origin.worker.tap.request(&Request {
        direction: origin.side.direction(),
        client: origin.address,
        client_tls: origin.is_secured,
        endpoint,
        method: request.method.as_str(),
        scheme: request.uri.scheme_str().unwrap_or("http"),
        authority: request.uri.authority().map_or("", |authority| authority.as_str()),
        path: request.uri.path_and_query().map_or("", |path| path.as_str()),
        version: "HTTP/2",
    })
}
