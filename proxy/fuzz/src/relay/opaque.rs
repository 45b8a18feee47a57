//! Connections whose bytes the proxy does not read.

use mesh_proxy::listener::Protocol;

use super::case::{Case, Side};
use crate::strict::Requests;

/// Whether all that reached a connection of the backend, `bytes`, may have come as it was sent: the client speaks another protocol,
/// or asked for a tunnel.
pub fn is_allowed(case: &Case, read: &Requests, bytes: &[u8]) -> bool {
    let sent = case.sent();
    match case.side {
        Side::Inbound => sent.starts_with(bytes) && may_be_another_protocol(case),
        Side::Outbound => read
            .requests
            .iter()
            .filter(|request| request.head.method == b"CONNECT")
            .filter_map(|request| sent.get(request.end()?..))
            .any(|rest| rest.starts_with(bytes)),
    }
}

/// A client that has not said enough for a while is taken for what it looks like so far; the machine may be slow enough for that to
/// happen within any pause.
fn may_be_another_protocol(case: &Case) -> bool {
    let is_opaque = |protocol| matches!(protocol, Protocol::Opaque | Protocol::Tls);
    let mut sent = Vec::new();
    let in_pause = case.segments.iter().any(|segment| {
        sent.extend_from_slice(segment);
        match Protocol::of(&sent) {
            Protocol::Unknown => is_opaque(Protocol::when_silent(&sent)),
            protocol => is_opaque(protocol),
        }
    });
    in_pause || Protocol::of(&sent) == Protocol::Unknown
}
