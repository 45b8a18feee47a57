//! Requests that the proxy itself answers, for want of a better answer.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::exchange::{Ended, Report};
use super::http::{After, Client};
use super::record::{self, Record};
use super::route::{Link, Target};
use super::{close, refuse};
use crate::error::ProxyError;
use crate::http1::{Method, RequestHead};
use crate::metrics::{CloseReason, HttpMetrics};
use crate::permission::Refusal;

impl Client {
    /// Answers a request that no endpoint has seen.
    pub(super) async fn refuse(
        &mut self,
        request: &mut RequestHead,
        target: Option<Target>,
        error: ProxyError,
        mut record: Record,
    ) -> After {
        let client_http = self.http();
        let http = target.as_ref().map_or(&*client_http, Target::http);
        self.goes_to(&mut record, request, None, http);
        let body = request.body.advance(&self.peer.received.bytes()[request.length..]);
        let report = Report { request_read: request.body.is_complete(), ..Report::default() };
        self.peer.received.consume(request.length + body.unwrap_or_default());
        self.answer_with(error, request, report, record, http).await
    }

    /// Answers a request that may not reach the application.
    pub(super) async fn turn_away(
        &mut self,
        request: &mut RequestHead,
        refusal: Refusal,
        mut record: Record,
    ) -> After {
        let application = self.application().map(|application| Target::Endpoint(Rc::clone(application)));
        let error = refusal.error();
        if let Refusal::Denied(denial) = refusal {
            record.denied(denial);
        }
        self.refuse(request, application, error, record).await
    }

    /// Answers a request that was sent on in vain.
    pub(super) async fn excuse(
        &mut self,
        request: &RequestHead,
        ended: Ended,
        mut link: Link,
        record: Record,
        report: Report,
    ) -> After {
        let endpoint = Rc::clone(link.in_flight.endpoint());
        let error = match ended {
            Ended::BadRequest => ProxyError::BadRequest,
            Ended::BadResponse => ProxyError::BadResponse,
            Ended::Stalled => ProxyError::StallTimeout,
            Ended::Denied { .. } => ProxyError::PermissionDenied,
            Ended::Unanswered { was_written: false } if link.upstream.was_refused() => {
                ProxyError::IdentityFailed
            }
            Ended::Unanswered { was_written: false } => ProxyError::ConnectFailed,
            _ => ProxyError::UpstreamReset,
        };
        let is_to_blame = match error {
            ProxyError::BadRequest | ProxyError::PermissionDenied => false,
            // An endpoint that was never sent the whole request could not answer it.
            ProxyError::StallTimeout => report.request_read,
            _ => true,
        };
        if is_to_blame {
            endpoint.failed();
        }
        link.upstream.breaks_off(match error {
            ProxyError::BadResponse => CloseReason::BadMessage,
            ProxyError::StallTimeout => CloseReason::Timeout,
            ProxyError::PermissionDenied => CloseReason::Denied,
            _ => CloseReason::Reset,
        });
        drop(link);
        self.answer_with(error, request, report, record, endpoint.http()).await
    }

    async fn answer_with(
        &mut self,
        error: ProxyError,
        request: &RequestHead,
        report: Report,
        mut record: Record,
        http: &HttpMetrics,
    ) -> After {
        let kept = request.persistent && report.request_read && !self.worker.drain.has_started();
        let told = record.told(error);
        record.refused(http, error, None, report.request_bytes);
        let version = kept.then_some(request.version);
        let sent = refuse::send(&mut self.peer, error, &told, request.method != Method::Head, version).await;
        self.idle_since = Instant::now();
        match sent {
            Ok(()) => self.after_response(kept, report),
            Err(_) => After::Close,
        }
    }

    /// Answers what is no request, and closes.
    pub async fn refuse_connection(&mut self, error: ProxyError) {
        record::unreadable(&self.http(), error);
        self.peer.ends(match error {
            ProxyError::HeaderTimeout => CloseReason::Timeout,
            ProxyError::Overloaded => CloseReason::Overload,
            _ => CloseReason::BadMessage,
        });
        // Whoever asks for a head alone reads none of the body, not even of this answer.
        let has_body = !self.peer.received.bytes().trim_ascii_start().starts_with(b"HEAD ");
        if refuse::send(&mut self.peer, error, &error.told(), has_body, None).await.is_ok() {
            close::linger(&mut self.peer, &self.watch).await;
        }
    }

    /// The counters for requests without an endpoint.
    fn http(&self) -> Arc<HttpMetrics> {
        Arc::clone(&self.worker.clients(self.side.direction(), self.peer.identity()).http)
    }
}
