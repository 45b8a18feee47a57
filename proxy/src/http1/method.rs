//! Methods, as far as they make a difference to a relay.

/// What the relay needs to know of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Head,
    Connect,
    Options,
    Trace,
    /// Any other method that has the same effect when it is sent twice (RFC 9110, section 9.2.2).
    Idempotent,
    Other,
}

impl Method {
    pub(super) fn named(name: &str) -> Self {
        match name {
            "GET" | "PUT" | "DELETE" => Self::Idempotent,
            "HEAD" => Self::Head,
            "CONNECT" => Self::Connect,
            "OPTIONS" => Self::Options,
            "TRACE" => Self::Trace,
            _ => Self::Other,
        }
    }

    /// Whether the request may be sent a second time.
    pub fn is_idempotent(self) -> bool {
        matches!(self, Self::Head | Self::Options | Self::Trace | Self::Idempotent)
    }

    /// Whether Max-Forwards limits how often the request is sent on (RFC 9110, section 7.6.2).
    pub(super) fn is_counted(self) -> bool {
        matches!(self, Self::Options | Self::Trace)
    }
}
