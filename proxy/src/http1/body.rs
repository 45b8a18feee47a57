//! How far a message's body goes (RFC 9112, section 6).

use super::{Chunked, Refusal};

/// The part of a message's body that is still to come.
#[derive(Debug, Clone)]
pub enum Body {
    /// So many bytes. A message without a body has none.
    Length(u64),
    Chunked(Chunked),
    /// A response that ends with its connection.
    UntilClose,
}

/// The sender closed its connection in the middle of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncated;

impl Body {
    /// No body at all.
    pub const NONE: Self = Self::Length(0);

    /// Takes the next bytes of the connection and says how many of them belong to this body.
    ///
    /// # Errors
    /// The chunked coding is broken. Bytes before the broken place may have been taken by earlier calls.
    pub fn advance(&mut self, input: &[u8]) -> Result<usize, Refusal> {
        match self {
            Self::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= taken as u64;
                Ok(taken)
            }
            Self::Chunked(chunked) => chunked.advance(input),
            Self::UntilClose => Ok(input.len()),
        }
    }

    /// Whether the message is over; a body until close never is before [`Body::end_of_input`].
    pub fn is_complete(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunked) => chunked.is_complete(),
            Self::UntilClose => false,
        }
    }

    /// The sender closed its connection.
    ///
    /// # Errors
    /// The body was not over.
    pub fn end_of_input(&self) -> Result<(), Truncated> {
        if self.is_complete() || matches!(self, Self::UntilClose) { Ok(()) } else { Err(Truncated) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_takes_what_it_says() {
        let mut body = Body::Length(5);
        assert_eq!(body.advance(b"abc"), Ok(3));
        assert!(!body.is_complete());
        assert_eq!(body.end_of_input(), Err(Truncated));
        assert_eq!(body.advance(b"defg"), Ok(2));
        assert!(body.is_complete());
        assert_eq!(body.advance(b"next"), Ok(0));
    }

    #[test]
    fn until_close_ends_with_the_input() {
        let mut body = Body::UntilClose;
        assert_eq!(body.advance(b"abc"), Ok(3));
        assert!(!body.is_complete());
        assert_eq!(body.end_of_input(), Ok(()));
    }
}
