//! Paths, by whole segments.

use std::borrow::Cow;

/// The path of a request, without its query, as it was sent and as an application may take it.
pub(super) struct Path<'a> {
    sent: &'a str,
    plain: Cow<'a, str>,
}

impl<'a> Path<'a> {
    pub fn new(target: &'a str) -> Self {
        let sent = target.split(['?', '#']).next().unwrap_or_default();
        Self { sent, plain: plain(sent) }
    }

    /// Whether it is below `prefix`, however it is read.
    pub fn is_surely_below(&self, prefix: &str) -> bool {
        is_below(self.sent, prefix) && is_below(&self.plain, prefix)
    }

    /// Whether it is below `prefix`, in one reading at least.
    pub fn may_be_below(&self, prefix: &str) -> bool {
        is_below(self.sent, prefix) || is_below(&self.plain, prefix)
    }
}

fn is_below(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.is_empty())
}

/// The path with percent-encoding undone, parameters of segments cut, and empty segments and those of dots resolved.
fn plain(path: &str) -> Cow<'_, str> {
    let is_plain = !path.contains(['%', ';', '\\'])
        && !path.contains("//")
        && !path.contains("/.")
        && path.starts_with('/');
    if is_plain {
        return Cow::Borrowed(path);
    }
    let decoded = decoded(path).replace('\\', "/");
    let mut segments = Vec::new();
    for segment in decoded.split('/') {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    Cow::Owned(format!("/{}", segments.join("/")))
}

/// With `%41` as `A`; what is no such triplet stays (RFC 3986, section 2.1).
fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                plain.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_means_whole_segments_without_the_query() {
        for (path, prefix, expected) in [
            ("/api", "/api", true),
            ("/api/", "/api", true),
            ("/api", "/api/", true),
            ("/api/v1?a=/b", "/api", true),
            ("/api?x", "/api", true),
            ("/apis", "/api", false),
            ("/ap", "/api", false),
            ("/", "/", true),
            ("/a", "/", true),
            ("*", "/", true),
            ("/API", "/api", false),
            ("/x?/api", "/api", false),
        ] {
            let path = Path::new(path);
            assert_eq!(path.is_surely_below(prefix), expected, "{} {prefix}", path.sent);
            assert_eq!(path.may_be_below(prefix), expected, "{} {prefix}", path.sent);
        }
    }

    #[test]
    fn what_may_be_read_in_two_ways_is_surely_neither() {
        for sent in [
            "/%61dmin",
            "//admin",
            "/./admin",
            "/x/../admin/users",
            "/x/%2e%2e/admin",
            "/x\\..\\admin",
            "/admin;a=b/users",
            "/x%2f..%2fadmin",
        ] {
            let path = Path::new(sent);
            assert!(path.may_be_below("/admin"), "{sent}");
            assert!(!path.is_surely_below("/admin"), "{sent}");
        }
        let out = Path::new("/public/../admin");
        assert!(out.may_be_below("/public") && !out.is_surely_below("/public"));
        assert!(Path::new("/a%zz%4").is_surely_below("/"));
    }
}
