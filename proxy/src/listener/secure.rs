//! Connections to the application of a proxy that has an identity: those of other proxies are secured, and in strict mode there are
//! no others.

use std::future::poll_fn;
use std::time::{Duration, Instant};

use super::detect::Protocol;
use super::serve;
use super::tls;
use crate::config::InboundTls;
use crate::metrics::CloseReason;
use crate::relay::{Client, close};

/// How long a client may take to say its first: as long as for the rest of the handshake.
const PATIENCE: Duration = Duration::from_secs(10);

/// What becomes of a connection.
pub enum Admission {
    /// What is spoken inside is still to be told.
    Secured,
    /// It is in plain text, and may be.
    Plain(Protocol),
    /// It is in plain text, and should not be; but its requests are answered one by one.
    Answered(Protocol),
    Refused,
}

/// Reads a client's first bytes, secures the connection when they are those of a proxy of the mesh, and refuses others in strict
/// mode, but the TLS of an application that secures this port itself.
pub async fn admit(client: &mut Client, port: u16) -> Admission {
    let accepted = Instant::now();
    let is_strict = client.worker.config.inbound_tls == InboundTls::Strict;
    let protocol = match serve::protocol(client).await {
        Some(Protocol::Unknown) if is_strict => patiently(client).await,
        protocol => protocol,
    };
    let Some(protocol) = protocol else {
        client.peer.ends(CloseReason::Reset);
        return Admission::Refused;
    };
    if is_of_mesh(client, protocol) {
        return secure(client).await;
    }
    if protocol != Protocol::Unknown {
        client.peer.count();
    }
    client.detected(protocol, accepted);
    match protocol {
        _ if !is_strict => Admission::Plain(protocol),
        Protocol::Tls if client.worker.config.tls_ports.contain(port) => Admission::Plain(protocol),
        Protocol::Http1 | Protocol::Http2 => Admission::Answered(protocol),
        Protocol::Tls | Protocol::Opaque | Protocol::Unknown => {
            tracing::debug!(client = %client.address, "connection in plain text refused");
            client.peer.reset_when_closed(CloseReason::Denied);
            Admission::Refused
        }
    }
}

/// Whether a client that speaks `protocol` is a proxy of the mesh.
pub fn is_of_mesh(client: &Client, protocol: Protocol) -> bool {
    protocol == Protocol::Tls && client.may_be_of_mesh() && tls::is_of_mesh(client.peer.received.bytes())
}

/// What the client speaks, when it takes its time. None when it says nothing.
pub async fn patiently(client: &mut Client) -> Option<Protocol> {
    let speaks = poll_fn(|cx| serve::poll_protocol(client, cx));
    tokio::time::timeout(PATIENCE, speaks).await.ok()
}

/// Waits for the rest of a first message of TLS: only the whole of it tells whether the client is a proxy of the mesh.
pub async fn rest_of_hello(client: &mut Client) -> Protocol {
    patiently(client).await.unwrap_or(Protocol::Tls)
}

/// Makes the handshake with a proxy of the mesh.
pub async fn secure(client: &mut Client) -> Admission {
    let secured = client.secure().await;
    client.peer.count();
    match secured {
        Ok(()) => Admission::Secured,
        Err(error) => {
            tracing::debug!(client = %client.address, reason = %error, "handshake failed");
            client.peer.ends(CloseReason::Error);
            // A client that sends already is to hear why, not only that the connection is gone.
            close::linger(&mut client.peer, &client.watch).await;
            Admission::Refused
        }
    }
}
