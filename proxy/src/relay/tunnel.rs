//! Bytes that are not ours to understand, both ways until both sides have finished.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use super::flow::{Broken, Flow};
use super::peer::Peer;
use crate::http1::Body;
use crate::metrics::CloseReason;

/// What went through a tunnel.
pub struct Copied {
    /// Bytes that the client sent.
    pub to_upstream: u64,
    /// Bytes that the client was sent.
    pub to_client: u64,
    /// Why the tunnel ended before both sides had finished.
    pub error: Option<&'static str>,
}

/// Copies what each peer sends to the other. When one finishes, the other hears of it and may go on.
pub async fn copy(client: &mut Peer, upstream: &mut Peer) -> Copied {
    let mut there = OneWay::new();
    let mut back = OneWay::new();
    let result = poll_fn(|cx| {
        let sent = there.poll(cx, client, upstream)?;
        let answered = back.poll(cx, upstream, client)?;
        if sent.is_ready() && answered.is_ready() { Poll::Ready(Ok::<(), Broken>(())) } else { Poll::Pending }
    });
    let is_broken = result.await.is_err() || there.is_broken() || back.is_broken();
    if is_broken {
        client.reset_when_closed(CloseReason::Reset);
        upstream.reset_when_closed(CloseReason::Reset);
    }
    Copied {
        to_upstream: there.flow.body_bytes,
        to_client: back.flow.body_bytes,
        error: is_broken.then_some("reset"),
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
