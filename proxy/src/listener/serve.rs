//! A connection of which nobody said what it speaks: HTTP/1 is relayed request by request, anything else byte by byte.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::detect::{self, Protocol};
use super::secure::{self, Admission};
use super::tls;
use crate::error::ProxyError;
use crate::http2;
use crate::metrics::{CloseReason, Limit};
use crate::relay::{Client, Link, Peer, Room};

/// How long a client may be silent before its destination is connected, for that may be the one to speak first.
const SILENCE: Duration = Duration::from_millis(30);

/// How long the whole of a first message of TLS may take that was sent to the proxy itself.
const HELLO_TIME: Duration = Duration::from_secs(1);

/// Serves a connection that was meant for `port` to its end.
pub async fn serve(mut client: Box<Client>, port: u16) {
    let is_opaque = client.worker.config.opaque_ports.contain(port);
    if client.may_be_of_mesh() {
        match Box::pin(secure::admit(&mut client)).await {
            Admission::Secured => {}
            Admission::Plain(protocol) => return serve_protocol(client, protocol, is_opaque).await,
            Admission::Refused => return,
        }
    }
    serve_admitted(client, is_opaque).await;
}

/// Serves a connection of which nothing has been read, or only what its handshake hid.
async fn serve_admitted(mut client: Box<Client>, is_opaque: bool) {
    if is_opaque {
        return Box::pin(serve_opaque(client)).await;
    }
    let accepted = Instant::now();
    let Some(protocol) = protocol(&mut client).await else { return client.peer.ends(CloseReason::Reset) };
    client.detected(protocol, accepted);
    serve_protocol(client, protocol, is_opaque).await;
}

async fn serve_protocol(client: Box<Client>, protocol: Protocol, is_opaque: bool) {
    match protocol {
        Protocol::Unknown => Box::pin(serve_silent(client, is_opaque)).await,
        _ if is_opaque => Box::pin(serve_opaque(client)).await,
        Protocol::Http1 => client.serve().await,
        Protocol::Http2 => Box::pin(http2::serve(client)).await,
        Protocol::Tls => Box::pin(serve_tls(client)).await,
        Protocol::Opaque => Box::pin(serve_opaque(client)).await,
    }
}

/// What the client speaks; unknown when it waits for the server to speak first. None when it is gone.
pub(super) async fn protocol(client: &mut Client) -> Option<Protocol> {
    match poll_fn(|cx| poll_first_bytes(client, cx)).await {
        // Its memory is given back before the connection is served.
        Some(Protocol::Unknown) => Some(Box::pin(what_it_speaks(client)).await),
        protocol => protocol,
    }
}

/// Reads what is there already. None when the client is gone.
fn poll_first_bytes(client: &mut Client, cx: &mut Context<'_>) -> Poll<Option<Protocol>> {
    if !client.peer.received.is_empty() {
        return Poll::Ready(Some(protocol_of(client)));
    }
    let protocol = match client.peer.poll_receive(cx, Room::Head) {
        Poll::Ready(Ok(0)) => Some(Protocol::Opaque),
        Poll::Ready(Ok(_)) => Some(protocol_of(client)),
        Poll::Ready(Err(_)) => None,
        Poll::Pending => Some(Protocol::Unknown),
    };
    Poll::Ready(protocol)
}

/// What the client speaks. A request that names a proxy's destination was meant for an HTTP proxy, which is left to read it.
pub(super) fn protocol_of(client: &Client) -> Protocol {
    let bytes = client.peer.received.bytes();
    match Protocol::of(bytes) {
        Protocol::Http1 if client.is_redirected() && detect::is_for_a_proxy(bytes) => Protocol::Opaque,
        protocol => protocol,
    }
}

/// What the client speaks, as far as it tells within a short time.
async fn what_it_speaks(client: &mut Client) -> Protocol {
    let speaks = poll_fn(|cx| poll_protocol(client, cx));
    match tokio::time::timeout(SILENCE, speaks).await {
        Ok(protocol) => protocol,
        Err(_) => match Protocol::when_silent(client.peer.received.bytes()) {
            Protocol::Tls if client.may_be_of_mesh() => secure::rest_of_hello(client).await,
            protocol => protocol,
        },
    }
}

/// Reads until the protocol is known.
pub fn poll_protocol(client: &mut Client, cx: &mut Context<'_>) -> Poll<Protocol> {
    loop {
        match client.peer.poll_receive(cx, Room::Head) {
            Poll::Ready(Ok(length)) if length > 0 => {}
            Poll::Ready(_) => return Poll::Ready(Protocol::Opaque),
            Poll::Pending => return Poll::Pending,
        }
        let protocol = protocol_of(client);
        if protocol != Protocol::Unknown {
            return Poll::Ready(protocol);
        }
    }
}

/// Who spoke first after a silence.
enum First {
    Client,
    Server,
    /// Nobody, and the connection ends.
    Nobody(CloseReason),
}

/// Nobody has spoken.
async fn serve_silent(mut client: Box<Client>, is_opaque: bool) {
    if let Some(link) = connect(&mut client).await {
        serve_first_speaker(client, link, is_opaque).await;
    }
}

/// Waits until one side speaks. When the server does so first, its protocol is not HTTP.
async fn serve_first_speaker(mut client: Box<Client>, mut link: Link, is_opaque: bool) {
    client.watch.set(Instant::now() + client.worker.config.timeouts.stall);
    match poll_fn(|cx| poll_first_speaker(&mut client, &mut link.upstream, cx)).await {
        First::Server => {
            client.peer.count();
            return relay_bytes(client, link).await;
        }
        First::Nobody(reason) => return client.peer.ends(reason),
        First::Client => {}
    }
    let protocol = match protocol_of(&client) {
        _ if client.peer.finished => Protocol::Opaque,
        Protocol::Unknown => what_it_speaks(&mut client).await,
        protocol => protocol,
    };
    if secure::is_of_mesh(&client, protocol) {
        return match Box::pin(secure::secure(&mut client)).await {
            Admission::Secured => Box::pin(serve_first_speaker(client, link, is_opaque)).await,
            Admission::Plain(_) | Admission::Refused => {}
        };
    }
    client.peer.count();
    match protocol {
        _ if is_opaque => relay_bytes(client, link).await,
        Protocol::Http1 => {
            let endpoint = client.application().unwrap_or(link.in_flight.endpoint());
            endpoint.idle().put(link.upstream, Instant::now(), &client.worker.sweep);
            client.idle_since = Instant::now();
            client.serve().await;
        }
        // A connection that is shared by streams is made as such.
        Protocol::Http2 => http2::serve(client).await,
        Protocol::Tls => {
            let name = server_name(&client);
            let link = client.relink_tls(link, name.as_deref()).await;
            relay_tls(client, link, name).await;
        }
        Protocol::Opaque | Protocol::Unknown => relay_bytes(client, link).await,
    }
}

fn poll_first_speaker(client: &mut Client, upstream: &mut Peer, cx: &mut Context<'_>) -> Poll<First> {
    client.watch.wakes(cx);
    if client.worker.drain.has_started() {
        return Poll::Ready(First::Nobody(CloseReason::Drain));
    }
    if client.watch.has_passed() {
        client.worker.limits().reached(Limit::StallTimeout);
        return Poll::Ready(First::Nobody(CloseReason::Timeout));
    }
    if !client.peer.received.is_empty() {
        return Poll::Ready(First::Client);
    }
    if upstream.poll_receive(cx, Room::Body).is_ready() {
        return Poll::Ready(First::Server);
    }
    client.peer.poll_receive(cx, Room::Head).map(|_| First::Client)
}

async fn serve_tls(mut client: Box<Client>) {
    let name = server_name(&client);
    match client.link_tls(name.as_deref()).await {
        Ok(link) => relay_tls(client, link, name).await,
        Err(error) => refuse(&mut client, error),
    }
}

/// TLS that was sent to the proxy itself: only the server's name says where it is to go. The client is told in plain text why
/// it goes nowhere; it may show that, or at least that this is no TLS.
pub async fn serve_named(mut client: Box<Client>) {
    if protocol_of(&client) == Protocol::Unknown {
        let hello = poll_fn(|cx| poll_protocol(&mut client, cx));
        // What does not come in time is refused for what it is: no whole hello.
        let _ = tokio::time::timeout(HELLO_TIME, hello).await;
    }
    if protocol_of(&client) != Protocol::Tls {
        return client.refuse_connection(ProxyError::BadRequest).await;
    }
    let name = server_name(&client);
    match client.link_tls(name.as_deref()).await {
        Ok(link) => relay_tls(client, link, name).await,
        Err(error) => client.refuse_connection(error).await,
    }
}

fn server_name(client: &Client) -> Option<String> {
    tls::server_name(client.peer.received.bytes())
}

async fn serve_opaque(mut client: Box<Client>) {
    if let Some(link) = connect(&mut client).await {
        relay_bytes(client, link).await;
    }
}

async fn relay_bytes(mut client: Box<Client>, link: Link) {
    client.tunnel(link).await;
}

/// TLS is the application's own; of what it hides, only the server's name is told.
async fn relay_tls(mut client: Box<Client>, link: Link, server_name: Option<String>) {
    let tapped = client.worker.tap.active().then(|| {
        client.tap_connection(link.in_flight.endpoint(), server_name.as_deref().unwrap_or_default())
    });
    let started = Instant::now();
    let copied = client.tunnel(link).await;
    if let Some(tapped) = tapped.flatten() {
        tapped.end(started.elapsed(), copied.to_upstream, copied.to_client, None, copied.error);
    }
}

async fn connect(client: &mut Client) -> Option<Link> {
    match client.link_connection().await {
        Ok(link) => Some(link),
        Err(error) => {
            refuse(client, error);
            None
        }
    }
}

fn refuse(client: &mut Client, error: ProxyError) {
    tracing::debug!(client = %client.address, reason = error.reason(), "connection refused");
    client.peer.reset_when_closed(CloseReason::Error);
}
