//! Which way traffic goes, seen from the application beside the proxy.

/// Outbound is what the application sends, inbound what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    Inbound,
    Outbound,
}
