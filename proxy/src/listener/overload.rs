//! Connections beyond the number that the proxy serves. They cost little and are soon gone.

use std::future::poll_fn;
use std::time::Duration;

use super::detect::Protocol;
use super::serve;
use crate::error::ProxyError;
use crate::http2;
use crate::metrics::CloseReason;
use crate::relay::Client;

/// So many are answered at once by each worker; more are reset.
pub const MAX_ANSWERED: usize = 64;
/// How long such a client may take to say what it speaks.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers a client that speaks HTTP by 503, and resets the connection of any other.
pub async fn refuse(mut client: Box<Client>) {
    let speaks = poll_fn(|cx| serve::poll_protocol(&mut client, cx));
    match tokio::time::timeout(PATIENCE, speaks).await {
        Ok(Protocol::Http1) => client.refuse_connection(ProxyError::Overloaded).await,
        Ok(Protocol::Http2) if !client.peer.is_stream() => {
            http2::turn_away(client, ProxyError::Overloaded, CloseReason::Overload).await;
        }
        Ok(_) | Err(_) => client.peer.reset_when_closed(CloseReason::Overload),
    }
}
