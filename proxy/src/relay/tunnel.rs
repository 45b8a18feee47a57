//! Bytes that are not ours to understand, both ways until both sides have finished.

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::flow::{Broken, Flow};
use super::peer::Peer;
use crate::http1::Body;
use crate::metrics::CloseReason;

/// Copies what each peer sends to the other. When one finishes, the other hears of it and may go on.
pub async fn copy(client: &mut Peer, upstream: &mut Peer) {
    let mut there = OneWay::new();
    let mut back = OneWay::new();
    let result = poll_fn(|cx| {
        let sent = there.poll(cx, client, upstream)?;
        let answered = back.poll(cx, upstream, client)?;
        if sent.is_ready() && answered.is_ready() { Poll::Ready(Ok::<(), Broken>(())) } else { Poll::Pending }
    });
    if result.await.is_err() {
        client.reset_when_closed(CloseReason::Reset);
        upstream.reset_when_closed(CloseReason::Reset);
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
}

impl OneWay {
    fn new() -> Self {
        Self { flow: Flow::new(Body::UntilClose), state: State::Copying }
    }

    fn poll(&mut self, cx: &mut Context<'_>, source: &mut Peer, sink: &mut Peer) -> Poll<Result<(), Broken>> {
        if self.state == State::Copying {
            std::task::ready!(self.flow.poll(cx, source, sink))?;
            self.state = State::Finishing;
        }
        if self.state == State::Finishing {
            std::task::ready!(sink.poll_finish(cx)).map_err(|_| Broken::Sink)?;
            self.state = State::Finished;
        }
        Poll::Ready(Ok(()))
    }
}
