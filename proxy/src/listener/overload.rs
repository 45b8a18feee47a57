//! Connections beyond the number that the proxy serves. They cost little and are soon gone.

use std::future::poll_fn;
use std::time::Duration;

use super::detect::Protocol;
use super::secure::{self, Admission};
use super::serve;
use crate::error::ProxyError;
use crate::http2;
use crate::metrics::CloseReason;
use crate::mux;
use crate::relay::Client;

/// So many are answered at once by each worker; more are reset.
pub const MAX_ANSWERED: usize = 64;
/// How long such a client may take to prove who it is, where it wants to, and to say what it speaks.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers a client that speaks HTTP by 503, a proxy of the mesh too, and resets the connection of any other.
pub async fn refuse(mut client: Box<Client>) {
    match tokio::time::timeout(PATIENCE, Box::pin(speech(&mut client))).await {
        Ok(None) => {}
        Ok(Some(Protocol::Http1)) => client.refuse_connection(ProxyError::Overloaded).await,
        Ok(Some(Protocol::Http2)) if !client.peer.is_stream() => {
            http2::turn_away(client, ProxyError::Overloaded, CloseReason::Overload).await;
        }
        Ok(Some(_)) if client.begins_streams() => mux::turn_away(client).await,
        Ok(Some(_)) | Err(_) => client.peer.reset_when_closed(CloseReason::Overload),
    }
}

/// What the client speaks, inside of what is secured when it is a proxy of the mesh. That one is to hear that there is no place for
/// it: from a reset it would take the endpoint for one that is gone. None when it is not believed, and has heard that.
async fn speech(client: &mut Client) -> Option<Protocol> {
    let protocol = poll_fn(|cx| serve::poll_protocol(client, cx)).await;
    if !secure::is_of_mesh(client, protocol) {
        return Some(protocol);
    }
    match secure::secure(client).await {
        Admission::Secured => {
            // All its requests are answered on this connection then, instead of one alone.
            client.peer.offer_streams();
            Some(poll_fn(|cx| serve::poll_protocol(client, cx)).await)
        }
        Admission::Plain(_) | Admission::Answered(_) | Admission::Refused => None,
    }
}
