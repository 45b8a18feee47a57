//! What is told of a request: to the metrics, to the balancer and to those who tap.

use std::time::{Duration, Instant};

use super::tunnel::Copied;
use crate::destination::Endpoint;
use crate::error::ProxyError;
use crate::grpc::GrpcStatus;
use crate::http1::Refusal;
use crate::metrics::{Answer, HttpMetrics, Limit, LimitMetrics, Protocol};
use crate::permission::Denial;
use crate::tap::{Request, Tap, TappedRequest};

/// The account of one request, whatever it is spoken in.
pub struct Record {
    protocol: Protocol,
    /// The end of the request's head.
    started: Instant,
    counted: bool,
    /// Why the policy refuses the request.
    denial: Option<Denial>,
    tapped: Option<Box<TappedRequest>>,
}

/// What became of a response whose head was sent on.
pub struct Outcome {
    pub status: u16,
    /// When the head was sent on.
    pub head_at: Instant,
    /// When the rest was, or no more of it was to come.
    pub ended_at: Instant,
    pub grpc_status: Option<GrpcStatus>,
    pub request_bytes: u64,
    pub response_bytes: u64,
    pub broken_off: Option<BrokenOff>,
}

/// Why a response ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenOff {
    ByClient,
    ByEndpoint,
    For(ProxyError),
}

impl Record {
    /// Of a request whose head has just come to its end.
    pub fn new(protocol: Protocol) -> Self {
        Self { protocol, started: Instant::now(), counted: false, denial: None, tapped: None }
    }

    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// When the request's head had come to its end.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The request goes to `endpoint`, or to none. Called again when it goes to another one. `describe` is asked only while
    /// somebody taps.
    pub fn goes_to<'a>(
        &mut self,
        endpoint: Option<&'a Endpoint>,
        http: &HttpMetrics,
        tap: &Tap,
        describe: impl FnOnce(Option<&'a Endpoint>) -> Request<'a>,
    ) {
        if !std::mem::replace(&mut self.counted, true) {
            http.request(self.protocol);
        }
        match (&mut self.tapped, endpoint) {
            (Some(tapped), Some(endpoint)) => tapped.sent_again(endpoint),
            (None, _) if tap.active() => self.tapped = tap.request(&describe(endpoint)),
            _ => {}
        }
    }

    /// The policy refuses the request, or no longer allows it.
    pub fn denied(&mut self, denial: Denial) {
        self.denial = Some(denial);
    }

    /// What the client is told in words of why the proxy itself answers.
    pub fn told(&self, error: ProxyError) -> String {
        match &self.denial {
            Some(denial) => format!("{} {denial}", error.told()),
            None => error.told(),
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
        let answer = Answer { status, grpc_status, proxy_error: Some(error) };
        http.response(self.protocol, answer, latency);
        if let Some(mut tapped) = self.tapped.take() {
            if let Some(denial) = &self.denial {
                tapped.denied_by(denial.permission());
            }
            tapped.response(status, latency, Some(error));
            tapped.end(latency, request_bytes, 0, grpc_status, Some(error.reason()));
        }
    }

    /// The endpoint answered, perhaps not to the end.
    pub fn ended(&mut self, endpoint: &Endpoint, outcome: &Outcome) {
        self.answered(endpoint, outcome);
        if let Some(tapped) = self.tapped.take() {
            let (duration, error) =
                (outcome.ended_at - self.started, outcome.broken_off.map(BrokenOff::reason));
            tapped.end(duration, outcome.request_bytes, outcome.response_bytes, outcome.grpc_status, error);
        }
    }

    /// The tunnel ended that the answer had begun; `request_bytes` were those of the request's body.
    pub fn tunnel_ended(mut self, request_bytes: u64, copied: &Copied) {
        if let Some(mut tapped) = self.tapped.take() {
            tapped.denied_by(copied.denial.as_ref().map_or("", Denial::permission));
            let to_upstream = request_bytes + copied.to_upstream;
            tapped.end(self.started.elapsed(), to_upstream, copied.to_client, None, copied.error);
        }
    }

    /// The endpoint answered; what ends the exchange is told by another call.
    pub fn answered(&mut self, endpoint: &Endpoint, outcome: &Outcome) {
        let (latency, duration) = (outcome.head_at - self.started, outcome.ended_at - self.started);
        let proxy_error = match outcome.broken_off {
            Some(BrokenOff::For(error)) => Some(error),
            _ => None,
        };
        let answer = Answer { status: outcome.status, grpc_status: outcome.grpc_status, proxy_error };
        endpoint.http().response(self.protocol, answer, duration);
        if outcome.broken_off == Some(BrokenOff::ByEndpoint) || answer.is_failure() {
            endpoint.failed();
        } else {
            endpoint.succeeded(latency);
        }
        if let Some(tapped) = &mut self.tapped {
            if let Some(denial) = &self.denial {
                tapped.denied_by(denial.permission());
            }
            tapped.response(outcome.status, latency, None);
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

/// Counts a head that is too large for the proxy.
pub fn refusal(limits: &LimitMetrics, refusal: Refusal) {
    match refusal {
        Refusal::TooLarge | Refusal::TargetTooLong => limits.reached(Limit::HeaderBytes),
        Refusal::TooManyFields => limits.reached(Limit::HeaderFields),
        Refusal::Malformed | Refusal::Version => {}
    }
}

/// Counts a request that could not be read.
pub fn unreadable(http: &HttpMetrics, error: ProxyError) {
    http.request(Protocol::Http1);
    http.response(Protocol::Http1, Answer::plain(error.status(), Some(error)), Duration::ZERO);
}
