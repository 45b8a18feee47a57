//! Making a connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::destination::Endpoint;
use crate::error::ProxyError;
use crate::relay::Peer;

/// Opens a connection to `endpoint`, and counts it.
///
/// # Errors
/// Why there is none.
pub async fn connect(endpoint: &Endpoint, timeout: Duration) -> Result<Peer, ProxyError> {
    match tokio::time::timeout(timeout, TcpStream::connect(endpoint.address)).await {
        Ok(Ok(socket)) => Ok(Peer::new(socket, Arc::clone(endpoint.tcp()))),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(ProxyError::ConnectRefused),
        Ok(Err(error)) => {
            tracing::debug!(address = %endpoint.address, %error, "connect failed");
            Err(ProxyError::ConnectFailed)
        }
        Err(_) => Err(ProxyError::ConnectTimeout),
    }
}
