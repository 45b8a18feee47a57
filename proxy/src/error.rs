//! Why the proxy itself answered a request, or could not relay it.

use crate::http1::Refusal;

/// What became of a request that a proxy gives back without an answer of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// No byte of it reached an application.
    Unreached,
    /// The application may have it, but broke the connection before a byte of a response.
    Unanswered,
}

/// A reason that stands in the `mesh-proxy-error` header, in the metrics and in tap events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ProxyError {
    NoSuchService = 1,
    NoEndpoints,
    DiscoveryUnavailable,
    ConnectRefused,
    ConnectFailed,
    ConnectTimeout,
    UpstreamReset,
    BadResponse,
    BadRequest,
    HeaderTooLarge,
    HeaderTimeout,
    TargetTooLong,
    MaxForwards,
    VersionNotSupported,
    NotRoutable,
    Draining,
    Overloaded,
    LocalShortage,
    StallTimeout,
    IdentityFailed,
    NoIdentity,
    IdentityRequired,
    PermissionDenied,
    DeadlineExceeded,
    ProtocolNotSupported,
}

impl ProxyError {
    /// The reason as it stands in headers and labels.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoSuchService => "no-such-service",
            Self::NoEndpoints => "no-endpoints",
            Self::DiscoveryUnavailable => "discovery-unavailable",
            Self::ConnectRefused => "connect-refused",
            Self::ConnectFailed => "connect-failed",
            Self::ConnectTimeout => "connect-timeout",
            Self::UpstreamReset => "upstream-reset",
            Self::BadResponse => "bad-response",
            Self::BadRequest => "bad-request",
            Self::HeaderTooLarge => "header-too-large",
            Self::HeaderTimeout => "header-timeout",
            Self::TargetTooLong => "target-too-long",
            Self::MaxForwards => "max-forwards",
            Self::VersionNotSupported => "version-not-supported",
            Self::NotRoutable => "not-routable",
            Self::Draining => "draining",
            Self::Overloaded => "overloaded",
            Self::LocalShortage => "local-shortage",
            Self::StallTimeout => "stall-timeout",
            Self::IdentityFailed => "identity-failed",
            Self::NoIdentity => "no-identity",
            Self::IdentityRequired => "identity-required",
            Self::PermissionDenied => "permission-denied",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::ProtocolNotSupported => "protocol-not-supported",
        }
    }

    /// What the client is told in words.
    pub fn told(self) -> String {
        format!("mesh-proxy: {}", self.reason())
    }

    /// The fate of the request, where a reason in a `mesh-proxy-error` header tells it.
    pub fn fate(reason: &[u8]) -> Option<Fate> {
        const UNREACHED: [ProxyError; 6] = [
            ProxyError::ConnectRefused,
            ProxyError::ConnectFailed,
            ProxyError::ConnectTimeout,
            ProxyError::Draining,
            ProxyError::Overloaded,
            ProxyError::LocalShortage,
        ];
        let is = |error: &Self| error.reason().as_bytes() == reason;
        match reason {
            _ if UNREACHED.iter().any(is) => Some(Fate::Unreached),
            _ if is(&Self::UpstreamReset) => Some(Fate::Unanswered),
            _ => None,
        }
    }

    /// The status of the response that tells the client.
    pub const fn status(self) -> u16 {
        match self {
            Self::NoSuchService => 404,
            Self::NoEndpoints
            | Self::DiscoveryUnavailable
            | Self::Draining
            | Self::Overloaded
            | Self::LocalShortage
            | Self::NoIdentity => 503,
            Self::ConnectRefused
            | Self::ConnectFailed
            | Self::UpstreamReset
            | Self::BadResponse
            | Self::IdentityFailed => 502,
            Self::IdentityRequired | Self::PermissionDenied => 403,
            Self::ConnectTimeout | Self::StallTimeout | Self::DeadlineExceeded => 504,
            Self::BadRequest | Self::NotRoutable => 400,
            Self::HeaderTooLarge => 431,
            Self::HeaderTimeout => 408,
            Self::TargetTooLong => 414,
            // We implement neither of the methods that may end here.
            Self::MaxForwards | Self::ProtocolNotSupported => 501,
            Self::VersionNotSupported => 505,
        }
    }
}

impl From<Refusal> for ProxyError {
    /// What is wrong with a request that is refused.
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed => Self::BadRequest,
            Refusal::TooLarge | Refusal::TooManyFields => Self::HeaderTooLarge,
            Refusal::TargetTooLong => Self::TargetTooLong,
            Refusal::Version => Self::VersionNotSupported,
        }
    }
}
