//! One request and its response, both on their way at the same time.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Instant;

use super::answering::Answer;
use super::head::Progress;
use super::peer::Peer;
use super::record::{BrokenOff, Outcome, Record};
use super::sending::Sending;
use super::stall::{Noticed, Stall};
use crate::destination::Endpoint;
use crate::error::ProxyError;
use crate::http1::RequestHead;
use crate::permission::{Denial, Grant};
use crate::worker::Worker;

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The client has the whole response. Connections that are `kept` may be used for another request.
    Complete { client_kept: bool, upstream_kept: bool },
    /// The client has the head of a response after which both peers speak another protocol.
    Tunnel,
    /// The client has nothing yet, and the request is still there: it may go to another endpoint. Where it does not, the exchange
    /// is to be settled.
    Lost(Lost),
    /// The endpoint broke the connection before a byte of a response, and the request goes nowhere else.
    Unanswered { was_written: bool },
    /// The endpoint broke the connection within the response's head, or what it sent is no response.
    BadResponse,
    /// The request's body is malformed, and the client has no response yet.
    BadRequest,
    /// The request's body is malformed, and the client has a part of the response already.
    BadBody,
    /// The client broke the connection, or closed it in the middle of its request.
    ClientGone,
    /// Nothing moved for the stall timeout.
    Stalled,
    /// The policy no longer allows the request; the client has a part of an answer, or none.
    Denied { is_begun: bool },
    /// The response broke off after its head. Where nothing in the message would tell, its end must be made to.
    Cut { tellable: bool },
}

/// How an endpoint left a request without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The connection broke before a byte of the request was written.
    Unwritten,
    /// The connection broke before a byte of a response came.
    Reset,
    /// The endpoint's proxy says that the request reached no application.
    Unreached,
    /// The endpoint's proxy says that the application broke its connection before a byte of a response.
    Unanswered,
}

/// A request that is being relayed.
pub struct Exchange<'a> {
    pub(super) client: &'a mut Peer,
    pub(super) upstream: &'a mut Peer,
    pub(super) request: &'a RequestHead,
    pub(super) worker: &'a Worker,
    stall: Stall<'a>,
    /// It ends when that is over; none when it needs none.
    pub grant: Option<&'a mut Grant>,
    /// Why the request is allowed no longer.
    pub denial: Option<Denial>,
    pub(super) sending: Sending,
    pub(super) answer: Answer,
    /// The request may yet go to another endpoint: all that was taken of it is still in the client's buffer.
    pub(super) is_held: bool,
    /// Bytes of it that were sent on.
    pub(super) held: usize,
    /// A byte of it was written.
    pub(super) was_written: bool,
    /// Nothing of the body has come yet, and the head is held.
    pub(super) awaits_body: bool,
    /// A proxy of the mesh answers for the endpoint.
    pub(super) is_meshed: bool,
    /// How much of the response's head has come.
    pub(super) progress: Progress,
    pub report: Report,
}

/// What is known of an exchange afterwards.
#[derive(Debug, Clone, Copy, Default)]
pub struct Report {
    /// Of the final response; 0 when there was none.
    pub status: u16,
    /// When the final response's head was sent on.
    pub head_at: Option<Instant>,
    /// The final response's body was sent on together with its head.
    pub ended_with_head: bool,
    pub request_bytes: u64,
    pub response_bytes: u64,
    /// The whole request was read.
    pub request_read: bool,
}

impl Report {
    /// Records that a response came, perhaps not to its end, or that the client left before. Returns the time of the end.
    pub fn record(&self, mut record: Record, endpoint: &Endpoint, ended: Ended) -> Instant {
        let Some(head_at) = self.head_at else {
            record.abandoned(self.request_bytes);
            return Instant::now();
        };
        let outcome = self.outcome(head_at, ended);
        record.ended(endpoint, &outcome);
        outcome.ended_at
    }

    /// Records the answer with which a tunnel begins; its end is yet to come.
    pub fn record_tunnel(&self, record: &mut Record, endpoint: &Endpoint) {
        let outcome = self.outcome(self.head_at.unwrap_or_else(Instant::now), Ended::Tunnel);
        record.answered(endpoint, &outcome);
    }

    fn outcome(&self, head_at: Instant, ended: Ended) -> Outcome {
        let ended_at = if self.ended_with_head { head_at } else { Instant::now() };
        Outcome {
            status: self.status,
            head_at,
            ended_at,
            grpc_status: None,
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            broken_off: ended.broken_off(),
        }
    }
}

impl Ended {
    /// Why a response that had begun ended before its time.
    fn broken_off(self) -> Option<BrokenOff> {
        match self {
            Self::ClientGone => Some(BrokenOff::ByClient),
            Self::BadBody => Some(BrokenOff::For(ProxyError::BadRequest)),
            Self::Stalled => Some(BrokenOff::For(ProxyError::StallTimeout)),
            Self::Denied { .. } => Some(BrokenOff::For(ProxyError::PermissionDenied)),
            Self::Cut { .. } => Some(BrokenOff::ByEndpoint),
            _ => None,
        }
    }
}

impl<'a> Exchange<'a> {
    /// The request's head is at the start of what was received from `client`. `has_another` says that another connection may be
    /// tried when this one gives no answer, `is_meshed` that a proxy of the mesh answers for the endpoint.
    pub fn new(
        client: &'a mut Peer,
        upstream: &'a mut Peer,
        request: &'a RequestHead,
        worker: &'a Worker,
        stall: Stall<'a>,
        has_another: bool,
        is_meshed: bool,
    ) -> Self {
        Self {
            client,
            upstream,
            request,
            worker,
            stall,
            grant: None,
            denial: None,
            sending: Sending::Start,
            answer: Answer::Awaited,
            is_held: has_another,
            held: 0,
            was_written: false,
            awaits_body: false,
            is_meshed,
            progress: Progress::default(),
            report: Report::default(),
        }
    }

    /// Relays until the response is complete or something breaks.
    pub async fn run(&mut self) -> Ended {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Ends an exchange whose request was lost and goes nowhere else. What the endpoint's proxy has said of it goes to the client,
    /// but not that nobody has seen the request when an application at another endpoint may have: `was_seen`.
    pub async fn settle(&mut self, lost: Lost, was_seen: bool) -> Ended {
        self.let_go_of_request();
        match lost {
            Lost::Unanswered => self.run().await,
            Lost::Unreached if !was_seen => self.run().await,
            Lost::Unwritten | Lost::Reset | Lost::Unreached => {
                Ended::Unanswered { was_written: was_seen || self.was_written }
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        if let Some(Err(denial)) = self.grant.as_mut().map(|grant| grant.check()) {
            return Poll::Ready(self.deny(denial));
        }
        if let Some(ended) = self.send_request(cx) {
            return Poll::Ready(ended);
        }
        let answered = self.poll_answer(cx);
        match answered {
            Poll::Pending => self.notice(cx).map_or(Poll::Pending, Poll::Ready),
            Poll::Ready(_) => answered,
        }
    }

    #[cold]
    fn deny(&mut self, denial: Denial) -> Ended {
        self.let_go_of_request();
        self.denial = Some(denial);
        let is_begun = self.report.head_at.is_some() || matches!(self.answer, Answer::Interim(_));
        Ended::Denied { is_begun }
    }

    fn notice(&mut self, cx: &Context<'_>) -> Option<Ended> {
        let peers = [&*self.client, &*self.upstream];
        let unread = if self.reads_ahead() { &peers[..0] } else { &peers[..1] };
        match self.stall.notice(cx, peers, unread)? {
            Noticed::Gone => Some(Ended::ClientGone),
            Noticed::Stalled => {
                self.let_go_of_request();
                Some(Ended::Stalled)
            }
        }
    }
}
