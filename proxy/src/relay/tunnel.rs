//! Bytes that are not ours to understand, both ways until both sides have finished.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use super::flow::{Broken, Flow};
use super::peer::Peer;
use super::stall::{Noticed, Stall};
use crate::error::ProxyError;
use crate::http1::Body;
use crate::metrics::CloseReason;
use crate::permission::{Denial, Grant};

/// What went through a tunnel.
pub struct Copied {
    /// Bytes that the client sent.
    pub to_upstream: u64,
    /// Bytes that the client was sent.
    pub to_client: u64,
    /// Why the tunnel ended before both sides had finished.
    pub error: Option<&'static str>,
    /// Why it is allowed no longer.
    pub denial: Option<Denial>,
}

/// Copies what each peer sends to the other. When one finishes, the other hears of it and may go on. It ends when `grant` is over.
pub async fn copy(
    client: &mut Peer,
    upstream: &mut Peer,
    mut stall: Stall<'_>,
    mut grant: Option<Box<Grant>>,
) -> Copied {
    let mut there = OneWay::new();
    let mut back = OneWay::new();
    let mut denial = None;
    let result = poll_fn(|cx| {
        if let Some(Err(over)) = grant.as_mut().map(|grant| grant.check()) {
            denial = Some(over);
            return Poll::Ready(Err(CloseReason::Denied));
        }
        let sent = there.poll(cx, client, upstream)?;
        let answered = back.poll(cx, upstream, client)?;
        if sent.is_ready() && answered.is_ready() {
            return Poll::Ready(Ok(()));
        }
        match notice(&mut stall, cx, client, upstream) {
            None => Poll::Pending,
            Some(Noticed::Gone) => Poll::Ready(Err(CloseReason::Reset)),
            Some(Noticed::Stalled) => Poll::Ready(Err(CloseReason::Timeout)),
        }
    });
    let broken = match result.await {
        Ok(()) if there.is_broken() || back.is_broken() => Some(CloseReason::Reset),
        Ok(()) => None,
        Err(reason) => Some(reason),
    };
    if let Some(reason) = broken {
        client.reset_when_closed(reason);
        upstream.reset_when_closed(reason);
    }
    Copied {
        to_upstream: there.flow.body_bytes,
        to_client: back.flow.body_bytes,
        error: broken.map(|reason| match reason {
            CloseReason::Timeout => ProxyError::StallTimeout.reason(),
            CloseReason::Denied => ProxyError::PermissionDenied.reason(),
            _ => "reset",
        }),
        denial,
    }
}

fn notice(stall: &mut Stall<'_>, cx: &Context<'_>, client: &Peer, upstream: &Peer) -> Option<Noticed> {
    let is_unread = |peer: &Peer| peer.finished || !peer.received.is_empty();
    let peers = [client, upstream];
    match peers.map(is_unread) {
        [false, false] => stall.notice(cx, peers, &[]),
        [true, false] => stall.notice(cx, peers, &[client]),
        [false, true] => stall.notice(cx, peers, &[upstream]),
        [true, true] => stall.notice(cx, peers, &peers),
    }
}

impl From<Broken> for CloseReason {
    fn from(_: Broken) -> Self {
        Self::Reset
    }
}

struct OneWay {
    flow: Flow,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Copying,
    Finishing,
    Finished,
    /// The receiver takes no more. What it said before is still on its way.
    Broken,
}

impl OneWay {
    fn new() -> Self {
        Self { flow: Flow::new(Body::UntilClose), state: State::Copying }
    }

    fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    fn poll(&mut self, cx: &mut Context<'_>, source: &mut Peer, sink: &mut Peer) -> Poll<Result<(), Broken>> {
        match ready!(self.poll_to_end(cx, source, sink)) {
            Err(Broken::Sink) => self.state = State::Broken,
            result => result?,
        }
        Poll::Ready(Ok(()))
    }

    fn poll_to_end(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Peer,
        sink: &mut Peer,
    ) -> Poll<Result<(), Broken>> {
        if self.state == State::Copying {
            ready!(self.flow.poll(cx, source, sink))?;
            self.state = State::Finishing;
        }
        if self.state == State::Finishing {
            ready!(sink.poll_finish(cx)).map_err(|_| Broken::Sink)?;
            self.state = State::Finished;
        }
        Poll::Ready(Ok(()))
    }
}
