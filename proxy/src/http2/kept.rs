//! A request's head that is sent and may have to be sent again.

use h2::ext::Protocol;
use http::request::Parts;
use http::uri::{Authority, Parts as UriParts, PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Method, Request, Uri};

/// A head, whole until it is sent.
// It is moved once a request, which is cheaper than a box.
#[allow(clippy::large_enum_variant)]
pub enum Head {
    Whole(Parts),
    Kept(Kept),
}

/// All of a head in one piece of memory: a clone has a piece for every value.
pub struct Kept {
    method: Method,
    protocol: Option<Protocol>,
    /// Scheme, authority and path, then names and values, each behind its length.
    texts: Vec<u8>,
}

const LENGTH: usize = size_of::<u32>();
/// In place of the length of what is not there.
const NONE: u32 = u32::MAX;
/// With the length of a value that no table may hold (RFC 7541, section 7.1.3).
const SENSITIVE: u32 = 1 << 31;
/// As long as the texts of most heads.
const USUAL: usize = 512;

impl Head {
    pub fn method(&self) -> &Method {
        match self {
            Self::Whole(parts) => &parts.method,
            Self::Kept(kept) => &kept.method,
        }
    }

    /// Path and query; empty where there is no path.
    pub fn path(&self) -> &str {
        match self {
            Self::Whole(parts) => parts.uri.path_and_query().map_or("", PathAndQuery::as_str),
            Self::Kept(kept) => kept.path(),
        }
    }

    /// The head, which is made anew when it was sent.
    pub fn whole(&mut self) -> &mut Parts {
        loop {
            match self {
                Self::Whole(parts) => return parts,
                Self::Kept(kept) => *self = Self::Whole(kept.restore()),
            }
        }
    }

    /// Gives the head away, and keeps what it takes to make it anew.
    pub fn send(&mut self) -> Parts {
        let kept = Kept::of(self.whole());
        match std::mem::replace(self, Self::Kept(kept)) {
            Self::Whole(parts) => parts,
            Self::Kept(kept) => kept.restore(),
        }
    }
}

impl Kept {
    fn of(parts: &Parts) -> Self {
        let mut texts = Vec::with_capacity(USUAL);
        let uri = &parts.uri;
        put(&mut texts, uri.scheme_str().map(str::as_bytes), 0);
        put(&mut texts, uri.authority().map(|authority| authority.as_str().as_bytes()), 0);
        put(&mut texts, uri.path_and_query().map(|path| path.as_str().as_bytes()), 0);
        for (name, value) in &parts.headers {
            put(&mut texts, Some(name.as_str().as_bytes()), 0);
            put(&mut texts, Some(value.as_bytes()), if value.is_sensitive() { SENSITIVE } else { 0 });
        }
        Self { method: parts.method.clone(), protocol: parts.extensions.get::<Protocol>().cloned(), texts }
    }

    fn path(&self) -> &str {
        let mut texts = Texts(&self.texts);
        let (_scheme, _authority) = (texts.next_text(), texts.next_text());
        texts.next_text().and_then(|path| std::str::from_utf8(path).ok()).unwrap_or_default()
    }

    /// The head again. What it is made of was valid once, so nothing of it is refused.
    fn restore(&self) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = self.method.clone();
        if let Some(protocol) = &self.protocol {
            parts.extensions.insert(protocol.clone());
        }
        let mut texts = Texts(&self.texts);
        let mut uri = UriParts::default();
        uri.scheme = texts.next_text().and_then(|scheme| Scheme::try_from(scheme).ok());
        uri.authority = texts.next_text().and_then(|authority| Authority::try_from(authority).ok());
        uri.path_and_query = texts.next_text().and_then(|path| PathAndQuery::try_from(path).ok());
        parts.uri = Uri::from_parts(uri).unwrap_or_default();
        while let (Some(name), Some((value, flag))) = (texts.next_text(), texts.next()) {
            if let (Ok(name), Ok(mut value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
            {
                value.set_sensitive(flag == SENSITIVE);
                parts.headers.append(name, value);
            }
        }
        parts
    }
}

/// A text is shorter than 2^31 bytes, for no head is longer.
fn put(texts: &mut Vec<u8>, text: Option<&[u8]>, flag: u32) {
    let length = text.map_or(NONE, |text| text.len() as u32 | flag);
    texts.extend_from_slice(&length.to_le_bytes());
    texts.extend_from_slice(text.unwrap_or_default());
}

/// Texts behind their lengths.
struct Texts<'a>(&'a [u8]);

impl<'a> Texts<'a> {
    /// The next text; none where there was none.
    fn next_text(&mut self) -> Option<&'a [u8]> {
        self.next().map(|(text, _)| text)
    }

    /// The same with its flag.
    fn next(&mut self) -> Option<(&'a [u8], u32)> {
        let (length, rest) = self.0.split_first_chunk::<LENGTH>()?;
        let length = u32::from_le_bytes(*length);
        if length == NONE {
            self.0 = rest;
            return None;
        }
        let (text, rest) = rest.split_at_checked((length & !SENSITIVE) as usize)?;
        self.0 = rest;
        Some((text, length & SENSITIVE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, uri: Uri, fields: &[(&str, &[u8])]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn assert_same(kept: &Parts, expected: &Parts) {
        assert_eq!(kept.method, expected.method);
        assert_eq!(kept.uri, expected.uri);
        assert_eq!(kept.headers, expected.headers);
        let is_sensitive = |parts: &Parts| parts.headers.values().map(HeaderValue::is_sensitive).collect();
        let flags: Vec<bool> = is_sensitive(expected);
        assert_eq!(flags, is_sensitive(kept));
        assert_eq!(kept.extensions.get::<Protocol>(), expected.extensions.get::<Protocol>());
    }

    #[test]
    fn a_head_is_sent_again_as_it_was() {
        let fields: &[(&str, &[u8])] = &[
            ("a", b"1"),
            ("x-long", &[b'y'; 5000]),
            ("a", b"2"),
            ("empty", b""),
            ("octets", b"\xff\x80 \t"),
        ];
        let connect = Uri::from_parts({
            let mut only = UriParts::default();
            only.authority = Some(Authority::from_static("a:1"));
            only
        });
        let mut extended = parts("CONNECT", Uri::from_static("http://a/chat"), &[]);
        extended.extensions.insert(Protocol::from_static("websocket"));
        let mut secret = parts("GET", Uri::from_static("https://b:2/"), &[("authorization", b"x")]);
        for value in secret.headers.values_mut() {
            value.set_sensitive(true);
        }
        for expected in [
            parts("POST", Uri::from_static("http://a.b:80/x?y=z"), fields),
            parts("OPTIONS", Uri::from_static("*"), &[]),
            parts("BREW", Uri::from_static("http://a/"), &[]),
            parts("CONNECT", connect.unwrap(), &[]),
            extended,
            secret,
        ] {
            let mut head = Head::Whole(expected.clone());
            let path = expected.uri.path_and_query().map_or("", PathAndQuery::as_str);
            for _ in 0..2 {
                assert_eq!(head.path(), path);
                assert_same(&head.send(), &expected);
            }
            assert_same(head.whole(), &expected);
        }
    }
}
