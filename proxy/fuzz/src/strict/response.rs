//! Responses.

use super::head::{self, Field};
use super::{Content, Framing, Reading};

/// What decides, in a request, how its response is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    pub head: bool,
    pub connect: bool,
    pub upgrade: bool,
}

/// The head of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    pub status: u16,
    /// HTTP/1.0.
    pub is_old: bool,
    pub fields: Vec<Field>,
    pub framing: Framing,
    /// What follows is no HTTP.
    pub is_tunnel: bool,
    /// Bytes, the empty line included.
    pub length: usize,
}

impl ResponseHead {
    /// The head at the start of `bytes`.
    pub fn read(bytes: &[u8], asked: Asked) -> Reading<Self> {
        let Some((lines, length)) = head::lines(bytes) else { return Reading::Partial };
        let Some((line, fields)) = lines.split_first() else { return Reading::Refused("an empty line") };
        let Some((status, is_old)) = status_line(line) else { return Reading::Refused("a status line") };
        let Some(fields) = head::fields(fields) else { return Reading::Refused("a field") };
        if status == 101 && !asked.upgrade {
            return Reading::Refused("a change of protocol that nobody asked for");
        }
        head::declared(&fields).and_then(|declared| {
            if declared == Some(Framing::Chunked) && is_old {
                return Reading::Refused("chunks in HTTP/1.0");
            }
            let is_tunnel = status == 101 || (asked.connect && (200..300).contains(&status));
            let has_no_body = is_tunnel || status < 200 || status == 204 || status == 304 || asked.head;
            let framing = if has_no_body { Framing::Length(0) } else { declared.unwrap_or(Framing::Close) };
            Reading::Whole(Self { status, is_old, fields, framing, is_tunnel, length })
        })
    }

    /// Whether another response to the same request follows.
    pub fn is_interim(&self) -> bool {
        self.status < 200 && !self.is_tunnel
    }
}

fn status_line(line: &[u8]) -> Option<(u16, bool)> {
    let is_old = match line.get(..9)? {
        b"HTTP/1.1 " => false,
        b"HTTP/1.0 " => true,
        _ => return None,
    };
    let status = head::number(line.get(9..12)?, 10).and_then(|status| u16::try_from(status).ok())?;
    let is_whole = match &line[12..] {
        [] => true,
        [b' ', reason @ ..] => reason.iter().all(head::is_text),
        _ => false,
    };
    (is_whole && status >= 100).then_some((status, is_old))
}

/// A final response with its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub head: ResponseHead,
    pub content: Content,
    /// Bytes, with the interim responses before it.
    pub length: usize,
}

impl Response {
    /// The final response at the start of `bytes`, perhaps behind interim ones; nothing comes after `bytes` when `at_end`.
    pub fn read(bytes: &[u8], asked: Asked, at_end: bool) -> Reading<Self> {
        Self::head(bytes, asked).and_then(|(head, start)| {
            let content = head.framing.body(&bytes[start..], at_end);
            content.map(|content| Self { head, length: start + content.length, content })
        })
    }

    /// The head of the final response, and where it ends.
    pub fn head(bytes: &[u8], asked: Asked) -> Reading<(ResponseHead, usize)> {
        let mut start = 0;
        loop {
            match ResponseHead::read(&bytes[start..], asked) {
                Reading::Whole(head) if head.is_interim() => start += head.length,
                other => {
                    return other.map(|head| {
                        let end = start + head.length;
                        (head, end)
                    });
                }
            }
        }
    }
}
