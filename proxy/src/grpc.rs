//! gRPC over HTTP/2, as far as a proxy has to know it: how a call ended, how long it may take, and how to answer one in its
//! place (PROTOCOL-HTTP2.md of the gRPC project).

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use crate::error::ProxyError;

pub(crate) const STATUS: &str = "grpc-status";
pub(crate) const MESSAGE: &str = "grpc-message";
const TIMEOUT: &str = "grpc-timeout";
/// A content type is one of gRPC when it is this, or goes on with one of `+;`.
const CONTENT_TYPE: &str = "application/grpc";

/// How a call ended: one of the codes 0 to 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrpcStatus(u8);

const CODES: [&str; 17] =
    ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"];

impl GrpcStatus {
    pub const CANCELLED: Self = Self(1);
    pub const UNKNOWN: Self = Self(2);
    pub const DEADLINE_EXCEEDED: Self = Self(4);
    pub const PERMISSION_DENIED: Self = Self(7);
    pub const RESOURCE_EXHAUSTED: Self = Self(8);
    pub const UNIMPLEMENTED: Self = Self(12);
    pub const INTERNAL: Self = Self(13);
    pub const UNAVAILABLE: Self = Self(14);
    const DATA_LOSS: Self = Self(15);

    /// The status that a field's value gives. What is none of the known codes counts as unknown.
    pub fn parse(value: &[u8]) -> Option<Self> {
        if value.is_empty() || value.len() > 10 || !value.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let known = CODES.iter().position(|code| code.as_bytes() == value);
        Some(known.map_or(Self::UNKNOWN, |code| Self(code as u8)))
    }

    /// The status in the fields of a head or of trailers.
    pub fn of(fields: &HeaderMap) -> Option<Self> {
        Self::parse(fields.get(STATUS)?.as_bytes())
    }

    /// What a client takes a reset with this code for.
    pub fn of_reset(reason: h2::Reason) -> Self {
        match reason {
            h2::Reason::REFUSED_STREAM => Self::UNAVAILABLE,
            h2::Reason::CANCEL => Self::CANCELLED,
            h2::Reason::ENHANCE_YOUR_CALM => Self::RESOURCE_EXHAUSTED,
            h2::Reason::INADEQUATE_SECURITY => Self::PERMISSION_DENIED,
            _ => Self::INTERNAL,
        }
    }

    /// How a call ends that the proxy itself answers, or breaks off.
    pub fn of_error(error: ProxyError) -> Self {
        match error.status() {
            403 => Self::PERMISSION_DENIED,
            404 | 501 => Self::UNIMPLEMENTED,
            431 | 414 => Self::RESOURCE_EXHAUSTED,
            400 => Self::INTERNAL,
            _ if error == ProxyError::DeadlineExceeded => Self::DEADLINE_EXCEEDED,
            502..=504 => Self::UNAVAILABLE,
            _ => Self::UNKNOWN,
        }
    }

    /// As it stands in fields and labels.
    pub fn code(self) -> &'static str {
        CODES.get(usize::from(self.0)).unwrap_or(&"2")
    }

    pub fn number(self) -> u32 {
        self.0.into()
    }

    /// Whether it is the server's fault, as 5xx is: the codes that OpenTelemetry's conventions for RPC take for errors of a server.
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::UNKNOWN
                | Self::DEADLINE_EXCEEDED
                | Self::UNIMPLEMENTED
                | Self::INTERNAL
                | Self::UNAVAILABLE
                | Self::DATA_LOSS
        )
    }
}

/// Whether the message with these fields belongs to a gRPC call.
pub fn is_grpc(fields: &HeaderMap) -> bool {
    let value = fields.get(http::header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    value.and_then(|value| value.strip_prefix(CONTENT_TYPE.as_bytes())).is_some_and(|rest| {
        // application/grpc-web is another protocol.
        matches!(rest.first(), None | Some(b'+' | b';' | b' '))
    })
}

/// The code to reset a call with that `error` breaks off, so that its client takes it for the same status as far as there is a code
/// for that.
pub fn reset_for(error: ProxyError) -> h2::Reason {
    match GrpcStatus::of_error(error) {
        GrpcStatus::PERMISSION_DENIED => h2::Reason::INADEQUATE_SECURITY,
        _ => h2::Reason::CANCEL,
    }
}

/// How long the call may take that begins with these fields; none when its client does not say.
pub fn timeout(fields: &HeaderMap) -> Option<Duration> {
    let (unit, digits) = fields.get(TIMEOUT)?.as_bytes().split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let amount: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_secs(amount * 3600)),
        b'M' => Some(Duration::from_secs(amount * 60)),
        b'S' => Some(Duration::from_secs(amount)),
        b'm' => Some(Duration::from_millis(amount)),
        b'u' => Some(Duration::from_micros(amount)),
        b'n' => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn timeouts_are_read_in_every_unit() {
        for (value, expected) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("10S", Some(Duration::from_secs(10))),
            ("99999999m", Some(Duration::from_millis(99_999_999))),
            ("5u", Some(Duration::from_micros(5))),
            ("0n", Some(Duration::ZERO)),
            ("123456789S", None),
            ("S", None),
            ("", None),
            ("-1S", None),
            ("+1S", None),
            ("1s", None),
        ] {
            assert_eq!(timeout(&fields(TIMEOUT, value)), expected, "{value}");
        }
        assert_eq!(timeout(&HeaderMap::new()), None);
    }

    #[test]
    fn statuses_are_read_and_classified() {
        for (value, code, is_failure) in [
            ("0", Some("0"), false),
            ("5", Some("5"), false),
            ("13", Some("13"), true),
            ("14", Some("14"), true),
            ("99", Some("2"), true),
            ("00", Some("2"), true),
            ("-1", None, false),
            ("", None, false),
            ("OK", None, false),
        ] {
            let status = GrpcStatus::of(&fields(STATUS, value));
            assert_eq!(status.map(GrpcStatus::code), code, "{value}");
            assert_eq!(status.is_some_and(GrpcStatus::is_failure), is_failure, "{value}");
        }
    }

    #[test]
    fn a_call_is_known_by_its_content_type() {
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ] {
            assert_eq!(is_grpc(&fields("content-type", value)), expected, "{value}");
        }
    }
}
