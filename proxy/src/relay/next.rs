//! Reading the next request's head from a client.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::buffer::Room;
use super::http::{Client, Side};
use super::{head, record};
use crate::error::ProxyError;
use crate::http1::{Parsed, RequestHead};
use crate::listener::{Hello, begins_http2};
use crate::metrics::{CloseReason, Limit};
use crate::mux;

/// How long a connection without a request stays open once the drain has begun: the next request may be on its way, and whoever
/// sends it is being told to go elsewhere.
const LAST_CALL: Duration = Duration::from_secs(1);

/// What comes next on a connection.
// It is moved once a request, which is cheaper than a box.
#[allow(clippy::large_enum_variant)]
pub enum Next {
    Request(RequestHead),
    Refused(ProxyError),
    Ended(CloseReason),
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
    /// Idle, in a drain.
    LastCall,
    InHead,
}

impl Client {
    /// Whether the first that the client sends, which knows that it speaks to a proxy, is TLS.
    pub(super) fn begins_with_tls(&self) -> bool {
        let bytes = self.peer.received.bytes();
        let is_first = self.peer.moved() == bytes.len() as u64;
        is_first && matches!(self.side, Side::Outbound) && Hello::of(bytes) != Hello::None
    }

    /// Whether the first that the client sends is the preface of HTTP/2, or the part of it that looks like a request. It has a
    /// connection of its own: streams within a stream would be none that anybody counts.
    pub(super) fn begins_with_http2(&self) -> bool {
        let bytes = self.peer.received.bytes();
        !self.peer.is_stream() && self.peer.moved() == bytes.len() as u64 && begins_http2(bytes)
    }

    /// Whether the client makes streams of the connection, as was offered to it, before its first request or after it.
    pub fn begins_streams(&self) -> bool {
        self.peer.may_begin_streams() && self.peer.received.bytes().starts_with(mux::PREFACE)
    }

    /// The next request, when it has come, or why there is none.
    pub(super) async fn next_request(&mut self) -> Next {
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
        let state = match self.peer.received.is_empty() {
            true if self.worker.drain.has_started() => Waiting::LastCall,
            true => Waiting::Idle,
            false => Waiting::InHead,
        };
        if progress.waiting != Some(state) {
            progress.waiting = Some(state);
            let timeouts = &self.worker.config.timeouts;
            self.watch.wakes(cx);
            self.watch.set(match state {
                Waiting::Idle => self.idle_since + timeouts.idle,
                Waiting::LastCall => Instant::now() + LAST_CALL,
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
            (true, Waiting::LastCall) => Poll::Ready(Next::Ended(CloseReason::Drain)),
            (true, Waiting::InHead) => {
                self.worker.limits().reached(Limit::HeaderTimeout);
                Poll::Ready(Next::Refused(ProxyError::HeaderTimeout))
            }
        }
    }
}
