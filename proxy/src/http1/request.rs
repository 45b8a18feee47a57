//! The head of a request.

mod target;

pub use target::Form;

use std::mem::MaybeUninit;

use httparse::{Header, Status};

use super::fields::{self, Field, Framing};
use super::hop::Hop;
use super::{
    Body, Chunked, Edits, HeadLimits, MOST_FIELDS, Method, Parsed, Refusal, Span, Version, slice, span_in,
};

/// Empty lines that may stand before a request (RFC 9112, section 2.2).
const MAX_EMPTY_LINES: usize = 4;

/// A request's head that keeps to RFC 9112 and can be read in one way only.
#[derive(Debug, Clone)]
pub struct RequestHead {
    /// Bytes of empty lines before the head, which are not part of it.
    pub leading: usize,
    /// Bytes of the head, its empty line included.
    pub length: usize,
    pub method: Method,
    pub form: Form,
    pub version: Version,
    /// The body as it begins.
    pub body: Body,
    /// The client means to send more requests on the connection.
    pub persistent: bool,
    /// The client asks to change the protocol.
    pub upgrade: bool,
    /// The client may wait for a word from the server before it sends the body.
    pub expects: bool,
    /// It may not be sent on: who gets it has to answer it (RFC 9110, section 7.6.2).
    pub ends_here: bool,
    /// What changes for the next hop.
    pub edits: Edits,
    method_name: Span,
    path: Span,
    authority: Span,
    has_host: bool,
}

impl RequestHead {
    /// Reads the head at the start of `input`, which keeps to `limits`. `at_proxy` is true where the client
    /// knows that it speaks to a proxy, whose credentials are then not sent on.
    ///
    /// # Errors
    /// The head is not one that may be relayed.
    pub fn parse(input: &[u8], limits: HeadLimits, at_proxy: bool) -> Result<Parsed<Self>, Refusal> {
        let leading = empty_lines(input)?;
        let input = &input[leading..];
        let mut fields = [MaybeUninit::uninit(); MOST_FIELDS];
        let fields = &mut fields[..limits.fields.min(MOST_FIELDS)];
        let mut request = httparse::Request::new(&mut []);
        let length = match request.parse_with_uninit_headers(input, fields) {
            Ok(Status::Complete(length)) if length <= limits.bytes => length,
            Ok(Status::Partial) if input.len() < limits.bytes => return Ok(Parsed::Partial),
            Ok(_) => return Err(too_large(input, limits.bytes)),
            // Which version it is, and so what is answered, must not depend on how the line was cut into segments.
            Err(httparse::Error::Version) if super::ends_within_a_version(input) => {
                return Ok(Parsed::Partial);
            }
            Err(error) => return Err(super::refusal(error, input)),
        };
        Self::check(&input[..length], leading, &request, at_proxy).map(Parsed::Complete)
    }

    fn check(
        head: &[u8],
        leading: usize,
        request: &httparse::Request<'_, '_>,
        at_proxy: bool,
    ) -> Result<Self, Refusal> {
        let (Some(method_name), Some(target), Some(version)) =
            (request.method, request.path, request.version)
        else {
            return Err(Refusal::Malformed);
        };
        super::check_line_ends(head, request.headers)?;
        let version = if version == 0 { Version::Http10 } else { Version::Http11 };
        let target_span = span_in(head, target.as_bytes());
        let version_span = target_span.end + 1..target_span.end + 9;
        let mut checked = Self {
            leading,
            length: head.len(),
            method: Method::named(method_name),
            form: Form::Origin,
            version,
            body: Body::NONE,
            persistent: version == Version::Http11,
            upgrade: false,
            expects: false,
            ends_here: false,
            edits: Edits::default(),
            method_name: span_in(head, method_name.as_bytes()),
            path: target_span,
            authority: 0..0,
            has_host: false,
        };
        checked.read_target(head)?;
        checked.read_fields(head, request.headers, at_proxy)?;
        checked.speak_http11(head, version_span);
        Ok(checked)
    }

    fn read_fields(&mut self, head: &[u8], headers: &[Header<'_>], at_proxy: bool) -> Result<(), Refusal> {
        let mut framing = Framing::default();
        let mut hop = Hop::default();
        let mut protocols = Protocols::default();
        let mut has_max_forwards = false;
        for (index, header) in headers.iter().enumerate() {
            match Field::named(header.name.as_bytes()) {
                Field::Other | Field::MeshProxyError => {}
                Field::MaxForwards => {
                    self.read_max_forwards(header, head, has_max_forwards)?;
                    has_max_forwards = true;
                }
                Field::Host => self.read_host(header, super::line(head, headers, index), head)?,
                Field::ContentLength => framing.content_length(header.value)?,
                Field::TransferEncoding => framing.transfer_encoding(header.value)?,
                Field::Connection => hop.read_connection(header.value),
                Field::Te => hop.read_te(header.value),
                Field::Upgrade => protocols.read(header.value),
                // HTTP/1.0 does not have the expectation, and ours is not what is sent on (RFC 9110, section 10.1.1).
                Field::Expect if self.version == Version::Http10 => {
                    self.edits.cut(super::line(head, headers, index));
                }
                Field::Expect => self.expects = true,
                Field::ProxyAuthorization if at_proxy => self.edits.cut(super::line(head, headers, index)),
                Field::ProxyAuthorization => {}
                Field::KeepAlive | Field::ProxyConnection => hop.seen = true,
            }
        }
        if self.version == Version::Http11 && !self.has_host {
            return Err(Refusal::Malformed);
        }
        self.set_persistence(hop);
        self.upgrade = protocols.asked && !protocols.http2 && hop.upgrade && self.version == Version::Http11;
        hop.seen |= protocols.asked;
        hop.edit(&mut self.edits, head, headers, self.upgrade);
        self.set_body(framing)
    }

    /// Host must be there once, and must be empty or an authority. Where the target has one, that one is meant (RFC 9112,
    /// section 3.2.2) and takes the place of what Host says.
    fn read_host(&mut self, header: &Header<'_>, line: Span, head: &[u8]) -> Result<(), Refusal> {
        if self.has_host || !(header.value.is_empty() || fields::is_authority(header.value)) {
            return Err(Refusal::Malformed);
        }
        self.has_host = true;
        let replaced = self.form == Form::Absolute;
        if replaced && header.value != slice(head, &self.authority) {
            let value_end = line.end - 2;
            self.edits.replace(line.start + header.name.len() as u32 + 1..value_end, b" ");
            self.edits.copy(value_end..value_end, self.authority.clone());
        } else if self.authority.is_empty() && !header.value.is_empty() {
            self.authority = span_in(head, header.value);
        }
        Ok(())
    }

    /// The next hop may send OPTIONS or TRACE on once less often (RFC 9110, section 7.6.2).
    fn read_max_forwards(
        &mut self,
        header: &Header<'_>,
        head: &[u8],
        is_second: bool,
    ) -> Result<(), Refusal> {
        if !self.method.is_counted() {
            return Ok(());
        }
        if is_second || header.value.is_empty() || !header.value.iter().all(u8::is_ascii_digit) {
            return Err(Refusal::Malformed);
        }
        let digits = std::str::from_utf8(header.value).unwrap_or_default();
        match digits.parse::<u64>().unwrap_or(u64::MAX).checked_sub(1) {
            None => self.ends_here = true,
            Some(left) => {
                let value = span_in(head, header.value);
                self.edits.cut(value.clone());
                self.edits.insert_owned(value.start, left.to_string().into_bytes().into());
            }
        }
        Ok(())
    }

    fn set_persistence(&mut self, hop: Hop) {
        self.persistent = match self.version {
            Version::Http11 => !hop.close,
            // A proxy keeps no connection to a client of HTTP/1.0 (RFC 9112, section 9.3). Who speaks to us as to a server may
            // have it kept.
            Version::Http10 => hop.keep_alive && !hop.close && self.form != Form::Absolute,
        };
    }

    fn set_body(&mut self, framing: Framing) -> Result<(), Refusal> {
        self.body = match framing {
            Framing { chunked: true, .. } if self.version == Version::Http10 => {
                return Err(Refusal::Malformed);
            }
            Framing { chunked: true, .. } => Body::Chunked(Chunked::default()),
            Framing { length, .. } => Body::Length(length.unwrap_or(0)),
        };
        let content_of_connect = self.method == Method::Connect && !self.body.is_complete();
        if content_of_connect { Err(Refusal::Malformed) } else { Ok(()) }
    }

    /// The next hop hears our version, and an HTTP/1.1 server demands Host (RFC 9112, sections 2.3 and 3.2).
    fn speak_http11(&mut self, head: &[u8], version: Span) {
        if self.version == Version::Http11 {
            return;
        }
        self.edits.replace(version, b"HTTP/1.1");
        if !self.has_host && !self.authority.is_empty() {
            let end = head.len() as u32 - 2;
            self.edits.insert(end, b"Host: ");
            self.edits.copy(end..end, self.authority.clone());
            self.edits.insert(end, b"\r\n");
        }
    }

    /// Names `host` to the next hop when the client, speaking HTTP/1.0, named none.
    pub fn name_host(&mut self, host: impl FnOnce() -> String) {
        if self.authority.is_empty() && !self.has_host {
            let line = format!("Host: {}\r\n", host());
            self.edits.insert_owned(self.length as u32 - 2, line.into_bytes().into());
        }
    }

    /// The method's name in `head`, the bytes that this was parsed from.
    pub fn method_name<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        slice(head, &self.method_name)
    }

    /// The path and query in `head`; empty for CONNECT.
    pub fn path<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        if self.form == Form::Authority { &[] } else { slice(head, &self.path) }
    }

    /// Host, or the authority of the target, in `head`; empty when the client named none.
    pub fn authority<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        slice(head, &self.authority)
    }
}

/// What the Upgrade fields ask for. An upgrade to HTTP/2 without TLS is not sent on: what follows it could not be relayed
/// request by request.
#[derive(Debug, Clone, Copy, Default)]
struct Protocols {
    asked: bool,
    http2: bool,
}

impl Protocols {
    fn read(&mut self, value: &[u8]) {
        self.asked = true;
        self.http2 |= fields::list(value).any(|protocol| protocol.eq_ignore_ascii_case(b"h2c"));
    }
}

/// What is too large in a head that is longer than `limit` (RFC 9112, section 3).
fn too_large(input: &[u8], limit: usize) -> Refusal {
    let has_whole_line = input.iter().take(limit).any(|byte| *byte == b'\n');
    if has_whole_line { Refusal::TooLarge } else { Refusal::TargetTooLong }
}

/// Counts the bytes of the empty lines at the start of `input`, of which a few are forgiven.
fn empty_lines(input: &[u8]) -> Result<usize, Refusal> {
    let mut length = 0;
    while let Some(b"\r\n") = input.get(length..length + 2) {
        length += 2;
    }
    let bare = matches!(input[length..], [b'\n', ..] | [b'\r', _, ..]);
    if bare || length > 2 * MAX_EMPTY_LINES { Err(Refusal::Malformed) } else { Ok(length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn parsed(head: &str) -> Result<RequestHead, Refusal> {
        parsed_within(head, HeadLimits { bytes: 1024, fields: 128 })
    }

    fn parsed_within(head: &str, limits: HeadLimits) -> Result<RequestHead, Refusal> {
        match RequestHead::parse(head.as_bytes(), limits, true)? {
            Parsed::Complete(request) => Ok(request),
            Parsed::Partial => panic!("partial: {head:?}"),
        }
    }

    /// What the next hop gets.
    pub(super) fn relayed(head: &str) -> String {
        let Ok(request) = parsed(head) else { panic!("refused: {head:?}") };
        let mut output = Vec::new();
        let bytes = &head.as_bytes()[request.leading..];
        request.edits.apply(&bytes[..request.length], &mut output);
        String::from_utf8(output).unwrap_or_default()
    }

    #[test]
    fn what_needs_no_change_is_sent_on_as_it_came() {
        let head = "GET /a?b HTTP/1.1\r\nhOST:  x:80 \r\nX-Odd:\t\u{e4} \r\nExpect: 100-continue\r\n\r\n";
        let request = parsed(head).map(|request| request.edits.is_empty());
        assert_eq!(request, Ok(true));
        assert_eq!(relayed(head), head);
    }

    #[test]
    fn fields_for_one_connection_are_not_sent_on() {
        for (fields, expected) in [
            ("Connection: close\r\nA: b\r\n", "A: b\r\n"),
            ("A: b\r\nX-Hop: 1\r\nKeep-Alive: 3\r\nconnection: x-hop, keep-alive\r\n", "A: b\r\n"),
            ("Connection: host, content-length\r\nContent-Length: 0\r\n", "Content-Length: 0\r\n"),
            ("Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\n", ""),
            ("TE: trailers, gzip\r\nConnection: te\r\n", "TE: trailers\r\nConnection: te\r\n"),
            ("TE: gzip\r\nConnection: TE\r\n", ""),
            ("TE: trailers\r\n", "TE: trailers\r\nConnection: TE\r\n"),
            (
                "Upgrade: websocket\r\nConnection: Upgrade\r\n",
                "Upgrade: websocket\r\nConnection: Upgrade\r\n",
            ),
            (
                "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n",
                "Upgrade: websocket\r\nConnection: upgrade\r\n",
            ),
            ("Upgrade: websocket\r\n", ""),
            ("Upgrade: h2c\r\nHTTP2-Settings: x\r\nConnection: Upgrade, HTTP2-Settings\r\n", ""),
            ("Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", ""),
        ] {
            let start = "GET / HTTP/1.1\r\nHost: x\r\n";
            assert_eq!(
                relayed(&format!("{start}{fields}\r\n")),
                format!("{start}{expected}\r\n"),
                "{fields:?}"
            );
        }
    }

    #[test]
    fn decides_the_body_and_persistence() {
        let persistent = |head| parsed(head).map(|request| request.persistent);
        assert_eq!(persistent("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Ok(true));
        assert_eq!(persistent("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), Ok(false));
        assert_eq!(persistent("GET / HTTP/1.0\r\n\r\n"), Ok(false));
        assert_eq!(persistent("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), Ok(true));
        assert_eq!(persistent("GET http://x/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), Ok(false));
        let body = |fields| {
            parsed(&format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n")).map(|request| request.body)
        };
        assert!(matches!(body(""), Ok(Body::Length(0))));
        assert!(matches!(body("Content-Length: 07\r\n"), Ok(Body::Length(7))));
        assert!(matches!(body("Transfer-Encoding: Chunked\r\n"), Ok(Body::Chunked(_))));
    }

    #[test]
    fn options_and_trace_are_sent_on_as_often_as_they_may() {
        let with = |method: &str, value: &str| {
            format!("{method} / HTTP/1.1\r\nHost: x\r\nMax-Forwards: {value}\r\n\r\n")
        };
        for method in ["OPTIONS", "TRACE"] {
            assert_eq!(relayed(&with(method, "10")), with(method, "9"));
            assert_eq!(relayed(&with(method, "1")), with(method, "0"));
            assert_eq!(parsed(&with(method, "0")).map(|request| request.ends_here), Ok(true));
            assert_eq!(parsed(&with(method, "-1")).map(|_| ()), Err(Refusal::Malformed));
            assert_eq!(parsed(&with(method, "5\r\nMax-Forwards: 5")).map(|_| ()), Err(Refusal::Malformed));
            assert_eq!(relayed(&with(method, &"9".repeat(30))), with(method, "18446744073709551614"));
        }
        assert_eq!(relayed(&with("GET", "0")), with("GET", "0"));
    }

    #[test]
    fn expectations_of_http_1_0_are_ignored() {
        let head = "POST / HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
        assert_eq!(parsed(head).map(|request| request.expects), Ok(false));
        assert_eq!(relayed(head), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n");
    }

    #[test]
    fn refuses_what_is_malformed_or_ambiguous() {
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: u@x\r\n\r\n",
            "GET / HTTP/1.1\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc: d\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /  HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET a HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET https://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http:/// HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://u@x/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://x#@y/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
            "CONNECT x:0 HTTP/1.1\r\nHost: x\r\n\r\n",
            "CONNECT x:65536 HTTP/1.1\r\nHost: x\r\n\r\n",
            "CONNECT x:+80 HTTP/1.1\r\nHost: x\r\n\r\n",
            "CONNECT x HTTP/1.1\r\nHost: x\r\n\r\n",
            "CONNECT x:1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
            "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
            "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "\r\rGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ] {
            assert_eq!(parsed(head).map(|_| ()), Err(Refusal::Malformed), "{head:?}");
        }
        assert_eq!(parsed("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").map(|_| ()), Err(Refusal::Version));
        for begun in ["GET / HTTP/2", "GET / HTTP/2.", "GET / HTTP/1"] {
            let limits = HeadLimits { bytes: 1024, fields: 128 };
            let read = RequestHead::parse(begun.as_bytes(), limits, true);
            assert!(matches!(read, Ok(Parsed::Partial)), "{begun:?}");
        }
        for wrong in ["GET / HTTQ", "GET / HTTP/x", "GET / HTTP/2\r\nHost: HTTP/"] {
            assert_eq!(parsed(wrong).map(|_| ()), Err(Refusal::Malformed), "{wrong:?}");
        }
        assert!(parsed("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n").is_ok());
    }

    #[test]
    fn refuses_heads_over_the_limit() {
        let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1024));
        assert_eq!(parsed(&long).map(|_| ()), Err(Refusal::TargetTooLong));
        assert_eq!(parsed(&long[..1024]).map(|_| ()), Err(Refusal::TargetTooLong));
        let long = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(1024));
        assert_eq!(parsed(&long).map(|_| ()), Err(Refusal::TooLarge));
        assert_eq!(parsed(&long[..1024]).map(|_| ()), Err(Refusal::TooLarge));
    }

    #[test]
    fn refuses_more_fields_than_the_limit_says() {
        let with =
            |fields: usize| format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "a:b\r\n".repeat(fields - 1));
        for limit in [8, 127, 128, 129, MOST_FIELDS] {
            let limits = HeadLimits { bytes: 65536, fields: limit };
            let most = parsed_within(&with(limit), limits).map(|request| request.edits.is_empty());
            assert_eq!(most, Ok(true), "{limit}");
            let more = parsed_within(&with(limit + 1), limits).map(|_| ());
            assert_eq!(more, Err(Refusal::TooManyFields), "{limit}");
        }
    }
}
