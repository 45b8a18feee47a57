//! Requests.

use super::head::{self, Field, named};
use super::{Content, Framing, Reading};

/// The head of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    pub method: Vec<u8>,
    pub target: Vec<u8>,
    /// HTTP/1.0.
    pub is_old: bool,
    pub fields: Vec<Field>,
    pub framing: Framing,
    /// Bytes, the empty line included.
    pub length: usize,
}

impl RequestHead {
    /// The head at the start of `bytes`, with no empty lines before it.
    pub fn read(bytes: &[u8]) -> Reading<Self> {
        let Some((lines, length)) = head::lines(bytes) else { return Reading::Partial };
        let Some((line, fields)) = lines.split_first() else { return Reading::Refused("an empty line") };
        let Some((method, target, is_old)) = request_line(line) else {
            return Reading::Refused("a request line");
        };
        let Some(fields) = head::fields(fields) else { return Reading::Refused("a field") };
        let hosts = named(&fields, "host").count();
        if hosts > 1 || (hosts == 0 && !is_old) {
            return Reading::Refused("no host, or two");
        }
        head::declared(&fields).and_then(|framing| match framing {
            Some(Framing::Chunked) if is_old => Reading::Refused("chunks in HTTP/1.0"),
            framing => {
                let framing = framing.unwrap_or(Framing::Length(0));
                Reading::Whole(Self { method, target, is_old, fields, framing, length })
            }
        })
    }

    pub fn asked(&self) -> super::Asked {
        super::Asked {
            head: self.method == b"HEAD",
            connect: self.method == b"CONNECT",
            upgrade: named(&self.fields, "upgrade").count() > 0,
        }
    }

    /// Whether sending it twice is sending it once (RFC 9110, section 9.2.2).
    pub fn is_idempotent(&self) -> bool {
        [&b"GET"[..], b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"].contains(&&self.method[..])
    }
}

fn request_line(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>, bool)> {
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_old = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        _ => return None,
    };
    let is_target = !target.is_empty() && target.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
    (words.next().is_none() && head::is_token(method) && is_target)
        .then(|| (method.to_vec(), target.to_vec(), is_old))
}

/// A request and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub head: RequestHead,
    /// Where its body begins.
    pub body_start: usize,
    /// None when the body breaks off, or its coding is broken.
    pub content: Option<Content>,
}

impl Request {
    /// Where the request ends, when it does.
    pub fn end(&self) -> Option<usize> {
        self.content.as_ref().map(|content| self.body_start + content.length)
    }
}

/// The requests of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requests {
    /// All of them whole but, perhaps, the last.
    pub requests: Vec<Request>,
    /// Why there is not another one: nothing comes, or nothing whole, or what comes is none.
    pub then: Reading<()>,
    /// Where what comes after the last whole head begins, a body that is not whole included.
    pub rest: usize,
}

impl Requests {
    /// Reads all of them, as if every CONNECT and upgrade were refused. Empty lines may stand before one when `forgiving` (RFC
    /// 9112, section 2.2).
    pub fn read(bytes: &[u8], forgiving: bool) -> Self {
        let mut read = Self { requests: Vec::new(), then: Reading::Partial, rest: 0 };
        loop {
            while forgiving && bytes[read.rest..].starts_with(b"\r\n") {
                read.rest += 2;
            }
            let head = match RequestHead::read(&bytes[read.rest..]) {
                Reading::Whole(head) => head,
                other => {
                    read.then = if read.rest == bytes.len() { Reading::Whole(()) } else { other.map(|_| ()) };
                    return read;
                }
            };
            read.rest += head.length;
            let body_start = read.rest;
            let body = head.framing.body(&bytes[body_start..], false);
            read.then = body.clone().map(|_| ());
            let content = body.whole();
            let is_last = content.is_none();
            read.rest += content.as_ref().map_or(0, |content| content.length);
            read.requests.push(Request { head, body_start, content });
            if is_last {
                return read;
            }
        }
    }
}
