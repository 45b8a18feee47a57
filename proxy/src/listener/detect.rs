//! What a client speaks, told from its first bytes.

use super::tls::Hello;

/// The protocol of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    /// By prior knowledge (RFC 9113, section 3.3).
    Http2,
    /// TLS, whatever it hides.
    Tls,
    /// Anything else; its bytes are not looked at.
    Opaque,
    /// The bytes so far could be the start of either.
    Unknown,
}

/// A first line longer than this is taken for what it looks like.
const MAX_LOOK: usize = 2048;

/// What a connection with HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The methods in use. A connection that begins like one of them but has no whole line yet may be a slow HTTP client.
const METHODS: [&[u8]; 9] =
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT"];

impl Protocol {
    /// The protocol that begins with `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        match Hello::of(bytes) {
            Hello::Complete(_) => return Self::Tls,
            Hello::Partial if !bytes.is_empty() => return Self::Unknown,
            Hello::Partial | Hello::None => {}
        }
        if begins_http2(bytes) {
            return if bytes.len() < PREFACE.len() { Self::Unknown } else { Self::Http2 };
        }
        let line_start = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let rest = &bytes[line_start..];
        let Some(line_length) = rest.iter().position(|byte| *byte == b'\n') else {
            return match begins_like_a_method(rest) {
                false => Self::Opaque,
                true if bytes.len() < MAX_LOOK => Self::Unknown,
                true => Self::when_silent(bytes),
            };
        };
        let line = rest[..line_length].trim_ascii_end();
        if is_request_line(line) { Self::Http1 } else { Self::Opaque }
    }

    /// The protocol that is assumed when nothing follows `bytes` for a while.
    pub fn when_silent(bytes: &[u8]) -> Self {
        let word = bytes.trim_ascii_start().split(|byte| *byte == b' ').next().unwrap_or_default();
        let is_whole = bytes.trim_ascii_start().len() > word.len();
        let could_be = |method: &&[u8]| if is_whole { **method == *word } else { method.starts_with(word) };
        match bytes {
            [] => Self::Unknown,
            _ if Hello::of(bytes) == Hello::Partial => Self::Tls,
            _ if bytes.len() > 1 && begins_http2(bytes) => Self::Http2,
            _ if !word.is_empty() && METHODS.iter().any(could_be) => Self::Http1,
            _ => Self::Opaque,
        }
    }
}

/// Whether the request that begins with `bytes` is one to a proxy: CONNECT, or a whole URI (RFC 9112, section 3.2).
pub fn is_for_a_proxy(bytes: &[u8]) -> bool {
    let target = bytes.trim_ascii_start().split(|byte| *byte == b' ').nth(1);
    target.is_some_and(|target| !target.starts_with(b"/") && !target.starts_with(b"*"))
}

/// Whether `bytes`, which may be none, and the preface of HTTP/2 are the same as far as they go.
pub fn begins_http2(bytes: &[u8]) -> bool {
    PREFACE.iter().zip(bytes).all(|(expected, byte)| expected == byte)
}

fn begins_like_a_method(bytes: &[u8]) -> bool {
    let length = bytes.iter().take_while(|byte| byte.is_ascii_uppercase() || **byte == b'-').count();
    bytes.is_empty() || (length > 0 && matches!(bytes.get(length), None | Some(b' ')))
}

/// A method, a target and a version of HTTP/1.
fn is_request_line(line: &[u8]) -> bool {
    let Some(version) = line.rsplit(|byte| *byte == b' ').next() else { return false };
    begins_like_a_method(line) && line.contains(&b' ') && version.starts_with(b"HTTP/1.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_http_from_other_protocols() {
        for (bytes, protocol) in [
            (&b""[..], Protocol::Unknown),
            (b"G", Protocol::Unknown),
            (b"GET / HT", Protocol::Unknown),
            (b"GET / HTTP/1.1\r\n", Protocol::Http1),
            (b"\r\nGET / HTTP/1.0\n", Protocol::Http1),
            (b"PROPFIND /a HTTP/1.1\r\nHost: x\r\n", Protocol::Http1),
            (b"M-SEARCH * HTTP/1.1\r\n", Protocol::Http1),
            (b"P", Protocol::Unknown),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n", Protocol::Unknown),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Protocol::Http2),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04", Protocol::Http2),
            (b"PRI * HTTP/2.0\r\nHost: x\r\n", Protocol::Opaque),
            (b"PRIVMSG x :y\r\n", Protocol::Opaque),
            (b"\x16\x03\x01\x02", Protocol::Unknown),
            (b"\x16\x02\x01\x02", Protocol::Opaque),
            (b"SSH-2.0-x", Protocol::Opaque),
            (b"EHLO example\r\n", Protocol::Opaque),
            (b"GET key\r\n", Protocol::Opaque),
            (b"QUIT\r\n", Protocol::Opaque),
            (b"get key\r\n", Protocol::Opaque),
            (b"*1\r\n$4\r\nPING\r\n", Protocol::Opaque),
            (b"\0\0\0\x08", Protocol::Opaque),
        ] {
            assert_eq!(Protocol::of(bytes), protocol, "{}", bytes.escape_ascii());
        }
        let long = [b"GET /", &[b'a'; MAX_LOOK][..]].concat();
        assert_eq!(Protocol::of(&long), Protocol::Http1);
    }

    #[test]
    fn knows_a_request_to_a_proxy() {
        for (request, expected) in [
            (&b"GET http://x/ HTTP/1.1\r\n"[..], true),
            (b"CONNECT x:443 HTTP/1.1\r\n", true),
            (b"\r\nGET / HTTP/1.1\r\n", false),
            (b"OPTIONS * HTTP/1.1\r\n", false),
            (b"GET", false),
        ] {
            assert_eq!(is_for_a_proxy(request), expected, "{}", request.escape_ascii());
        }
    }

    #[test]
    fn takes_a_silent_start_for_what_it_looks_like() {
        assert_eq!(Protocol::when_silent(b""), Protocol::Unknown);
        assert_eq!(Protocol::when_silent(b"PO"), Protocol::Http1);
        assert_eq!(Protocol::when_silent(b"P"), Protocol::Http1);
        assert_eq!(Protocol::when_silent(b"PRI * "), Protocol::Http2);
        assert_eq!(Protocol::when_silent(b"GET /a"), Protocol::Http1);
        assert_eq!(Protocol::when_silent(b"\x16\x03\x01\x02"), Protocol::Tls);
        assert_eq!(Protocol::when_silent(b"EHLO"), Protocol::Opaque);
        assert_eq!(Protocol::when_silent(b"GETX /"), Protocol::Opaque);
    }
}
