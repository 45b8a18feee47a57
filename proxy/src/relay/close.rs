//! Closing a connection whose client may still be sending.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::buffer::Room;
use super::peer::Peer;
use super::sweep::Watch;

/// How long a client's further bytes are read and thrown away. Closed at once, the connection would be reset, and the client
/// might lose the response (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// Closes the connection after what was sent has arrived.
pub async fn linger(peer: &mut Peer, watch: &Watch) {
    watch.set(Instant::now() + LINGER);
    poll_fn(|cx| {
        watch.wakes(cx);
        if watch.has_passed() || ready!(peer.poll_finish(cx)).is_err() {
            Poll::Ready(())
        } else {
            poll_discard(peer, cx)
        }
    })
    .await;
}

fn poll_discard(peer: &mut Peer, cx: &mut Context<'_>) -> Poll<()> {
    while !peer.finished {
        peer.received.consume(peer.received.len());
        if ready!(peer.poll_receive(cx, Room::Body)).is_err() {
            break;
        }
    }
    Poll::Ready(())
}
