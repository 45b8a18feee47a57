//! What the heads of requests and responses have in common.

use super::{Framing, Reading};

/// A field of a head or of a trailer section, without the spaces around its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: Vec<u8>,
    pub value: Vec<u8>,
}

impl Field {
    pub fn is(&self, name: &str) -> bool {
        is(&self.name, name)
    }
}

/// Whether these are the same in any case.
pub fn is(word: &[u8], other: &str) -> bool {
    word.eq_ignore_ascii_case(other.as_bytes())
}

/// The fields of a name.
pub fn named<'a>(fields: &'a [Field], name: &'a str) -> impl Iterator<Item = &'a Field> {
    fields.iter().filter(move |field| field.is(name))
}

/// A line at the start of `bytes`, without its CRLF, and what follows.
pub fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[..end], &bytes[end + 2..]))
}

/// The lines up to the first empty one, which is not among them, and how many bytes all of them have.
pub fn lines(bytes: &[u8]) -> Option<(Vec<&[u8]>, usize)> {
    let mut lines = Vec::new();
    let mut rest = bytes;
    loop {
        let (next, after) = line(rest)?;
        rest = after;
        if next.is_empty() {
            return Some((lines, bytes.len() - rest.len()));
        }
        lines.push(next);
    }
}

/// `field-line = field-name ":" OWS field-value OWS` (RFC 9112, section 5).
pub fn field(line: &[u8]) -> Option<Field> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], trimmed(&line[colon + 1..]));
    (is_token(name) && value.iter().all(is_text))
        .then(|| Field { name: name.to_vec(), value: value.to_vec() })
}

/// All of the lines as fields.
pub fn fields(lines: &[&[u8]]) -> Option<Vec<Field>> {
    lines.iter().map(|line| field(line)).collect()
}

/// Without the spaces and tabs at both ends.
pub fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// `token` (RFC 9110, section 5.6.2).
pub fn is_token(word: &[u8]) -> bool {
    const MARKS: &[u8] = b"!#$%&'*+-.^_`|~";
    !word.is_empty() && word.iter().all(|byte| byte.is_ascii_alphanumeric() || MARKS.contains(byte))
}

/// What may stand in a value or a reason (RFC 9110, section 5.5).
pub fn is_text(byte: &u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// The framing that a head's fields declare; none when they declare none. Two declarations are two readings (RFC 9112, section
/// 6.3).
pub fn declared(fields: &[Field]) -> Reading<Option<Framing>> {
    let lengths: Vec<_> = named(fields, "content-length").collect();
    let codings: Vec<_> = named(fields, "transfer-encoding").collect();
    match (&lengths[..], &codings[..]) {
        ([], []) => Reading::Whole(None),
        ([length], []) => match number(&length.value, 10) {
            Some(length) => Reading::Whole(Some(Framing::Length(length))),
            None => Reading::Refused("a length that is no number"),
        },
        ([], [coding]) if is(&coding.value, "chunked") => Reading::Whole(Some(Framing::Chunked)),
        ([], [_]) => Reading::Refused("a coding that is not chunked"),
        _ => Reading::Refused("more than one framing"),
    }
}

/// Digits alone that make a number of 64 bits.
pub fn number(digits: &[u8], radix: u32) -> Option<u64> {
    let are_digits = !digits.is_empty() && digits.iter().all(|byte| char::from(*byte).is_digit(radix));
    let text = std::str::from_utf8(digits).ok().filter(|_| are_digits)?;
    u64::from_str_radix(text, radix).ok()
}
