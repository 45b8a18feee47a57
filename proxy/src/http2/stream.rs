//! One stream of a client: a request that is routed, balanced and relayed on its own.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use h2::ext::Protocol;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::request::Parts;
use http::{Method, Request};
use tokio::time::{Sleep, sleep_until};

use super::body::{Flow, Inlet};
use super::exchange::{Answer, Ended, Exchange, LastWord, Sending, Setback, Told};
use super::kept::Head;
use super::pool::Lease;
use super::serving::{Origin, Place};
use super::{answer, head};
use crate::destination::Endpoint;
use crate::direction::Direction;
use crate::error::ProxyError;
use crate::grpc::{self, GrpcStatus};
use crate::metrics::{HttpMetrics, Protocol as Spoken};
use crate::permission::{self, Edition, Refusal};
use crate::relay::{Attempts, Link, Lost, Record, Side, Target, Watch, route};
use crate::tap;

/// How often one request is sent again because a connection that served others before came to its end.
const MAX_ENDED_CONNECTIONS: usize = 3;

/// A request and what answers it. It is in a box, and what is rare in others: there are as many as there are requests.
pub struct Stream {
    origin: Place,
    head: Head,
    request: Inlet,
    respond: SendResponse<Bytes>,
    record: Record,
    watch: Watch,
    /// When a gRPC call has taken as long as it may.
    deadline: Option<Pin<Box<Sleep>>>,
    /// The policy by which it was admitted.
    edition: Edition,
    is_grpc: bool,
    /// It is an extended CONNECT (RFC 8441).
    is_extended: bool,
}

impl Stream {
    pub fn new(origin: Place, request: Request<RecvStream>, respond: SendResponse<Bytes>) -> Box<Self> {
        let (head, body) = request.into_parts();
        let is_grpc = grpc::is_grpc(&head.headers);
        let record = Record::new(if is_grpc { Spoken::Grpc } else { Spoken::Http2 });
        let timeout = if is_grpc { grpc::timeout(&head.headers) } else { None };
        let deadline = timeout.and_then(|timeout| record.started().checked_add(timeout));
        let watch = origin.worker.sweep.watch_call(origin.side.port());
        watch.set(record.started() + origin.worker.config.timeouts.stall);
        Box::new(Self {
            watch,
            edition: origin.worker.guard.edition(),
            origin,
            is_extended: head.extensions.get::<Protocol>().is_some(),
            head: Head::Whole(head),
            request: Inlet::new(body, true),
            respond,
            record,
            deadline: deadline.map(|deadline| Box::pin(sleep_until(deadline.into()))),
            is_grpc,
        })
    }

    /// Relays the stream to its end.
    pub async fn run(mut self: Box<Self>) {
        if let Err(refusal) = self.admit() {
            return self.turn_away(refusal);
        }
        let target = match self.target().await {
            Ok(target) => target,
            Err(error) => {
                let Origin { worker, side, identity, .. } = &*self.origin;
                let clients = worker.clients(side.direction(), identity.as_ref());
                return self.refuse(&clients.http, error, 0);
            }
        };
        let mut attempts = Attempts::new(&target);
        let mut ended_connections = 0;
        loop {
            // An endpoint ends its connection, with the requests of others, when too many streams are opened there only to be reset.
            if self.is_gone().await {
                self.goes_to(None, target.http());
                return self.record.abandoned(0);
            }
            let linked = match self.link_at_once(&target, &attempts) {
                Some(link) => Ok(link),
                None => Box::pin(self.link(&target, &mut attempts)).await,
            };
            let (lease, in_flight) = match linked {
                Ok(link) => (link.upstream, link.in_flight),
                Err(error) => {
                    let error = attempts.error(error);
                    return self.refuse(target.http(), error, 0);
                }
            };
            if let Err(denial) = self.origin.readmit(&mut self.edition, &self.head) {
                return self.turn_away(Refusal::Denied(denial));
            }
            let endpoint = Rc::clone(in_flight.endpoint());
            self.goes_to(Some(&endpoint), endpoint.http());
            let mut exchange = match self.begin(&lease, &endpoint) {
                Ok(exchange) => exchange,
                Err(error) => return self.refuse(endpoint.http(), error, 0),
            };
            let ended = loop {
                let Setback { lost, last_word } = match poll_fn(|cx| exchange.poll(cx)).await {
                    Ok(ended) => break ended,
                    Err(setback) => setback,
                };
                let reused = lease.reused && ended_connections < MAX_ENDED_CONNECTIONS;
                if attempts.go_on(lost, &endpoint, reused, &target, &exchange.origin.worker) {
                    ended_connections += usize::from(lost.was_kept(reused));
                    break Ended::SentAgain;
                }
                match last_word {
                    LastWord::Told(told) => break Ended::Unanswered(told),
                    LastWord::Response(_) if lost == Lost::Unreached && attempts.was_seen() => {
                        break Ended::Unanswered(Told::Error(ProxyError::UpstreamReset));
                    }
                    LastWord::Response(response) => {
                        if let Some(ended) = exchange.send_head(*response) {
                            break ended;
                        }
                    }
                }
            };
            let sent = exchange.sending.flow.bytes;
            match ended {
                Ended::SentAgain => {
                    drop(exchange);
                    self.request.rewind();
                }
                Ended::Answered(outcome) => {
                    let is_over = outcome.broken_off.is_some() || exchange.sending.flow.is_complete;
                    drop(in_flight);
                    exchange.record.ended(&endpoint, &outcome);
                    if !is_over {
                        poll_fn(|cx| exchange.poll_rest(cx)).await;
                    }
                    return;
                }
                Ended::ClientGone => {
                    drop(exchange);
                    return self.record.abandoned(sent);
                }
                Ended::Unanswered(told) => {
                    drop(exchange);
                    if told.is_to_blame_on_endpoint() {
                        endpoint.failed();
                    }
                    return match told {
                        Told::Error(error) => self.refuse(endpoint.http(), error, sent),
                        Told::Reset(reason) => self.reset(endpoint.http(), reason, sent),
                    };
                }
            }
        }
    }

    /// Whether the client has given up the request.
    async fn is_gone(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.respond.poll_reset(cx).is_ready())).await
    }

    /// Decides about the request.
    fn admit(&self) -> Result<(), Refusal> {
        let Origin { worker, identity, .. } = &*self.origin;
        match self.origin.call(&self.head) {
            Some(call) if !permission::is_open(worker, identity.as_ref()) => permission::admit(worker, &call),
            _ => Ok(()),
        }
    }

    /// Answers a request that may not reach the application.
    fn turn_away(mut self: Box<Self>, refusal: Refusal) {
        let Side::Inbound(application) = &self.origin.side else { return };
        let application = Rc::clone(application);
        let error = refusal.error();
        if let Refusal::Denied(denial) = refusal {
            self.record.denied(denial);
        }
        self.refuse(application.http(), error, 0);
    }

    /// Records where the request goes: to `endpoint`, or to none.
    fn goes_to(&mut self, endpoint: Option<&Endpoint>, http: &HttpMetrics) {
        let (origin, head, spoken) = (&self.origin, self.head.whole(), self.record.protocol());
        let describe = |endpoint| described(origin, head, spoken, endpoint);
        self.record.goes_to(endpoint, http, &origin.worker.tap, describe);
    }

    /// Where the request goes.
    async fn target(&mut self) -> Result<Target, ProxyError> {
        let worker = &self.origin.worker;
        let request = self.head.whole();
        if let Some(limit) =
            head::beyond(worker.config.limits.head, &request.headers, head::target_length(request))
        {
            worker.limits().reached(limit);
            return Err(ProxyError::HeaderTooLarge);
        }
        head::count_down(request)?;
        match &self.origin.side {
            Side::Inbound(application) => {
                head::name_authority(request, || Some(application.address().to_string()))?;
                Ok(Target::Endpoint(Rc::clone(application)))
            }
            Side::Redirected(original) => {
                head::name_authority(request, || Some(original.address().to_string()))?;
                match route::known_original(worker, original) {
                    Some(target) => Ok(target),
                    None => Box::pin(route::find_original(worker, original)).await,
                }
            }
            Side::Outbound => {
                head::name_authority(request, || None)?;
                if request.method == Method::CONNECT && !self.is_extended {
                    return Err(ProxyError::NotRoutable);
                }
                let authority = request.uri.authority().map_or("", |authority| authority.as_str());
                match route::known(worker, authority) {
                    Some(target) => Ok(target),
                    None => Box::pin(route::find(worker, authority)).await,
                }
            }
        }
    }

    /// A place on a connection that is there.
    fn link_at_once(&self, target: &Target, attempts: &Attempts) -> Option<Link<Lease>> {
        // Whether an endpoint takes extended CONNECT is to be waited for.
        if self.is_extended {
            None
        } else {
            target.reach_at_once(&attempts.tried, |endpoint| endpoint.http2().take())
        }
    }

    /// A place on a connection to an endpoint, as long as the call may take.
    async fn link(&mut self, target: &Target, attempts: &mut Attempts) -> Result<Link<Lease>, ProxyError> {
        let worker = &self.origin.worker;
        let linked = target.reach(
            &mut attempts.tried,
            |endpoint| endpoint.http2().take(),
            async |endpoint| endpoint.http2().open(endpoint, worker).await,
        );
        let link = match &mut self.deadline {
            None => linked.await?,
            Some(deadline) => tokio::select! {
                linked = linked => linked?,
                () = deadline => return Err(ProxyError::DeadlineExceeded),
            },
        };
        if self.is_extended && !link.upstream.takes_extended_connect().await {
            return Err(ProxyError::ProtocolNotSupported);
        }
        Ok(link)
    }

    /// Sends the request's head over a connection.
    fn begin<'a>(&'a mut self, lease: &'a Lease, endpoint: &Endpoint) -> Result<Exchange<'a>, ProxyError> {
        let is_answered_by_proxy =
            endpoint.is_meshed() && self.origin.side.direction() == Direction::Outbound;
        let request = Request::from_parts(self.head.send(), ());
        let is_complete = self.request.is_at_end();
        let sent = lease.send(request, is_complete);
        let endpoint_answers = sent.map_err(|error| {
            tracing::debug!(%error, "request cannot be sent");
            if error.is_io() || error.is_go_away() {
                ProxyError::ConnectFailed
            } else {
                ProxyError::BadRequest
            }
        });
        let (response, sink) = endpoint_answers?;
        let flow = if is_complete { Flow::complete() } else { Flow::to_endpoint() };
        Ok(Exchange {
            origin: &self.origin,
            record: &mut self.record,
            respond: &mut self.respond,
            request: &mut self.request,
            watch: &self.watch,
            deadline: &mut self.deadline,
            lease,
            edition: &mut self.edition,
            head: &self.head,
            is_grpc: self.is_grpc,
            is_idempotent: self.head.method().is_idempotent(),
            is_answered_by_proxy,
            has_begun: false,
            sending: Sending { flow, sink },
            answer: Answer::Awaited(response),
            moved: 0,
        })
    }

    /// Answers the request in the place of an endpoint.
    fn refuse(mut self: Box<Self>, http: &HttpMetrics, error: ProxyError, request_bytes: u64) {
        self.goes_to(None, http);
        let grpc_status = self.is_grpc.then(|| GrpcStatus::of_error(error));
        let told = self.record.told(error);
        match grpc_status {
            Some(_) => answer::grpc(&mut self.respond, error, told),
            None => answer::plain(&mut self.respond, error, &told, *self.head.method() != Method::HEAD),
        }
        self.record.refused(http, error, grpc_status, request_bytes);
    }

    /// Passes on that an endpoint reset the stream before it answered.
    fn reset(mut self: Box<Self>, http: &HttpMetrics, reason: Reason, request_bytes: u64) {
        self.respond.send_reset(reason);
        let grpc_status = self.is_grpc.then(|| GrpcStatus::of_reset(reason));
        self.record.refused(http, ProxyError::UpstreamReset, grpc_status, request_bytes);
    }
}

#[cold]
fn described<'a>(
    origin: &'a Origin,
    head: &'a Parts,
    spoken: Spoken,
    endpoint: Option<&'a Endpoint>,
) -> tap::Request<'a> {
    tap::Request {
        direction: origin.side.direction(),
        client: origin.address,
        client_identity: origin.identity.as_deref(),
        endpoint,
        method: head.method.as_str(),
        scheme: head.uri.scheme_str().unwrap_or("http"),
        authority: head.uri.authority().map_or("", |authority| authority.as_str()),
        path: head.uri.path_and_query().map_or("", |path| path.as_str()),
        version: "HTTP/2",
        protocol: Some(spoken),
    }
}
