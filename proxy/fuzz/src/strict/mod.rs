//! A reading of HTTP/1 by the letter of RFC 9112, made without the proxy's code and without its parser, slowly and from whole
//! messages. What the proxy lets through must have just the meaning that it has here.

mod chunked;
mod head;
mod request;
mod response;

pub use chunked::{Content, content};
pub use head::{Field, is, named, trimmed};
pub use request::{Request, RequestHead, Requests};
pub use response::{Asked, Response, ResponseHead};

/// What some bytes begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<T> {
    Whole(T),
    /// The bytes end before it does.
    Partial,
    /// It is none, for this reason.
    Refused(&'static str),
}

impl<T> Reading<T> {
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Reading<U> {
        self.and_then(|whole| Reading::Whole(change(whole)))
    }

    pub fn and_then<U>(self, next: impl FnOnce(T) -> Reading<U>) -> Reading<U> {
        match self {
            Self::Whole(whole) => next(whole),
            Self::Partial => Reading::Partial,
            Self::Refused(reason) => Reading::Refused(reason),
        }
    }

    pub fn whole(self) -> Option<T> {
        match self {
            Self::Whole(whole) => Some(whole),
            Self::Partial | Self::Refused(_) => None,
        }
    }
}

/// Decimal digits alone that make a number of 64 bits.
pub fn number(digits: &[u8]) -> Option<u64> {
    head::number(digits, 10)
}

/// How the end of a message is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    Chunked,
    /// The end of a response's connection.
    Close,
}

impl Framing {
    /// The body at the start of `bytes`, after which nothing comes when `at_end`.
    pub fn body(self, bytes: &[u8], at_end: bool) -> Reading<Content> {
        match self {
            Self::Chunked => content(bytes),
            Self::Close if at_end => Reading::Whole(Content::plain(bytes)),
            Self::Close => Reading::Partial,
            Self::Length(length) => {
                let body = usize::try_from(length).ok().and_then(|length| bytes.get(..length));
                body.map_or(Reading::Partial, |body| Reading::Whole(Content::plain(body)))
            }
        }
    }
}
