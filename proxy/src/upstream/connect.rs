//! Making a connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::destination::Endpoint;
use crate::direction::Direction;
use crate::error::ProxyError;
use crate::keepalive::KEEPALIVE;
use crate::metrics::{CloseReason, Handshake};
use crate::relay::Peer;
use crate::tls::HandshakeError;

/// Opens a connection to `endpoint`, and counts it.
///
/// # Errors
/// Why there is none.
pub async fn connect(endpoint: &Endpoint) -> Result<Peer, ProxyError> {
    let socket = match (open(endpoint.address(), endpoint.connect_timeout()).await, endpoint.fallback()) {
        (Err(ProxyError::ConnectRefused), Some(fallback)) => open(fallback, endpoint.connect_timeout()).await,
        (opened, _) => opened,
    };
    let mut peer = Peer::new(socket?, Arc::clone(endpoint.tcp()));
    if let Some(identity) = endpoint.identity() {
        secure(&mut peer, endpoint, identity).await?;
    }
    Ok(peer)
}

/// Makes sure that the endpoint is who it is said to be. Whoever is to prove that is never spoken to in plain text.
async fn secure(peer: &mut Peer, endpoint: &Endpoint, identity: &Arc<str>) -> Result<(), ProxyError> {
    let (credentials, metrics) = endpoint.own_identity();
    let secured = match credentials {
        Some(credentials) => peer.connect_secured(&credentials, identity, endpoint.address().ip()).await,
        None => Err(HandshakeError::NoCertificate("the proxy has no certificate yet")),
    };
    metrics.shook(Direction::Outbound, Handshake::of(&secured));
    secured.map(|_| ()).map_err(|error| {
        let address = endpoint.address();
        peer.ends(CloseReason::Error);
        match error {
            HandshakeError::Io(error) => {
                tracing::debug!(%address, %error, "handshake failed");
                ProxyError::ConnectFailed
            }
            HandshakeError::Timeout => ProxyError::ConnectTimeout,
            HandshakeError::NoCertificate(reason) => {
                tracing::warn!(%address, reason, "no connection to an endpoint that has an identity");
                ProxyError::NoIdentity
            }
            HandshakeError::Identity(reason) => {
                tracing::warn!(%address, %identity, reason, "endpoint is not who it is said to be");
                ProxyError::IdentityFailed
            }
        }
    })
}

async fn open(address: SocketAddr, timeout: Duration) -> Result<TcpStream, ProxyError> {
    match tokio::time::timeout(timeout, TcpStream::connect(address)).await {
        Ok(Ok(socket)) => {
            // Without it the connection works all the same.
            let _ = socket2::SockRef::from(&socket).set_tcp_keepalive(&KEEPALIVE);
            Ok(socket)
        }
        Ok(Err(error)) => {
            tracing::debug!(%address, %error, "connect failed");
            Err(reason(&error))
        }
        Err(_) => Err(ProxyError::ConnectTimeout),
    }
}

/// What an error says of the endpoint, or of ourselves: without a descriptor, a port or memory no endpoint could be reached.
fn reason(error: &io::Error) -> ProxyError {
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => ProxyError::ConnectRefused,
        Some(libc::EMFILE | libc::ENFILE | libc::EADDRNOTAVAIL | libc::ENOBUFS | libc::ENOMEM) => {
            ProxyError::LocalShortage
        }
        _ => ProxyError::ConnectFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_are_probed_when_they_are_silent() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = open(listener.local_addr().unwrap(), Duration::from_secs(5)).await.unwrap();
        assert!(socket2::SockRef::from(&socket).keepalive().unwrap());
    }
}
