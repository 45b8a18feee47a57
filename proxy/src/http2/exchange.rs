//! One attempt to get a request answered: the request to an endpoint and the response back, both on their way at once.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::Response;
use tokio::time::Sleep;

use super::answer;
use super::body::{Broken, Flow, Inlet};
use super::head;
use super::kept::Head;
use super::pool::Lease;
use super::serving::Origin;
use crate::error::{Fate, ProxyError};
use crate::grpc::{self, GrpcStatus};
use crate::metrics::Limit;
use crate::permission::Edition;
use crate::relay::{BrokenOff, Lost, Outcome, Record, Watch};

/// How an attempt ended.
pub enum Ended {
    /// A response was begun; it says itself whether it came to its end.
    Answered(Outcome),
    /// There is no answer, and the request goes nowhere else.
    Unanswered(Told),
    /// There is no answer, and the request goes elsewhere.
    SentAgain,
    /// The client has left.
    ClientGone,
}

/// There is no answer, but the request is still there and may go elsewhere.
pub struct Setback {
    pub lost: Lost,
    pub last_word: LastWord,
}

/// What a client gets when nothing better is to be had.
pub enum LastWord {
    Response(Box<Response<RecvStream>>),
    Told(Told),
}

/// What a client is told instead of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Reset(Reason),
    Error(ProxyError),
}

/// What the exchange needs of the stream that it is for.
pub struct Exchange<'a> {
    pub origin: &'a Origin,
    pub record: &'a mut Record,
    pub lease: &'a Lease,
    pub respond: &'a mut SendResponse<Bytes>,
    pub request: &'a mut Inlet,
    pub watch: &'a Watch,
    pub deadline: &'a mut Option<Pin<Box<Sleep>>>,
    /// The policy by which the request was admitted.
    pub edition: &'a mut Edition,
    pub head: &'a Head,
    pub is_grpc: bool,
    pub is_idempotent: bool,
    /// A proxy of the mesh answers for the endpoint.
    pub is_answered_by_proxy: bool,
    /// The client got interim responses.
    pub has_begun: bool,
    pub sending: Sending,
    pub answer: Answer,
    /// What had moved when that was last looked at.
    pub moved: u64,
}

/// The request on its way.
pub struct Sending {
    pub flow: Flow,
    pub sink: SendStream<Bytes>,
}

/// The response on its way.
// It is moved once a response, which is cheaper than a box.
#[allow(clippy::large_enum_variant)]
pub enum Answer {
    Awaited(ResponseFuture),
    Going {
        source: Inlet,
        sink: SendStream<Bytes>,
        flow: Flow,
        status: u16,
        head_at: Instant,
        grpc_status: Option<GrpcStatus>,
    },
}

impl Told {
    /// Whether an answer is missing because of the endpoint.
    pub fn is_to_blame_on_endpoint(self) -> bool {
        !matches!(self, Self::Error(ProxyError::DeadlineExceeded | ProxyError::PermissionDenied))
    }
}

impl Exchange<'_> {
    /// Relays until the response is complete or something breaks.
    ///
    /// # Errors
    /// There is no answer, and the request may go elsewhere.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Ended, Setback>> {
        if let Some(ended) = self.poll_request(cx) {
            return Poll::Ready(Ok(ended));
        }
        if let Poll::Ready(ended) = self.poll_answer(cx) {
            return Poll::Ready(ended);
        }
        if let Poll::Ready(reason) = self.poll_client_reset(cx) {
            return Poll::Ready(Ok(self.client_gone(reason)));
        }
        self.poll_limits(cx).map(Ok)
    }

    /// Passes on what is left of the request after its response; the endpoint may still want it.
    pub fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.sending.flow.poll(cx, self.request, &mut self.sending.sink).is_ready()
            || self.sending.sink.poll_reset(cx).is_ready()
        {
            return Poll::Ready(());
        }
        self.poll_limits(cx).map(|_| ())
    }

    fn poll_request(&mut self, cx: &mut Context<'_>) -> Option<Ended> {
        match self.sending.flow.poll(cx, self.request, &mut self.sending.sink) {
            Poll::Pending | Poll::Ready(Ok(())) => None,
            Poll::Ready(Err(Broken::Source(error))) => {
                Some(self.client_gone(error.reason().unwrap_or(Reason::CANCEL)))
            }
            // The endpoint takes no more of it. What comes of the response tells why.
            Poll::Ready(Err(Broken::Sink(_))) => {
                self.sending.flow.is_complete = true;
                None
            }
        }
    }

    fn client_gone(&mut self, reason: Reason) -> Ended {
        self.sending.sink.send_reset(reason);
        match &self.answer {
            Answer::Awaited(_) => Ended::ClientGone,
            Answer::Going { .. } => self.answered(Some(BrokenOff::ByClient)),
        }
    }

    fn poll_client_reset(&mut self, cx: &mut Context<'_>) -> Poll<Reason> {
        let reset = match &mut self.answer {
            Answer::Awaited(_) => ready!(self.respond.poll_reset(cx)),
            Answer::Going { sink, .. } => ready!(sink.poll_reset(cx)),
        };
        Poll::Ready(reset.unwrap_or(Reason::CANCEL))
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Ended, Setback>> {
        loop {
            match &mut self.answer {
                Answer::Awaited(response) => {
                    let head = match ready!(response.poll_informational(cx)) {
                        Some(Ok(interim)) => {
                            self.has_begun = true;
                            // A client that is gone is noticed elsewhere.
                            let _ = self.respond.send_informational(interim);
                            continue;
                        }
                        Some(Err(error)) => return Poll::Ready(self.unanswered(&error)),
                        None => ready!(Pin::new(response).poll(cx)),
                    };
                    match head {
                        Ok(head) => {
                            if let Some(ended) = self.begin(head)? {
                                return Poll::Ready(Ok(ended));
                            }
                        }
                        Err(error) => return Poll::Ready(self.unanswered(&error)),
                    }
                }
                Answer::Going { source, sink, flow, grpc_status, .. } => {
                    let broken_off = match ready!(flow.poll(cx, source, sink)) {
                        Ok(()) => None,
                        Err(Broken::Source(error)) => {
                            let reason = error.reason().filter(|_| error.is_reset());
                            let reason = reason.unwrap_or(Reason::INTERNAL_ERROR);
                            sink.send_reset(reason);
                            if self.is_grpc {
                                *grpc_status = Some(GrpcStatus::of_reset(reason));
                            }
                            Some(BrokenOff::ByEndpoint)
                        }
                        Err(Broken::Sink(error)) => {
                            let reason = error.and_then(|error| error.reason()).unwrap_or(Reason::CANCEL);
                            self.sending.sink.send_reset(reason);
                            Some(BrokenOff::ByClient)
                        }
                    };
                    return Poll::Ready(Ok(self.answered(broken_off)));
                }
            }
        }
    }

    /// The response's head has come.
    fn begin(&mut self, mut head: Response<RecvStream>) -> Result<Option<Ended>, Setback> {
        if let Some(limit) = head::beyond(self.origin.worker.config.limits.head, head.headers(), 0) {
            self.origin.worker.limits().reached(limit);
            return Ok(Some(Ended::Unanswered(Told::Error(ProxyError::BadResponse))));
        }
        if !self.is_answered_by_proxy {
            answer::take_reason_out(head.headers_mut());
        }
        if self.is_answered_by_proxy
            && self.request.is_held()
            && !self.has_begun
            && let Some(fate) = answer::reason(head.headers()).and_then(ProxyError::fate)
        {
            match fate {
                Fate::Unreached => {
                    return Err(Setback {
                        lost: Lost::Unreached,
                        last_word: LastWord::Response(Box::new(head)),
                    });
                }
                Fate::Unanswered if self.is_idempotent => {
                    return Err(Setback {
                        lost: Lost::Unanswered,
                        last_word: LastWord::Response(Box::new(head)),
                    });
                }
                Fate::Unanswered => {}
            }
        }
        Ok(self.send_head(head))
    }

    /// Begins to send a response to the client.
    pub fn send_head(&mut self, response: Response<RecvStream>) -> Option<Ended> {
        self.request.let_go();
        let (head, body) = response.into_parts();
        let status = head.status.as_u16();
        let grpc_status = if self.is_grpc { GrpcStatus::of(&head.headers) } else { None };
        let is_complete = body.is_end_stream();
        match self.respond.send_response(Response::from_parts(head, ()), is_complete) {
            Ok(sink) => {
                let flow = if is_complete { Flow::complete() } else { Flow::default() };
                let source = Inlet::new(body, false);
                let head_at = Instant::now();
                self.answer = Answer::Going { source, sink, flow, status, head_at, grpc_status };
                None
            }
            Err(error) => Some(self.client_gone(error.reason().unwrap_or(Reason::CANCEL))),
        }
    }

    fn answered(&self, broken_off: Option<BrokenOff>) -> Ended {
        let Answer::Going { flow, status, head_at, grpc_status, .. } = &self.answer else {
            return Ended::Unanswered(Told::Error(ProxyError::UpstreamReset));
        };
        Ended::Answered(Outcome {
            status: *status,
            head_at: *head_at,
            ended_at: Instant::now(),
            grpc_status: grpc_status.or(flow.grpc_status.filter(|_| self.is_grpc)),
            request_bytes: self.sending.flow.bytes,
            response_bytes: flow.bytes,
            broken_off,
        })
    }

    /// No response came, for `error`.
    fn unanswered(&mut self, error: &h2::Error) -> Result<Ended, Setback> {
        let (lost, told) = fate(error, self.lease.was_written(), self.is_idempotent);
        match lost {
            Some(lost) if self.request.is_held() && !self.has_begun => {
                Err(Setback { lost, last_word: LastWord::Told(told) })
            }
            _ => Ok(Ended::Unanswered(told)),
        }
    }

    /// Notices that the call takes longer than it may, that it is allowed no longer, or that nothing moves any more.
    fn poll_limits(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        if let Some(deadline) = self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(self.break_off(ProxyError::DeadlineExceeded));
        }
        self.watch.wakes(cx);
        if let Err(denial) = self.origin.readmit(self.edition, self.head) {
            self.record.denied(denial);
            return Poll::Ready(self.break_off(ProxyError::PermissionDenied));
        }
        if self.watch.has_passed() {
            let moved = self.moved();
            if moved == self.moved {
                self.origin.worker.limits().reached(Limit::StallTimeout);
                return Poll::Ready(self.break_off(ProxyError::StallTimeout));
            }
            self.moved = moved;
            self.watch.set(Instant::now() + self.origin.worker.config.timeouts.stall);
        }
        Poll::Pending
    }

    fn moved(&self) -> u64 {
        let answered = match &self.answer {
            Answer::Awaited(_) => 0,
            Answer::Going { flow, .. } => 1 + flow.bytes,
        };
        self.sending.flow.bytes + answered
    }

    fn break_off(&mut self, error: ProxyError) -> Ended {
        self.sending.sink.send_reset(Reason::CANCEL);
        let is_grpc = self.is_grpc;
        let Answer::Going { sink, flow, grpc_status, .. } = &mut self.answer else {
            return Ended::Unanswered(Told::Error(error));
        };
        // Data that waits for the client's window would come before the trailers.
        let is_told = is_grpc
            && flow.has_nothing_unsent()
            && sink.send_trailers(answer::grpc_trailers(error, self.record.told(error))).is_ok();
        if !is_told {
            sink.send_reset(if is_grpc { grpc::reset_for(error) } else { Reason::CANCEL });
        }
        if is_grpc {
            *grpc_status = Some(GrpcStatus::of_error(error));
        }
        self.answered(Some(BrokenOff::For(error)))
    }
}

/// What became of a request that `error` ended before its response, and what to tell of it. `was_written` says that it may have
/// been sent.
fn fate(error: &h2::Error, was_written: bool, is_idempotent: bool) -> (Option<Lost>, Told) {
    let reason = error.reason();
    if error.is_reset() && error.is_remote() {
        return match reason {
            // It was not processed (RFC 9113, section 8.7).
            Some(Reason::REFUSED_STREAM) => (Some(Lost::Unreached), Told::Reset(Reason::REFUSED_STREAM)),
            _ => (None, Told::Reset(reason.unwrap_or(Reason::CANCEL))),
        };
    }
    if error.is_go_away() && error.is_remote() {
        // The stream came after the last one that the endpoint says it may process (RFC 9113, section 6.8).
        return (Some(Lost::Unwritten), Told::Error(ProxyError::ConnectFailed));
    }
    if error.is_library() {
        return (None, Told::Error(ProxyError::BadResponse));
    }
    if !was_written {
        return (Some(Lost::Unwritten), Told::Error(ProxyError::ConnectFailed));
    }
    (is_idempotent.then_some(Lost::Reset), Told::Error(ProxyError::UpstreamReset))
}
