//! A client that speaks HTTP/1: its requests, one after the other.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use super::close;
use super::exchange::{Ended, Exchange, Report};
use super::flow::Flow;
use super::next::Next;
use super::peer::Peer;
use super::record::Record;
use super::retry::Attempts;
use super::route::{self, Link, Original, Target};
use super::stall::Stall;
use super::sweep::Watch;
use super::tunnel::{self, Copied};
use crate::destination::Endpoint;
use crate::direction::Direction;
use crate::error::ProxyError;
use crate::http1::{Method, RequestHead, Version};
use crate::http2;
use crate::listener;
use crate::metrics::{CloseReason, HttpMetrics, Protocol};
use crate::mux;
use crate::permission::Grant;
use crate::tap::Request;
use crate::upstream;
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

    /// The port of the application that is called.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Outbound | Self::Redirected(_) => None,
            Self::Inbound(application) => Some(application.address().port()),
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
    /// What allows the request that is under way to the application; kept between requests for its memory.
    pub grant: Option<Box<Grant>>,
    /// Since when it waits for a request.
    pub idle_since: Instant,
}

/// What becomes of the connection after a request.
pub(super) enum After {
    Next,
    /// All was said.
    Close,
    /// The client may still be sending, and is to get its response.
    Linger,
}

impl Client {
    /// Serves requests until the connection ends. In a box, as a future has its arguments more than once, and waits with them.
    pub async fn serve(mut self: Box<Self>) {
        loop {
            let mut request = match self.next_request().await {
                Next::Request(request) => request,
                Next::Refused(_) if self.begins_with_tls() => {
                    return Box::pin(listener::serve_named(self)).await;
                }
                Next::Refused(_) if self.begins_with_http2() => {
                    return Box::pin(http2::serve(self)).await;
                }
                Next::Refused(_) if self.begins_streams() => return Box::pin(mux::serve(self)).await,
                Next::Refused(error) => return Box::pin(self.refuse_connection(error)).await,
                Next::Ended(CloseReason::Idle) => return self.peer.ends_idle(self.idle_since),
                Next::Ended(reason) => return self.peer.ends(reason),
            };
            match self.answer(&mut request).await {
                After::Next => {}
                After::Close => return,
                After::Linger => return Box::pin(close::linger(&mut self.peer, &self.watch)).await,
            }
        }
    }

    /// Relays one request, the head of which is at the start of what was received.
    async fn answer(&mut self, request: &mut RequestHead) -> After {
        let mut record = Record::new(Protocol::Http1);
        if let Err(refusal) = self.admit(request) {
            return Box::pin(self.turn_away(request, refusal, record)).await;
        }
        let target = match self.target(request).await {
            Ok(target) => target,
            Err(error) => return Box::pin(self.refuse(request, None, error, record)).await,
        };
        if request.method == Method::Connect && matches!(self.side, Side::Outbound) {
            return Box::pin(self.connect(request, target, record)).await;
        }
        let mut attempts = Attempts::new(&target);
        loop {
            let linked = target.link_request(attempts.choice, &mut attempts.tried, &self.worker);
            let mut link = match linked.await {
                Ok(link) => link,
                Err(error) => {
                    let error = attempts.error(error);
                    return Box::pin(self.refuse(request, Some(target), error, record)).await;
                }
            };
            if let Err(refusal) = self.readmit() {
                return Box::pin(self.turn_away(request, refusal, record)).await;
            }
            let endpoint = Rc::clone(link.in_flight.endpoint());
            self.goes_to(&mut record, request, Some(&endpoint), endpoint.http());
            let (ended, report) =
                self.exchange(request, &mut link, &target, &mut attempts, &mut record).await;
            return match ended {
                Ended::Lost(lost) => {
                    link.upstream.breaks_off(lost.close_reason());
                    continue;
                }
                Ended::Complete { client_kept, upstream_kept } => {
                    self.idle_since = report.record(record, &endpoint, ended);
                    if upstream_kept {
                        upstream::keep(link.upstream, &endpoint, self.idle_since, &self.worker);
                    }
                    self.after_response(client_kept, report)
                }
                Ended::Tunnel => {
                    report.record_tunnel(&mut record, &endpoint);
                    let grant = self.grant.take();
                    let copied = Box::pin(self.tunnel(link, grant)).await;
                    record.tunnel_ended(report.request_bytes, &copied);
                    After::Close
                }
                Ended::Stalled if report.head_at.is_some() => {
                    report.record(record, &endpoint, ended);
                    self.break_off(ended, link)
                }
                Ended::Cut { .. } | Ended::BadBody | Ended::ClientGone | Ended::Denied { is_begun: true } => {
                    report.record(record, &endpoint, ended);
                    self.break_off(ended, link)
                }
                Ended::Unanswered { .. }
                | Ended::BadResponse
                | Ended::BadRequest
                | Ended::Stalled
                | Ended::Denied { is_begun: false } => {
                    Box::pin(self.excuse(request, ended, link, record, report)).await
                }
            };
        }
    }

    /// Records where a request goes: to `endpoint`, or to none.
    pub(super) fn goes_to(
        &self,
        record: &mut Record,
        request: &RequestHead,
        endpoint: Option<&Endpoint>,
        http: &HttpMetrics,
    ) {
        record.goes_to(endpoint, http, &self.worker.tap, |endpoint| self.described(request, endpoint));
    }

    #[cold]
    fn described<'a>(&'a self, request: &RequestHead, endpoint: Option<&'a Endpoint>) -> Request<'a> {
        let head = self.peer.received.bytes();
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        Request {
            direction: self.side.direction(),
            client: self.address,
            client_identity: self.peer.identity().map(|identity| &**identity),
            endpoint,
            method: text(request.method_name(head)),
            scheme: "http",
            authority: text(request.authority(head)),
            path: text(request.path(head)),
            version: match request.version {
                Version::Http10 => "HTTP/1.0",
                Version::Http11 => "HTTP/1.1",
            },
            protocol: Some(Protocol::Http1),
        }
    }

    /// Where the request goes.
    async fn target(&self, request: &mut RequestHead) -> Result<Target, ProxyError> {
        if request.ends_here {
            return Err(ProxyError::MaxForwards);
        }
        match &self.side {
            Side::Inbound(application) => {
                request.name_host(|| application.address().to_string());
                Ok(Target::Endpoint(Rc::clone(application)))
            }
            Side::Redirected(original) => {
                request.name_host(|| original.address().to_string());
                route::find_original(&self.worker, original).await
            }
            Side::Outbound => {
                let authority = request.authority(self.peer.received.bytes());
                // An authority was parsed to be ASCII.
                let authority = std::str::from_utf8(authority).unwrap_or_default();
                match route::known(&self.worker, authority) {
                    Some(target) => Ok(target),
                    None => Box::pin(route::find(&self.worker, authority)).await,
                }
            }
        }
    }

    /// Relays over one connection. Ends lost only when there is another attempt to make.
    async fn exchange(
        &mut self,
        request: &RequestHead,
        link: &mut Link,
        target: &Target,
        attempts: &mut Attempts,
        record: &mut Record,
    ) -> (Ended, Report) {
        let endpoint = link.in_flight.endpoint();
        let is_meshed = endpoint.is_meshed() && self.side.direction() == Direction::Outbound;
        let stall = Stall::new(&self.worker, &self.watch, record.started());
        let mut exchange = Exchange::new(
            &mut self.peer,
            &mut link.upstream,
            request,
            &self.worker,
            stall,
            link.reused || target.is_service(),
            is_meshed,
        );
        exchange.grant = self.grant.as_deref_mut();
        let mut ended = exchange.run().await;
        if let Ended::Lost(lost) = ended
            && !attempts.go_on(lost, endpoint, link.reused, target, &self.worker)
        {
            ended = exchange.settle(lost, attempts.was_seen()).await;
        }
        if let Some(denial) = exchange.denial {
            record.denied(denial);
        }
        (ended, exchange.report)
    }

    pub(super) fn after_response(&self, kept: bool, report: Report) -> After {
        match kept {
            true => After::Next,
            false if report.request_read && self.peer.received.is_empty() => After::Close,
            false => After::Linger,
        }
    }

    fn break_off(&mut self, ended: Ended, mut link: Link) -> After {
        link.upstream.breaks_off(match ended {
            Ended::Stalled => CloseReason::Timeout,
            Ended::Denied { .. } => CloseReason::Denied,
            _ => CloseReason::Reset,
        });
        match ended {
            Ended::Stalled => self.peer.reset_when_closed(CloseReason::Timeout),
            Ended::Denied { .. } => self.peer.reset_when_closed(CloseReason::Denied),
            Ended::Cut { tellable: false } | Ended::BadBody => {
                self.peer.reset_when_closed(CloseReason::Reset)
            }
            _ => self.peer.ends(CloseReason::Reset),
        }
        After::Close
    }

    /// Opens a tunnel to what the client named.
    async fn connect(&mut self, request: &mut RequestHead, target: Target, mut record: Record) -> After {
        let link = match target.link().await {
            Ok(link) => link,
            Err(error) => return self.refuse(request, Some(target), error, record).await,
        };
        let endpoint = Rc::clone(link.in_flight.endpoint());
        self.goes_to(&mut record, request, Some(&endpoint), endpoint.http());
        self.peer.received.consume(request.length);
        let mut established = Flow::of_text(b"HTTP/1.1 200 OK\r\n\r\n");
        if poll_fn(|cx| established.poll_send_unsent(cx, &mut self.peer)).await.is_ok() {
            let report = Report {
                status: 200,
                head_at: Some(Instant::now()),
                ended_with_head: true,
                ..Report::default()
            };
            report.record_tunnel(&mut record, &endpoint);
            let copied = self.tunnel(link, None).await;
            record.tunnel_ended(0, &copied);
        }
        After::Close
    }

    /// Passes on what each side sends until both have finished, or `grant` is over.
    pub async fn tunnel(&mut self, mut link: Link, grant: Option<Box<Grant>>) -> Copied {
        let stall = Stall::new(&self.worker, &self.watch, Instant::now());
        let copied = tunnel::copy(&mut self.peer, &mut link.upstream, stall, grant).await;
        if copied.denial.is_some() && self.peer.is_stream() {
            let clients = self.worker.clients(self.side.direction(), self.peer.identity());
            clients.tcp.lost_stream(CloseReason::Denied);
        }
        copied
    }
}
