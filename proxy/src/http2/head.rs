//! The head of a request: what is wrong with it, whom it names, and what is changed of it.

use http::header::{HOST, MAX_FORWARDS};
use http::request::Parts;
use http::uri::{Authority, Parts as UriParts, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::error::ProxyError;
use crate::http1::HeadLimits;
use crate::metrics::Limit;

/// What a field takes beyond its name and value where the size of a head is told (RFC 9113, section 6.5.2).
const FIELD_OVERHEAD: usize = 32;

/// The limit that `fields` go beyond, if there is one. `more` bytes of the head are no fields.
pub fn beyond(limits: HeadLimits, fields: &HeaderMap, more: usize) -> Option<Limit> {
    if fields.len() > limits.fields {
        return Some(Limit::HeaderFields);
    }
    let size =
        |(name, value): (&http::HeaderName, &HeaderValue)| name.as_str().len() + value.len() + FIELD_OVERHEAD;
    let bytes = more + fields.iter().map(size).sum::<usize>();
    (bytes > limits.bytes).then_some(Limit::HeaderBytes)
}

/// Bytes of a request's target.
pub fn target_length(head: &Parts) -> usize {
    let path = head.uri.path_and_query().map_or(0, |path| path.as_str().len());
    path + head.uri.authority().map_or(0, |authority| authority.as_str().len())
}

/// Makes sure that the request names an authority: that of Host, or `other` (RFC 9113, section 8.3.1).
///
/// # Errors
/// Host names another one, or there is none.
pub fn name_authority(head: &mut Parts, other: impl FnOnce() -> Option<String>) -> Result<(), ProxyError> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(ProxyError::BadRequest);
    }
    match (head.uri.authority(), host) {
        (Some(authority), Some(host)) => {
            let is_same = authority.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes());
            if is_same { Ok(()) } else { Err(ProxyError::BadRequest) }
        }
        (Some(_), None) => Ok(()),
        (None, host) => {
            let authority = match host {
                Some(host) => Authority::try_from(host.as_bytes()).ok(),
                None => other().and_then(|other| Authority::try_from(other).ok()),
            };
            head.uri = with_authority(&head.uri, authority.ok_or(ProxyError::NotRoutable)?)?;
            Ok(())
        }
    }
}

fn with_authority(uri: &Uri, authority: Authority) -> Result<Uri, ProxyError> {
    let mut parts = UriParts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    parts.path_and_query =
        Some(uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")));
    Uri::from_parts(parts).map_err(|_| ProxyError::BadRequest)
}

/// Counts down how often the request may be sent on (RFC 9110, section 7.6.2).
///
/// # Errors
/// It ends here.
pub fn count_down(head: &mut Parts) -> Result<(), ProxyError> {
    if !matches!(head.method, Method::OPTIONS | Method::TRACE) {
        return Ok(());
    }
    let Some(left) = head.headers.get(MAX_FORWARDS) else { return Ok(()) };
    match left.to_str().ok().and_then(|left| left.parse::<u64>().ok()) {
        Some(0) => Err(ProxyError::MaxForwards),
        Some(left) => {
            head.headers.insert(MAX_FORWARDS, HeaderValue::from(left - 1));
            Ok(())
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(uri: &str, host: Option<&str>) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_request_has_one_authority() {
        for (uri, host, other, expected) in [
            ("http://a/x", None, None, Ok("http://a/x")),
            ("http://a/x", Some("A"), None, Ok("http://a/x")),
            ("http://a/x", Some("b"), None, Err(ProxyError::BadRequest)),
            ("/x?y", Some("b:1"), Some("c"), Ok("http://b:1/x?y")),
            ("/x", None, Some("10.0.0.1:80"), Ok("http://10.0.0.1:80/x")),
            ("/x", None, None, Err(ProxyError::NotRoutable)),
        ] {
            let mut head = head(uri, host);
            let named = name_authority(&mut head, || other.map(str::to_owned));
            assert_eq!(named.map(|()| head.uri.to_string()), expected.map(str::to_owned), "{uri} {host:?}");
        }
    }

    #[test]
    fn a_head_is_held_to_both_limits() {
        let limits = HeadLimits { bytes: 200, fields: 2 };
        let fields = |count: usize, length: usize| {
            let field =
                |number| (format!("x-{number}").parse().unwrap(), "a".repeat(length).parse().unwrap());
            (0..count).map(field).collect::<HeaderMap>()
        };
        assert_eq!(beyond(limits, &fields(2, 10), 10), None);
        assert_eq!(beyond(limits, &fields(3, 10), 10), Some(Limit::HeaderFields));
        assert_eq!(beyond(limits, &fields(2, 70), 10), Some(Limit::HeaderBytes));
        assert_eq!(beyond(limits, &fields(1, 10), 190), Some(Limit::HeaderBytes));
    }
}
