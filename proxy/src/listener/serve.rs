//! A connection to the application: HTTP/1 is relayed request by request, anything else byte by byte.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::detect::Protocol;
use crate::destination::Endpoint;
use crate::metrics::CloseReason;
use crate::relay::{self, Client, Peer, Room};
use crate::upstream;

/// How long a client may be silent before the application is connected, for it may be the one to speak first.
const SILENCE: Duration = Duration::from_millis(30);

/// Serves a connection to its end.
pub async fn serve(mut client: Client, application: Rc<Endpoint>) {
    match poll_fn(|cx| poll_first_bytes(&mut client, cx)).await {
        Some(Protocol::Http1) => client.serve().await,
        Some(Protocol::Opaque) => Box::pin(serve_opaque(client, application)).await,
        Some(Protocol::Unknown) => Box::pin(serve_slow(client, application)).await,
        None => client.peer.ends(CloseReason::Reset),
    }
}

/// Reads what is there already. None when the client is gone.
fn poll_first_bytes(client: &mut Client, cx: &mut Context<'_>) -> Poll<Option<Protocol>> {
    let protocol = match client.peer.poll_receive(cx, Room::Head) {
        Poll::Ready(Ok(_)) => Some(Protocol::of(client.peer.received.bytes())),
        Poll::Ready(Err(_)) => None,
        Poll::Pending => Some(Protocol::Unknown),
    };
    Poll::Ready(protocol)
}

/// Waits a little for the client to say enough, and then for whoever speaks first.
async fn serve_slow(mut client: Client, application: Rc<Endpoint>) {
    let protocol = match tokio::time::timeout(SILENCE, client_speaks(&mut client.peer)).await {
        Ok(protocol) => protocol,
        Err(_) => Protocol::when_silent(client.peer.received.bytes()),
    };
    match protocol {
        Protocol::Http1 => client.serve().await,
        Protocol::Opaque => serve_opaque(client, application).await,
        Protocol::Unknown => serve_silent(client, application).await,
    }
}

/// Reads until the protocol is known.
async fn client_speaks(client: &mut Peer) -> Protocol {
    poll_fn(|cx| {
        loop {
            match client.poll_receive(cx, Room::Head) {
                Poll::Ready(Ok(length)) if length > 0 => {}
                Poll::Ready(_) => return Poll::Ready(Protocol::Opaque),
                Poll::Pending => return Poll::Pending,
            }
            let protocol = Protocol::of(client.received.bytes());
            if protocol != Protocol::Unknown {
                return Poll::Ready(protocol);
            }
        }
    })
    .await
}

/// Nobody has spoken. When the application does so first, its protocol is not HTTP.
async fn serve_silent(mut client: Client, application: Rc<Endpoint>) {
    let Some(mut upstream) = connect(&mut client, &application).await else { return };
    let first = poll_fn(|cx| poll_first_speaker(&mut client, &mut upstream, cx)).await;
    match first {
        Protocol::Opaque => relay::copy(&mut client.peer, &mut upstream).await,
        Protocol::Http1 | Protocol::Unknown => {
            application.idle.put(upstream, Instant::now(), &client.worker.sweep);
            client.idle_since = Instant::now();
            client.serve().await;
        }
    }
}

fn poll_first_speaker(client: &mut Client, upstream: &mut Peer, cx: &mut Context<'_>) -> Poll<Protocol> {
    client.watch.wakes(cx);
    if client.worker.drain.has_started() && client.peer.received.is_empty() {
        return Poll::Ready(Protocol::Http1);
    }
    if upstream.poll_receive(cx, Room::Body).is_ready() {
        return Poll::Ready(Protocol::Opaque);
    }
    loop {
        match client.peer.poll_receive(cx, Room::Head) {
            Poll::Ready(Ok(length)) if length > 0 => {}
            Poll::Ready(_) => return Poll::Ready(Protocol::Opaque),
            Poll::Pending => return Poll::Pending,
        }
        let protocol = Protocol::of(client.peer.received.bytes());
        if protocol != Protocol::Unknown {
            return Poll::Ready(protocol);
        }
    }
}

async fn serve_opaque(mut client: Client, application: Rc<Endpoint>) {
    if let Some(mut upstream) = connect(&mut client, &application).await {
        relay::copy(&mut client.peer, &mut upstream).await;
    }
}

async fn connect(client: &mut Client, application: &Endpoint) -> Option<Peer> {
    match upstream::connect(application, client.worker.config.timeouts.connect).await {
        Ok(upstream) => Some(upstream),
        Err(error) => {
            tracing::debug!(address = %application.address, reason = error.reason(), "connection refused");
            client.peer.reset_when_closed(CloseReason::Error);
            None
        }
    }
}
