//! A client that speaks HTTP/1: its requests, one after the other.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::buffer::Room;
use super::exchange::{Ended, Exchange, Report};
use super::flow::Flow;
use super::peer::Peer;
use super::record::{self, Record};
use super::route::{self, Choice, Link, Original, Target, Tried};
use super::stall::Stall;
use super::sweep::Watch;
use super::tunnel::{self, Copied};
use super::{close, head, refuse};
use crate::destination::Endpoint;
use crate::direction::Direction;
use crate::error::ProxyError;
use crate::http1::{Method, Parsed, RequestHead};
use crate::listener::{self, Hello};
use crate::metrics::{CloseReason, HttpMetrics, Limit};
use crate::worker::Worker;

/// Which way the client's requests go.
pub enum Side {
    /// To the services that they name.
    Outbound,
    /// To where the connection was meant to go before it was redirected to us.
    Redirected(Original),
    /// To the application.
    Inbound(Rc<Endpoint>),
}

impl Side {
    pub fn direction(&self) -> Direction {
        match self {
            Self::Outbound | Self::Redirected(_) => Direction::Outbound,
            Self::Inbound(_) => Direction::Inbound,
        }
    }
}

/// An accepted connection.
pub struct Client {
    pub worker: Rc<Worker>,
    pub side: Side,
    pub peer: Peer,
    pub address: SocketAddr,
    pub watch: Watch,
    /// Since when it waits for a request.
    pub idle_since: Instant,
}

/// What comes next on a connection.
// It is moved once a request, which is cheaper than a box.
#[allow(clippy::large_enum_variant)]
enum Next {
    Request(RequestHead),
    Refused(ProxyError),
    Ended(CloseReason),
}

/// What becomes of the connection after a request.
enum After {
    Next,
    /// All was said.
    Close,
    /// The client may still be sending, and is to get its response.
    Linger,
}

impl Client {
    /// Serves requests until the connection ends.
    pub async fn serve(mut self) {
        loop {
            let request = match self.next_request().await {
                Next::Request(request) => request,
                Next::Refused(_) if self.begins_with_tls() => {
                    return Box::pin(listener::serve_named(self)).await;
                }
                Next::Refused(error) => return Box::pin(self.refuse_connection(error)).await,
                Next::Ended(reason) => return self.peer.ends(reason),
            };
            match self.answer(request).await {
                After::Next => {}
                After::Close => return,
                After::Linger => return Box::pin(close::linger(&mut self.peer, &self.watch)).await,
            }
        }
    }

    /// Whether the first that the client sends, which knows that it speaks to a proxy, is TLS.
    fn begins_with_tls(&self) -> bool {
        let bytes = self.peer.received.bytes();
        let is_first = self.peer.moved() == bytes.len() as u64;
        is_first && matches!(self.side, Side::Outbound) && Hello::of(bytes) != Hello::None
    }

    async fn next_request(&mut self) -> Next {
        let mut progress = Progress::default();
        poll_fn(|cx| self.poll_next(cx, &mut progress)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, progress: &mut Progress) -> Poll<Next> {
        loop {
            if let Some(next) = self.parse_next(progress) {
                self.watch.clear();
                return Poll::Ready(next);
            }
            match self.peer.poll_receive(cx, Room::Head) {
                Poll::Ready(Ok(length)) if length > 0 => {}
                Poll::Ready(Ok(_)) => return Poll::Ready(self.ended(CloseReason::Complete)),
                Poll::Ready(Err(_)) => return Poll::Ready(self.ended(CloseReason::Reset)),
                Poll::Pending => return self.wait(cx, progress),
            }
        }
    }

    fn parse_next(&mut self, progress: &mut Progress) -> Option<Next> {
        let limits = self.worker.config.limits.head;
        if !progress.head.is_worth_parsing(self.peer.received.bytes(), limits.bytes) {
            return None;
        }
        let at_proxy = matches!(self.side, Side::Outbound);
        match RequestHead::parse(self.peer.received.bytes(), limits, at_proxy) {
            Ok(Parsed::Partial) => None,
            Ok(Parsed::Complete(request)) => {
                self.peer.received.consume(request.leading);
                Some(Next::Request(request))
            }
            Err(refusal) => {
                record::refusal(self.worker.limits(), refusal);
                Some(Next::Refused(refusal.into()))
            }
        }
    }

    fn ended(&self, reason: CloseReason) -> Next {
        Next::Ended(if self.peer.received.is_empty() { reason } else { CloseReason::Reset })
    }

    /// Nothing more is there yet. A head that has begun must come to its end in time; before that the connection is idle.
    fn wait(&self, cx: &Context<'_>, progress: &mut Progress) -> Poll<Next> {
        let state = if self.peer.received.is_empty() { Waiting::Idle } else { Waiting::InHead };
        if state == Waiting::Idle && self.worker.drain.has_started() {
            return Poll::Ready(Next::Ended(CloseReason::Drain));
        }
        if progress.waiting != Some(state) {
            progress.waiting = Some(state);
            let timeouts = &self.worker.config.timeouts;
            self.watch.wakes(cx);
            self.watch.set(match state {
                Waiting::Idle => self.idle_since + timeouts.idle,
                Waiting::InHead => Instant::now() + timeouts.header,
            });
            return Poll::Pending;
        }
        match (self.watch.has_passed(), state) {
            (false, _) => Poll::Pending,
            (true, Waiting::Idle) => {
                self.worker.limits().reached(Limit::IdleTimeout);
                Poll::Ready(Next::Ended(CloseReason::Idle))
            }
            (true, Waiting::InHead) => {
                self.worker.limits().reached(Limit::HeaderTimeout);
                Poll::Ready(Next::Refused(ProxyError::HeaderTimeout))
            }
        }
    }

    /// Relays one request, the head of which is at the start of what was received.
    async fn answer(&mut self, mut request: RequestHead) -> After {
        let mut record = Record::new();
        let target = match self.target(&mut request).await {
            Ok(target) => target,
            Err(error) => return Box::pin(self.refuse(request, None, error, record)).await,
        };
        if request.method == Method::Connect && matches!(self.side, Side::Outbound) {
            return Box::pin(self.connect(request, target, record)).await;
        }
        let mut choice = Choice::Any;
        let mut tried = Tried::new();
        loop {
            let mut link = match target.link(choice, &mut tried).await {
                Ok(link) => link,
                Err(error) => return Box::pin(self.refuse(request, Some(target), error, record)).await,
            };
            let endpoint = Rc::clone(link.in_flight.endpoint());
            record.goes_to(self, &request, Some(&endpoint), endpoint.http());
            let (ended, report) =
                self.exchange(&request, &mut link, &target, &mut tried, record.started()).await;
            return match ended {
                Ended::Unanswered { may_repeat: true } if choice == Choice::Any => {
                    choice = Choice::New;
                    continue;
                }
                Ended::Unreached => {
                    endpoint.failed();
                    link.upstream.ends(CloseReason::Complete);
                    continue;
                }
                Ended::Complete { client_kept, upstream_kept } => {
                    self.idle_since = record.ended(&endpoint, ended, &report);
                    if upstream_kept {
                        endpoint.idle.put(link.upstream, self.idle_since, &self.worker.sweep);
                    }
                    self.after_response(client_kept, report)
                }
                Ended::Tunnel => {
                    record.ended(&endpoint, ended, &report);
                    Box::pin(self.tunnel(link)).await;
                    After::Close
                }
                Ended::Stalled if report.head_at.is_some() => {
                    record.ended(&endpoint, ended, &report);
                    self.break_off(ended, link)
                }
                Ended::Cut { .. } | Ended::BadBody | Ended::ClientGone => {
                    record.ended(&endpoint, ended, &report);
                    self.break_off(ended, link)
                }
                Ended::Unanswered { .. } | Ended::BadResponse | Ended::BadRequest | Ended::Stalled => {
                    Box::pin(self.excuse(&request, ended, link, record, report)).await
                }
            };
        }
    }

    /// Where the request goes.
    async fn target(&self, request: &mut RequestHead) -> Result<Target, ProxyError> {
        match &self.side {
            Side::Inbound(application) => {
                request.name_host(|| application.address.to_string());
                Ok(Target::Endpoint(Rc::clone(application)))
            }
            Side::Redirected(original) => {
                request.name_host(|| original.address().to_string());
                route::find_original(&self.worker, original).await
            }
            Side::Outbound => {
                let authority = request.authority(self.peer.received.bytes());
                // An authority was parsed to be ASCII.
                route::find(&self.worker, std::str::from_utf8(authority).unwrap_or_default()).await
            }
        }
    }

    /// Relays over one connection. Ends unreached only when there is another endpoint.
    async fn exchange(
        &mut self,
        request: &RequestHead,
        link: &mut Link,
        target: &Target,
        tried: &mut Tried,
        started: Instant,
    ) -> (Ended, Report) {
        let endpoint = link.in_flight.endpoint();
        let address = endpoint.address;
        let is_meshed = endpoint.is_meshed() && self.side.direction() == Direction::Outbound;
        let stall = Stall::new(&self.worker, &self.watch, started);
        let mut exchange = Exchange::new(
            &mut self.peer,
            &mut link.upstream,
            request,
            &self.worker,
            stall,
            link.reused,
            is_meshed,
        );
        let mut ended = exchange.run().await;
        if ended == Ended::Unreached {
            tried.push(address);
            if !target.has_another(tried) {
                ended = exchange.run().await;
            }
        }
        (ended, exchange.report)
    }

    fn after_response(&self, kept: bool, report: Report) -> After {
        match kept {
            true => After::Next,
            false if report.request_read && self.peer.received.is_empty() => After::Close,
            false => After::Linger,
        }
    }

    fn break_off(&mut self, ended: Ended, mut link: Link) -> After {
        link.upstream.ends(if ended == Ended::Stalled { CloseReason::Timeout } else { CloseReason::Reset });
        match ended {
            Ended::Stalled => self.peer.reset_when_closed(CloseReason::Timeout),
            Ended::Cut { tellable: false } | Ended::BadBody => {
                self.peer.reset_when_closed(CloseReason::Reset)
            }
            _ => self.peer.ends(CloseReason::Reset),
        }
        After::Close
    }

    /// Opens a tunnel to what the client named.
    async fn connect(&mut self, request: RequestHead, target: Target, mut record: Record) -> After {
        let link = match target.link(Choice::New, &mut Tried::new()).await {
            Ok(link) => link,
            Err(error) => return self.refuse(request, Some(target), error, record).await,
        };
        let endpoint = Rc::clone(link.in_flight.endpoint());
        record.goes_to(self, &request, Some(&endpoint), endpoint.http());
        self.peer.received.consume(request.length);
        let mut established = Flow::of_text(b"HTTP/1.1 200 OK\r\n\r\n");
        if poll_fn(|cx| established.poll_send_unsent(cx, &mut self.peer)).await.is_ok() {
            let report = Report {
                status: 200,
                head_at: Some(Instant::now()),
                ended_with_head: true,
                ..Report::default()
            };
            record.ended(&endpoint, Ended::Tunnel, &report);
            self.tunnel(link).await;
        }
        After::Close
    }

    /// Passes on what each side sends until both have finished.
    pub async fn tunnel(&mut self, mut link: Link) -> Copied {
        let stall = Stall::new(&self.worker, &self.watch, Instant::now());
        tunnel::copy(&mut self.peer, &mut link.upstream, stall).await
    }

    /// Answers a request that no endpoint has seen.
    async fn refuse(
        &mut self,
        mut request: RequestHead,
        target: Option<Target>,
        error: ProxyError,
        mut record: Record,
    ) -> After {
        let client_http = self.http();
        let http = target.as_ref().map_or(&*client_http, Target::http);
        record.goes_to(self, &request, None, http);
        let body = request.body.advance(&self.peer.received.bytes()[request.length..]);
        let report = Report { request_read: request.body.is_complete(), ..Report::default() };
        self.peer.received.consume(request.length + body.unwrap_or_default());
        self.answer_with(error, &request, report, record, http).await
    }

    /// Answers a request that was sent on in vain.
    async fn excuse(
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
            _ => ProxyError::UpstreamReset,
        };
        // An endpoint that was never sent the whole request could not answer it.
        if error != ProxyError::BadRequest && (error != ProxyError::StallTimeout || report.request_read) {
            endpoint.failed();
        }
        link.upstream.ends(match error {
            ProxyError::BadResponse => CloseReason::BadMessage,
            ProxyError::StallTimeout => CloseReason::Timeout,
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
        record: Record,
        http: &HttpMetrics,
    ) -> After {
        let kept = request.persistent && report.request_read && !self.worker.drain.has_started();
        record.refused(http, error, &report);
        let version = kept.then_some(request.version);
        let sent = refuse::send(&mut self.peer, error, request.method != Method::Head, version).await;
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
        if refuse::send(&mut self.peer, error, has_body, None).await.is_ok() {
            close::linger(&mut self.peer, &self.watch).await;
        }
    }

    /// The counters for requests without an endpoint.
    fn http(&self) -> Arc<HttpMetrics> {
        match self.side {
            Side::Outbound | Side::Redirected(_) => Arc::clone(&self.worker.outbound.http),
            Side::Inbound(_) => Arc::clone(&self.worker.inbound.http),
        }
    }
}

/// How far the reading of the next head has come.
#[derive(Debug, Default)]
struct Progress {
    head: head::Progress,
    waiting: Option<Waiting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Idle,
    InHead,
}
