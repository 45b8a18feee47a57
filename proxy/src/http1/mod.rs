//! HTTP/1.0 and HTTP/1.1 without input and output: what the bytes of a message mean, and which of them change on the way.
//!
//! Everything here works on slices. Heads are parsed by `httparse` and then held to what RFC 9112 demands of an
//! intermediary: a message that two implementations could read two ways is refused. What passes is sent on byte for byte,
//! except for the [`Edits`] that the next hop needs.

mod body;
mod chunked;
mod edits;
mod fields;
mod hop;
mod method;
#[cfg(test)]
mod properties;
mod request;
mod response;

pub use body::{Body, Truncated};
pub use chunked::{Chunked, Piece};
pub use edits::Edits;
pub use method::Method;
pub use request::{Form, RequestHead};
pub use response::{Asked, ResponseHead};

/// Why a message is refused. Nothing of it is sent on, and its connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It breaks the grammar, or it could be read in more than one way.
    Malformed,
    /// The head is longer than is accepted.
    TooLarge,
    /// The head has more fields than are accepted.
    TooManyFields,
    /// The request-line alone is longer than a head may be.
    TargetTooLong,
    /// It is HTTP, but neither 1.0 nor 1.1.
    Version,
}

/// The version in a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Http10,
    Http11,
}

/// What the first bytes of a message hold.
#[derive(Debug)]
pub enum Parsed<Head> {
    Complete(Head),
    /// The head goes on.
    Partial,
}

/// How large a head may be; what is larger is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Its end included.
    pub bytes: usize,
    /// At most [`MOST_FIELDS`].
    pub fields: usize,
}

/// The highest limit of fields that can be set. Room for so many is on the stack; what is not used of it is not touched.
pub const MOST_FIELDS: usize = 512;

/// Bytes of a head; a head is never longer than a configured limit that fits 32 bits.
type Span = std::ops::Range<u32>;

/// Where `part` lies in `whole`, of which it is a slice.
fn span_in(whole: &[u8], part: &[u8]) -> Span {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    debug_assert!(start + part.len() <= whole.len());
    start as u32..(start + part.len()) as u32
}

/// The bytes of `head` in `span`.
fn slice<'a>(head: &'a [u8], span: &Span) -> &'a [u8] {
    head.get(span.start as usize..span.end as usize).unwrap_or_default()
}

/// The line of the field at `index`, its end included.
fn line(head: &[u8], headers: &[httparse::Header<'_>], index: usize) -> Span {
    let start = |header: &httparse::Header<'_>| span_in(head, header.name.as_bytes()).start;
    let end = headers.get(index + 1).map_or(head.len() as u32 - 2, start);
    headers.get(index).map_or(end, start)..end
}

/// Refuses line feeds without a carriage return, which `httparse` accepts at the end of a line (and nowhere else).
fn check_line_ends(head: &[u8], headers: &[httparse::Header<'_>]) -> Result<(), Refusal> {
    let fields_begin_after_crlf = headers.iter().all(|header| {
        let start = span_in(head, header.name.as_bytes()).start as usize;
        head[..start].ends_with(b"\r\n")
    });
    if fields_begin_after_crlf && head.ends_with(b"\r\n\r\n") { Ok(()) } else { Err(Refusal::Malformed) }
}

/// What an error of `httparse` in `input` means.
fn refusal(error: httparse::Error, input: &[u8]) -> Refusal {
    match error {
        httparse::Error::TooManyHeaders => Refusal::TooManyFields,
        httparse::Error::Version if names_another_version(input) => Refusal::Version,
        _ => Refusal::Malformed,
    }
}

/// The form of a version of HTTP, with any digits (RFC 9112, section 2.3).
const VERSION: &[u8] = b"HTTP/0.0";

/// Whether `word` is a version of HTTP, or may become one.
fn begins_a_version(word: &[u8]) -> bool {
    let fits =
        |(byte, form): (&u8, &u8)| if form.is_ascii_digit() { byte.is_ascii_digit() } else { byte == form };
    word.len() <= VERSION.len() && word.iter().zip(VERSION).all(fits)
}

/// Whether `input` ends within what may become a version of HTTP at the end of its first line: `HTTP/2`.
fn ends_within_a_version(input: &[u8]) -> bool {
    let word = input.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    word.len() < VERSION.len() && begins_a_version(word) && !input.contains(&b'\n')
}

/// Whether one of the words of the first line of `input` is a version of HTTP that is not supported.
fn names_another_version(input: &[u8]) -> bool {
    let line = input.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    words.any(|word| {
        word.len() == VERSION.len() && begins_a_version(word) && !matches!(word, b"HTTP/1.0" | b"HTTP/1.1")
    })
}
