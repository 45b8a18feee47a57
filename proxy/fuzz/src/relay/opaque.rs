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
    may_be(case, |protocol| matches!(protocol, Protocol::Opaque | Protocol::Tls))
        || Protocol::of(&case.sent()) == Protocol::Unknown
}

/// Whether the client may be taken for one that speaks HTTP/2.
pub fn may_be_http2(case: &Case) -> bool {
    may_be(case, |protocol| protocol == Protocol::Http2)
}

/// Whether what was sent before some pause is of a protocol.
fn may_be(case: &Case, is_it: impl Fn(Protocol) -> bool) -> bool {
    let mut sent = Vec::new();
    case.segments.iter().any(|segment| {
        sent.extend_from_slice(segment);
        match Protocol::of(&sent) {
            Protocol::Unknown => is_it(Protocol::when_silent(&sent)),
            protocol => is_it(protocol),
        }
    })
}
