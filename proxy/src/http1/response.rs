//! The head of a response.

use std::mem::MaybeUninit;

use httparse::{Header, Status};

use super::fields::{Field, Framing};
use super::hop::Hop;
use crate::error::{Fate, ProxyError};

use super::{Body, Chunked, Edits, HeadLimits, MOST_FIELDS, Parsed, Refusal, Span, Version};

/// Where the status ends in a status-line, all parts of which have a fixed length up to there.
const STATUS_END: u32 = 12;

/// What a request asked for, as far as it decides how its response is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// HEAD: the response has no body.
    pub head: bool,
    /// CONNECT: success makes the connection a tunnel.
    pub connect: bool,
    /// A change of protocol.
    pub upgrade: bool,
    /// A proxy of the mesh answers: what it says of a request's fate is believed. From anyone else that is not sent on.
    pub of_proxy: bool,
}

/// A response's head that keeps to RFC 9112 and can be read in one way only.
#[derive(Debug, Clone)]
pub struct ResponseHead {
    /// Bytes of the head, its empty line included.
    pub length: usize,
    pub status: u16,
    /// The body as it begins.
    pub body: Body,
    /// The server keeps its connection open for more requests.
    pub persistent: bool,
    /// What became of the request, when a proxy on the way answered and says so.
    pub fate: Option<Fate>,
    /// What follows is no longer HTTP but for both peers alone.
    pub tunnel: bool,
    /// What changes for the next hop.
    pub edits: Edits,
    /// The line that says that the body is chunked.
    transfer_encoding: Option<Span>,
}

impl ResponseHead {
    /// Reads the head at the start of `input`, which keeps to `limits`.
    ///
    /// # Errors
    /// The head is not one that may be relayed.
    pub fn parse(input: &[u8], limits: HeadLimits, asked: Asked) -> Result<Parsed<Self>, Refusal> {
        if matches!(input, [first, ..] if *first != b'H') {
            return Err(Refusal::Malformed);
        }
        let mut fields = [MaybeUninit::uninit(); MOST_FIELDS];
        let fields = &mut fields[..limits.fields.min(MOST_FIELDS)];
        let mut response = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let length = match config.parse_response_with_uninit_headers(&mut response, input, fields) {
            Ok(Status::Complete(length)) if length <= limits.bytes => length,
            Ok(Status::Partial) if input.len() < limits.bytes => return Ok(Parsed::Partial),
            Ok(_) => return Err(Refusal::TooLarge),
            Err(error) => return Err(super::refusal(error, input)),
        };
        Self::check(&input[..length], &response, asked).map(Parsed::Complete)
    }

    fn check(head: &[u8], response: &httparse::Response<'_, '_>, asked: Asked) -> Result<Self, Refusal> {
        let (Some(version), Some(status)) = (response.version, response.code) else {
            return Err(Refusal::Malformed);
        };
        super::check_line_ends(head, response.headers)?;
        let version = if version == 0 { Version::Http10 } else { Version::Http11 };
        let switches = status == 101;
        if status < 100 || (switches && !asked.upgrade) {
            return Err(Refusal::Malformed);
        }
        let mut checked = Self {
            length: head.len(),
            status,
            body: Body::NONE,
            persistent: version == Version::Http11,
            tunnel: switches || (asked.connect && (200..300).contains(&status)),
            fate: None,
            edits: Edits::default(),
            transfer_encoding: None,
        };
        if version == Version::Http10 {
            checked.edits.replace(0..8, b"HTTP/1.1");
        }
        // The space after the status stands there without a reason phrase too (RFC 9112, section 4).
        if head.get(STATUS_END as usize) == Some(&b'\r') {
            checked.edits.insert(STATUS_END, b" ");
        }
        checked.read_fields(head, response.headers, asked, version)?;
        Ok(checked)
    }

    /// Whether another response to the same request follows.
    pub fn is_informational(&self) -> bool {
        (100..200).contains(&self.status) && !self.tunnel
    }

    fn read_fields(
        &mut self,
        head: &[u8],
        headers: &[Header<'_>],
        asked: Asked,
        version: Version,
    ) -> Result<(), Refusal> {
        let mut framing = Framing::default();
        let mut hop = Hop::default();
        let line = |index| super::line(head, headers, index);
        for (index, header) in headers.iter().enumerate() {
            match Field::named(header.name.as_bytes()) {
                Field::ContentLength => {
                    framing.content_length(header.value)?;
                    if self.never_has_body() && framing.length != Some(0) {
                        self.edits.cut(line(index));
                    }
                }
                Field::TransferEncoding => {
                    framing.transfer_encoding(header.value)?;
                    self.transfer_encoding = Some(line(index));
                    if self.never_has_body() {
                        self.edits.cut(line(index));
                    }
                }
                Field::Connection => hop.read_connection(header.value),
                Field::KeepAlive | Field::ProxyConnection | Field::Upgrade => hop.seen = true,
                Field::MeshProxyError if asked.of_proxy => {
                    self.fate = ProxyError::fate(header.value);
                }
                Field::MeshProxyError => self.edits.cut(line(index)),
                Field::Te
                | Field::Expect
                | Field::MaxForwards
                | Field::Host
                | Field::ProxyAuthorization
                | Field::Other => {}
            }
        }
        if framing.chunked && version == Version::Http10 {
            return Err(Refusal::Malformed);
        }
        self.set_body(framing, asked);
        self.persistent =
            !hop.close && (self.persistent || hop.keep_alive) && !matches!(self.body, Body::UntilClose);
        hop.edit(&mut self.edits, head, headers, matches!(self.status, 101 | 426));
        Ok(())
    }

    /// Such a response ends with its head, whatever the head says; fields that say otherwise are not sent on, so that nobody
    /// reads it in another way (RFC 9110, sections 8.6 and 9.3.6, and RFC 9112, section 6.1).
    fn never_has_body(&self) -> bool {
        self.tunnel || self.status < 200 || self.status == 204
    }

    fn set_body(&mut self, framing: Framing, asked: Asked) {
        self.body = match framing {
            _ if self.never_has_body() || asked.head || self.status == 304 => Body::NONE,
            Framing { chunked: true, .. } => Body::Chunked(Chunked::default()),
            Framing { length: Some(length), .. } => Body::Length(length),
            Framing { length: None, .. } => Body::UntilClose,
        };
    }

    /// Tells the client that its connection is closed after this response.
    pub fn say_close(&mut self) {
        self.edits.insert(self.length as u32 - 2, b"Connection: close\r\n");
    }

    /// Tells a client that speaks HTTP/1.0 that its connection is kept.
    pub fn say_keep_alive(&mut self) {
        self.edits.insert(self.length as u32 - 2, b"Connection: keep-alive\r\n");
    }

    /// Takes the chunked coding out of the head, for a client that cannot read it.
    pub fn say_not_chunked(&mut self) {
        if let Some(line) = self.transfer_encoding.take() {
            self.edits.cut(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(head: &str, asked: Asked) -> Result<ResponseHead, Refusal> {
        match ResponseHead::parse(head.as_bytes(), HeadLimits { bytes: 1024, fields: 128 }, asked)? {
            Parsed::Complete(response) => Ok(response),
            Parsed::Partial => panic!("partial: {head:?}"),
        }
    }

    fn relayed(head: &str, asked: Asked, finish: impl FnOnce(&mut ResponseHead)) -> String {
        let Ok(mut response) = parsed(head, asked) else { panic!("refused: {head:?}") };
        finish(&mut response);
        let mut output = Vec::new();
        response.edits.apply(head.as_bytes(), &mut output);
        String::from_utf8(output).unwrap_or_default()
    }

    const ANY: Asked = Asked { head: false, connect: false, upgrade: false, of_proxy: false };

    #[test]
    fn only_a_proxy_says_what_became_of_a_request() {
        let head = "HTTP/1.1 502 Bad\r\nmesh-proxy-error: connect-refused\r\nContent-Length: 0\r\n\r\n";
        let proxy = Asked { of_proxy: true, ..ANY };
        assert_eq!(parsed(head, proxy).map(|response| response.fate), Ok(Some(Fate::Unreached)));
        assert_eq!(relayed(head, proxy, |_| ()), head);
        assert_eq!(parsed(head, ANY).map(|response| response.fate), Ok(None));
        assert_eq!(relayed(head, ANY, |_| ()), "HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n");
    }

    #[test]
    fn sends_on_all_but_fields_of_the_connection() {
        let head = "HTTP/1.1 200  Odd\treason\r\nx-a:  b \r\nContent-Length: 3\r\n\r\n";
        assert_eq!(relayed(head, ANY, |_| ()), head);
        let head = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nServer: x\r\nUpgrade: h2\r\n\r\n";
        assert_eq!(relayed(head, ANY, |_| ()), "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n");
        assert_eq!(relayed("HTTP/1.1 200\r\n\r\n", ANY, |_| ()), "HTTP/1.1 200 \r\n\r\n");
        assert_eq!(relayed("HTTP/1.0 200 \r\n\r\n", ANY, |_| ()), "HTTP/1.1 200 \r\n\r\n");
        let head = "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        assert_eq!(relayed(head, Asked { upgrade: true, ..ANY }, |_| ()), head);
    }

    #[test]
    fn tells_the_client_about_its_connection() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n";
        let close = relayed(head, ANY, |response| {
            response.say_not_chunked();
            response.say_close();
        });
        assert_eq!(close, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let kept = relayed(head, ANY, ResponseHead::say_keep_alive);
        assert_eq!(kept, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
    }

    #[test]
    fn decides_the_body() {
        let body = |head: &str, asked| parsed(head, asked).map(|response| response.body);
        let long = "Content-Length: 5\r\n\r\n";
        let chunked = "Transfer-Encoding: chunked\r\n\r\n";
        assert!(matches!(body(&format!("HTTP/1.1 200 OK\r\n{long}"), ANY), Ok(Body::Length(5))));
        assert!(matches!(body(&format!("HTTP/1.1 200 OK\r\n{chunked}"), ANY), Ok(Body::Chunked(_))));
        assert!(matches!(body("HTTP/1.1 200 OK\r\n\r\n", ANY), Ok(Body::UntilClose)));
        let bodiless = [
            (format!("HTTP/1.1 200 OK\r\n{long}"), Asked { head: true, ..ANY }),
            (format!("HTTP/1.1 200 OK\r\n{chunked}"), Asked { head: true, ..ANY }),
            (format!("HTTP/1.1 304 Not Modified\r\n{long}"), ANY),
            (format!("HTTP/1.1 204 No Content\r\n{long}"), ANY),
            ("HTTP/1.1 100 Continue\r\n\r\n".to_owned(), ANY),
            (format!("HTTP/1.1 200 OK\r\n{long}"), Asked { connect: true, ..ANY }),
        ];
        for (head, asked) in bodiless {
            assert!(matches!(body(&head, asked), Ok(Body::Length(0))), "{head:?}");
        }
        let fields = |head: String| relayed(&head, ANY, |_| ());
        assert_eq!(fields(format!("HTTP/1.1 204 None\r\n{long}")), "HTTP/1.1 204 None\r\n\r\n");
        assert_eq!(fields(format!("HTTP/1.1 204 None\r\n{chunked}")), "HTTP/1.1 204 None\r\n\r\n");
    }

    #[test]
    fn decides_persistence() {
        let persistent = |head: &str| parsed(head, ANY).map(|response| response.persistent);
        assert_eq!(persistent("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Ok(true));
        assert_eq!(persistent("HTTP/1.1 200 OK\r\n\r\n"), Ok(false));
        assert_eq!(persistent("HTTP/1.1 204 OK\r\nConnection: Close\r\n\r\n"), Ok(false));
        assert_eq!(persistent("HTTP/1.0 204 OK\r\n\r\n"), Ok(false));
        assert_eq!(persistent("HTTP/1.0 204 OK\r\nConnection: keep-alive\r\n\r\n"), Ok(true));
    }

    #[test]
    fn refuses_what_is_malformed_or_ambiguous() {
        for head in [
            "hello\r\n\r\n",
            "\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/1.1 101 Unasked\r\nUpgrade: x\r\n\r\n",
            "HTTP/1.1 200 OK\nA: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            assert_eq!(parsed(head, ANY).map(|_| ()), Err(Refusal::Malformed), "{head:?}");
        }
        assert_eq!(parsed("HTTP/2.0 200 OK\r\n\r\n", ANY).map(|_| ()), Err(Refusal::Version));
    }
}
