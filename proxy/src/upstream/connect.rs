//! Making a connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::destination::Endpoint;
use crate::error::ProxyError;
use crate::keepalive::KEEPALIVE;
use crate::relay::Peer;

/// Opens a connection to `endpoint`, and counts it.
///
/// # Errors
/// Why there is none.
pub async fn connect(endpoint: &Endpoint) -> Result<Peer, ProxyError> {
    let socket = match (open(endpoint.address, endpoint.connect_timeout).await, endpoint.fallback) {
        (Err(ProxyError::ConnectRefused), Some(fallback)) => open(fallback, endpoint.connect_timeout).await,
        (opened, _) => opened,
    };
    socket.map(|socket| Peer::new(socket, Arc::clone(endpoint.tcp())))
}

async fn open(address: SocketAddr, timeout: Duration) -> Result<TcpStream, ProxyError> {
    match tokio::time::timeout(timeout, TcpStream::connect(address)).await {
        Ok(Ok(socket)) => {
            // Without it the connection works all the same.
            let _ = socket2::SockRef::from(&socket).set_tcp_keepalive(&KEEPALIVE);
            Ok(socket)
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(ProxyError::ConnectRefused),
        Ok(Err(error)) => {
            tracing::debug!(%address, %error, "connect failed");
            Err(ProxyError::ConnectFailed)
        }
        Err(_) => Err(ProxyError::ConnectTimeout),
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
