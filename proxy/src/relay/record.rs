//! What is told of a request: to the metrics, to the balancer and to those who tap.

use std::time::Instant;

use super::exchange::{Ended, Report};
use super::http::Client;
use crate::destination::Endpoint;
use crate::error::ProxyError;
use crate::http1::{Refusal, RequestHead, Version};
use crate::metrics::{Answer, HttpMetrics, Limit, LimitMetrics};
use crate::tap::{Request, TappedRequest};

/// The account of one request.
pub struct Record {
    /// The end of the request's head.
    started: Instant,
    counted: bool,
    tapped: Option<Box<TappedRequest>>,
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
        client: &Client,
        request: &RequestHead,
        endpoint: Option<&Endpoint>,
        http: &HttpMetrics,
    ) {
        if !std::mem::replace(&mut self.counted, true) {
            http.request();
        }
        match (&mut self.tapped, endpoint) {
            (Some(tapped), Some(endpoint)) => tapped.sent_again(endpoint),
            (None, _) if client.worker.tap.active() => self.tapped = tap(client, request, endpoint),
            _ => {}
        }
    }

    /// The proxy itself answered.
    pub fn refused(self, http: &HttpMetrics, error: ProxyError, report: &Report) {
        let latency = self.started.elapsed();
        http.response(Answer::plain(error.status(), Some(error)), latency);
        if let Some(mut tapped) = self.tapped {
            tapped.response(error.status(), latency, Some(error));
            tapped.end(latency, report.request_bytes, 0, None, Some(error.reason()));
        }
    }

    /// The endpoint answered, perhaps not to the end, or the client left. Returns the time of the end.
    pub fn ended(self, endpoint: &Endpoint, ended: Ended, report: &Report) -> Instant {
        let Some(head_at) = report.head_at else {
            return self.abandoned(report);
        };
        let now = if report.ended_with_head { head_at } else { Instant::now() };
        let duration = now - self.started;
        endpoint.http().response(Answer::plain(report.status, None), duration);
        if report.status >= 500 || matches!(ended, Ended::Cut { .. }) {
            endpoint.failed();
        } else {
            endpoint.succeeded(head_at - self.started);
        }
        if let Some(mut tapped) = self.tapped {
            tapped.response(report.status, head_at - self.started, None);
            tapped.end(duration, report.request_bytes, report.response_bytes, None, broken_off(ended));
        }
        now
    }

    fn abandoned(self, report: &Report) -> Instant {
        let now = Instant::now();
        if let Some(tapped) = self.tapped {
            tapped.end(
                now - self.started,
                report.request_bytes,
                report.response_bytes,
                None,
                Some("client-closed"),
            );
        }
        now
    }
}

fn broken_off(ended: Ended) -> Option<&'static str> {
    match ended {
        Ended::ClientGone => Some("client-closed"),
        Ended::BadBody => Some(ProxyError::BadRequest.reason()),
        Ended::Stalled => Some(ProxyError::StallTimeout.reason()),
        Ended::Cut { .. } => Some(ProxyError::UpstreamReset.reason()),
        _ => None,
    }
}

#[cold]
fn tap(client: &Client, request: &RequestHead, endpoint: Option<&Endpoint>) -> Option<Box<TappedRequest>> {
    let head = client.peer.received.bytes();
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
    client.worker.tap.request(&Request {
        direction: client.side.direction(),
        client: client.address,
        client_tls: client.peer.is_secured(),
        endpoint,
        method: text(request.method_name(head)),
        scheme: "http",
        authority: text(request.authority(head)),
        path: text(request.path(head)),
        version: match request.version {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        },
    })
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
    http.request();
    http.response(Answer::plain(error.status(), Some(error)), std::time::Duration::ZERO);
}
