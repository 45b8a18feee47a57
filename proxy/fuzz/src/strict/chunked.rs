//! The chunked coding (RFC 9112, section 7.1).

use super::Reading;
use super::head::{self, Field};

/// The body of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Without the coding.
    pub data: Vec<u8>,
    pub trailers: Vec<Field>,
    /// Bytes with the coding.
    pub length: usize,
}

impl Content {
    /// One that has no coding.
    pub fn plain(bytes: &[u8]) -> Self {
        Self { data: bytes.to_vec(), trailers: Vec::new(), length: bytes.len() }
    }
}

/// The chunked body at the start of `bytes`.
pub fn content(bytes: &[u8]) -> Reading<Content> {
    let mut data = Vec::new();
    let mut rest = bytes;
    loop {
        let Some((line, after)) = head::line(rest) else { return Reading::Partial };
        let Some(size) = chunk_size(line) else { return Reading::Refused("a chunk's size") };
        if size == 0 {
            return last(bytes, after, data);
        }
        let Some(chunk) = usize::try_from(size).ok().and_then(|size| after.get(..size)) else {
            return Reading::Partial;
        };
        data.extend_from_slice(chunk);
        match &after[chunk.len()..] {
            [b'\r', b'\n', next @ ..] => rest = next,
            [] | [b'\r'] => return Reading::Partial,
            _ => return Reading::Refused("a chunk's end"),
        }
    }
}

/// `chunk-size [ chunk-ext ]`; of an extension only the characters are looked at.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let end = line.iter().position(|byte| *byte == b';').unwrap_or(line.len());
    let (size, extension) = line.split_at(end);
    head::number(size, 16).filter(|_| extension.iter().all(head::is_text))
}

fn last(bytes: &[u8], trailers: &[u8], data: Vec<u8>) -> Reading<Content> {
    let Some((lines, length)) = head::lines(trailers) else { return Reading::Partial };
    match head::fields(&lines) {
        Some(fields) => {
            let length = bytes.len() - trailers.len() + length;
            Reading::Whole(Content { data, trailers: fields, length })
        }
        None => Reading::Refused("a trailer"),
    }
}
