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
use crate::mux;
use crate::permission::{Denial, Grant};
use crate::relay::{Client, Link, Peer, Room};

/// How long a client may be silent before its destination is connected, for that may be the one to speak first.
const SILENCE: Duration = Duration::from_millis(30);

/// How long the whole of a first message of TLS may take that was sent to the proxy itself.
const HELLO_TIME: Duration = Duration::from_secs(1);

/// Serves a connection that was meant for `port` to its end.
pub async fn serve(mut client: Box<Client>, port: u16) {
    let is_opaque = client.worker.config.opaque_ports.contain(port);
    if client.may_be_of_mesh() {
        match Box::pin(secure::admit(&mut client, port)).await {
            Admission::Secured => return serve_secured(client, is_opaque).await,
            Admission::Plain(protocol) => return serve_protocol(client, protocol, is_opaque).await,
            Admission::Answered(protocol) => return serve_protocol(client, protocol, false).await,
            Admission::Refused => return,
        }
    }
    serve_admitted(client, is_opaque).await;
}

/// Serves a client that has proved who it is.
async fn serve_secured(mut client: Box<Client>, is_opaque: bool) {
    if !is_opaque && client.peer.offer_streams() {
        return Box::pin(serve_requests(client)).await;
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

/// Serves a client that has requests, and was offered streams for them. It speaks first, however long that takes it to come.
async fn serve_requests(mut client: Box<Client>) {
    let accepted = Instant::now();
    let Some(protocol) = Box::pin(secure::patiently(&mut client)).await else {
        return client.peer.ends(CloseReason::Timeout);
    };
    if client.peer.finished {
        return;
    }
    if client.begins_streams() {
        client.detected(Protocol::Http1, accepted);
        return Box::pin(mux::serve(client)).await;
    }
    client.detected(protocol, accepted);
    serve_protocol(client, protocol, false).await;
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
        // It may have come with the end of a handshake.
        let protocol = protocol_of(client);
        if protocol != Protocol::Unknown {
            return Poll::Ready(protocol);
        }
        match client.peer.poll_receive(cx, Room::Head) {
            Poll::Ready(Ok(length)) if length > 0 => {}
            Poll::Ready(_) => return Poll::Ready(Protocol::Opaque),
            Poll::Pending => return Poll::Pending,
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
    if !client.may_pass_through() {
        return Box::pin(serve_late(client, is_opaque)).await;
    }
    if let Some(link) = connect(&mut client).await {
        serve_first_speaker(client, link, is_opaque).await;
    }
}

/// The application is not to speak first; but what the client says may be a request, and those are decided about one by one.
async fn serve_late(mut client: Box<Client>, is_opaque: bool) {
    let Some(protocol) = secure::patiently(&mut client).await else {
        return client.peer.reset_when_closed(CloseReason::Timeout);
    };
    if secure::is_of_mesh(&client, protocol) {
        return match secure::secure(&mut client).await {
            Admission::Secured => serve_secured(client, is_opaque).await,
            Admission::Plain(_) | Admission::Answered(_) | Admission::Refused => {}
        };
    }
    client.peer.count();
    serve_protocol(client, protocol, is_opaque).await;
}

/// Waits until one side speaks. When the server does so first, its protocol is not HTTP.
async fn serve_first_speaker(mut client: Box<Client>, mut link: Link, is_opaque: bool) {
    client.watch.set(Instant::now() + client.worker.config.timeouts.stall);
    match poll_fn(|cx| poll_first_speaker(&mut client, &mut link.upstream, cx)).await {
        First::Server => {
            client.peer.count();
            return relay_admitted(client, link).await;
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
            Admission::Secured if !is_opaque && client.peer.offer_streams() => {
                keep(&mut client, link);
                Box::pin(serve_requests(client)).await;
            }
            Admission::Secured => Box::pin(serve_first_speaker(client, link, is_opaque)).await,
            Admission::Plain(_) | Admission::Answered(_) | Admission::Refused => {}
        };
    }
    client.peer.count();
    match protocol {
        _ if is_opaque => relay_admitted(client, link).await,
        Protocol::Http1 => {
            keep(&mut client, link);
            client.serve().await;
        }
        // A connection that is shared by streams is made as such.
        Protocol::Http2 => http2::serve(client).await,
        Protocol::Tls => {
            let name = server_name(&client);
            let Some(grant) = admit(&mut client, Some(name.as_deref().unwrap_or_default())) else { return };
            let link = client.relink_tls(link, name.as_deref()).await;
            relay_tls(client, link, name, grant).await;
        }
        Protocol::Opaque | Protocol::Unknown => relay_admitted(client, link).await,
    }
}

/// Keeps a connection that was made before it was known that the client has requests.
fn keep(client: &mut Client, link: Link) {
    let endpoint = client.application().unwrap_or(link.in_flight.endpoint());
    endpoint.idle().put(link.upstream, Instant::now(), &client.worker.sweep);
    client.idle_since = Instant::now();
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
    let Some(grant) = admit(&mut client, Some(name.as_deref().unwrap_or_default())) else { return };
    match client.link_tls(name.as_deref()).await {
        Ok(link) => relay_tls(client, link, name, grant).await,
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
        Ok(link) => relay_tls(client, link, name, None).await,
        Err(error) => client.refuse_connection(error).await,
    }
}

fn server_name(client: &Client) -> Option<String> {
    tls::server_name(client.peer.received.bytes())
}

async fn serve_opaque(mut client: Box<Client>) {
    let Some(grant) = admit(&mut client, None) else { return };
    if let Some(link) = connect(&mut client).await {
        relay_bytes(client, link, grant).await;
    }
}

/// Decides about a connection whose destination was connected before it was known what it is.
async fn relay_admitted(mut client: Box<Client>, link: Link) {
    if let Some(grant) = admit(&mut client, None) {
        relay_bytes(client, link, grant).await;
    }
}

async fn relay_bytes(mut client: Box<Client>, link: Link, grant: Option<Box<Grant>>) {
    if let Some(denial) = client.tunnel(link, grant).await.denial {
        tap_denied(&client, None, &denial);
    }
}

/// Decides about a connection that is passed through; with TLS when it names a server. None when it is refused, which its client
/// is told by the end of it.
fn admit(client: &mut Client, server_name: Option<&str>) -> Option<Option<Box<Grant>>> {
    // Whoever goes without a word only looked whether somebody listens, as probes do.
    if client.peer.finished && client.peer.received.is_empty() && !client.may_pass_through() {
        return None;
    }
    match client.admit_connection() {
        Ok(grant) => Some(grant),
        Err(denial) => {
            tap_denied(client, server_name, &denial);
            client.peer.reset_when_closed(CloseReason::Denied);
            None
        }
    }
}

fn tap_denied(client: &Client, server_name: Option<&str>, denial: &Denial) {
    let Some(application) = client.application().filter(|_| client.worker.tap.active()) else { return };
    let scheme = if server_name.is_some() { "https" } else { "tcp" };
    if let Some(mut tapped) = client.tap_connection(application, scheme, server_name.unwrap_or_default()) {
        tapped.denied_by(denial.permission());
        tapped.end(Duration::ZERO, 0, 0, None, Some(ProxyError::PermissionDenied.reason()));
    }
}

/// TLS is the application's own; of what it hides, only the server's name is told.
async fn relay_tls(
    mut client: Box<Client>,
    link: Link,
    server_name: Option<String>,
    grant: Option<Box<Grant>>,
) {
    let tapped = client.worker.tap.active().then(|| {
        client.tap_connection(link.in_flight.endpoint(), "https", server_name.as_deref().unwrap_or_default())
    });
    let started = Instant::now();
    let copied = client.tunnel(link, grant).await;
    if let Some(mut tapped) = tapped.flatten() {
        tapped.denied_by(copied.denial.as_ref().map_or("", Denial::permission));
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
