//! Making a connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::destination::Endpoint;
use crate::direction::Direction;
use crate::error::ProxyError;
use crate::identity::Credentials;
use crate::keepalive::KEEPALIVE;
use crate::metrics::{CloseReason, Handshake};
use crate::relay::Peer;
use crate::tls::HandshakeError;

/// Opens a connection to `endpoint`, and counts it.
///
/// # Errors
/// Why there is none.
pub async fn connect(endpoint: &Endpoint) -> Result<Peer, ProxyError> {
    connect_for(endpoint, false).await
}

/// The same for a connection on which the endpoint may offer streams.
///
/// # Errors
/// The same.
pub async fn connect_for_streams(endpoint: &Endpoint) -> Result<Peer, ProxyError> {
    connect_for(endpoint, true).await
}

async fn connect_for(endpoint: &Endpoint, takes_streams: bool) -> Result<Peer, ProxyError> {
    let proof = endpoint.identity().map(|identity| Proof::new(endpoint, identity)).transpose()?;
    let socket = match (open(endpoint.address(), endpoint.connect_timeout()).await, endpoint.fallback()) {
        (Err(ProxyError::ConnectRefused), Some(fallback)) => open(fallback, endpoint.connect_timeout()).await,
        (opened, _) => opened,
    };
    let mut peer = Peer::new(socket?, Arc::clone(endpoint.tcp()));
    if let Some(proof) = proof {
        proof.secure(&mut peer, takes_streams).await?;
    }
    Ok(peer)
}

/// How this proxy and an endpoint prove to each other who they are. Whoever is to prove that is never spoken to in plain text.
struct Proof<'a> {
    endpoint: &'a Endpoint,
    identity: &'a Arc<str>,
    credentials: Arc<Credentials>,
}

impl<'a> Proof<'a> {
    /// # Errors
    /// This proxy has nothing to prove itself by: no connection is worth opening.
    fn new(endpoint: &'a Endpoint, identity: &'a Arc<str>) -> Result<Self, ProxyError> {
        let (credentials, metrics) = endpoint.own_identity();
        let credentials = match credentials {
            Some(credentials) => credentials.check_time().map(|()| credentials),
            None => Err(HandshakeError::NoCertificate("the proxy has no certificate yet")),
        };
        credentials.map(|credentials| Self { endpoint, identity, credentials }).map_err(|error| {
            metrics.shook(Direction::Outbound, Handshake::IdentityFailed);
            failed(endpoint, error)
        })
    }

    async fn secure(self, peer: &mut Peer, takes_streams: bool) -> Result<(), ProxyError> {
        let ip = self.endpoint.address().ip();
        let secured = peer.connect_secured(&self.credentials, self.identity, ip, takes_streams).await;
        self.endpoint.own_identity().1.shook(Direction::Outbound, Handshake::of(&secured));
        match secured {
            Ok(_) => {
                self.endpoint.is_believed();
                Ok(())
            }
            Err(error) => {
                peer.ends(CloseReason::Error);
                Err(failed(self.endpoint, error))
            }
        }
    }
}

/// Tells why there is no secured connection; of what is the same again and again the log tells once.
fn failed(endpoint: &Endpoint, error: HandshakeError) -> ProxyError {
    let (address, identity) =
        (endpoint.address(), endpoint.identity().map(AsRef::as_ref).unwrap_or_default());
    match error {
        HandshakeError::Io(error) => {
            tracing::debug!(%address, %error, "handshake failed");
            ProxyError::ConnectFailed
        }
        HandshakeError::Timeout => ProxyError::ConnectTimeout,
        HandshakeError::NoCertificate(reason) => {
            if endpoint.is_news(reason) {
                tracing::warn!(%address, identity, reason, "no connection to an endpoint that has an identity");
            }
            ProxyError::NoIdentity
        }
        HandshakeError::Identity(reason) => {
            if endpoint.is_news(&reason) {
                tracing::warn!(%address, identity, reason, "endpoint is not who it is said to be");
            }
            ProxyError::IdentityFailed
        }
    }
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
