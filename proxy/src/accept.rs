//! Accepting connections, also when the system is short of what they need.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// After an accept that failed (mostly for want of descriptors) nothing is accepted for this long, so that nothing spins.
const PAUSE: Duration = Duration::from_millis(100);

/// The next connection, from whom it may come; small writes are sent at once.
pub(crate) async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((connection, peer)) => {
                // Fails only on a connection that is broken already.
                let _ = connection.set_nodelay(true);
                return (connection, peer);
            }
            Err(error) => {
                tracing::debug!(%error, "connection not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
