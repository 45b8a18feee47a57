//! The chunked transfer coding (RFC 9112, section 7.1): boundaries found and syntax checked in passing, nothing copied.

use super::Refusal;
use super::fields::{self, is_token};

/// Bytes of extensions that one chunk may carry.
const MAX_EXTENSION: u16 = 256;
/// Bytes that a trailer section may have.
const MAX_TRAILERS: u16 = 16 * 1024;
/// Longer than any name that is forbidden in trailers; what is longer is not compared.
const NAME_SPACE: usize = 24;

/// A decoder that may be given the coding in pieces of any size.
///
/// Extensions and trailers are part of the message and are sent on. Trailer fields that could change how a message is framed
/// or routed are refused, as no sender may generate them (RFC 9110, section 6.5.1).
#[derive(Debug, Clone)]
pub struct Chunked {
    state: State,
    /// Of the chunk that is being read: its size so far, then what is left of its data.
    size: u64,
    /// Bytes of the extension, or of all trailers, so far.
    count: u16,
    name: [u8; NAME_SPACE],
    name_length: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first digit.
    SizeStart,
    Size,
    Extension,
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLineFeed,
    EndLineFeed,
    Complete,
}

/// A run of bytes with one meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// Sizes, extensions, line ends and trailers.
    Framing(usize),
    /// The message's content.
    Data(usize),
}

impl Default for Chunked {
    fn default() -> Self {
        Self { state: State::SizeStart, size: 0, count: 0, name: [0; NAME_SPACE], name_length: 0 }
    }
}

impl Chunked {
    /// Whether the trailer section has ended.
    pub fn is_complete(&self) -> bool {
        self.state == State::Complete
    }

    /// Takes the next bytes of the connection and says how many of them belong to this body.
    ///
    /// # Errors
    /// They break the coding.
    pub fn advance(&mut self, input: &[u8]) -> Result<usize, Refusal> {
        let mut taken = 0;
        while taken < input.len() && !self.is_complete() {
            taken += match self.next(&input[taken..])? {
                Piece::Framing(length) | Piece::Data(length) => length,
            };
        }
        Ok(taken)
    }

    /// Takes the longest run of one meaning at the start of `input`, which must not be empty unless the body is complete.
    ///
    /// # Errors
    /// They break the coding.
    pub fn next(&mut self, input: &[u8]) -> Result<Piece, Refusal> {
        if self.state == State::Data {
            let taken = usize::try_from(self.size).unwrap_or(usize::MAX).min(input.len());
            self.size -= taken as u64;
            if self.size == 0 {
                self.state = State::DataReturn;
            }
            return Ok(Piece::Data(taken));
        }
        let mut taken = 0;
        for &byte in input {
            if matches!(self.state, State::Data | State::Complete) {
                break;
            }
            self.state = self.step(byte)?;
            taken += 1;
        }
        Ok(Piece::Framing(taken))
    }

    fn step(&mut self, byte: u8) -> Result<State, Refusal> {
        match self.state {
            State::SizeStart => self.size_digit(byte).ok_or(Refusal::Malformed),
            State::Size => self.after_digit(byte),
            State::Extension => self.extension(byte),
            State::SizeLineFeed => {
                line_feed(byte, if self.size == 0 { State::TrailerStart } else { State::Data })
            }
            State::DataReturn => expect(byte, b'\r', State::DataLineFeed),
            State::DataLineFeed => line_feed(byte, State::SizeStart),
            State::TrailerStart => self.trailer_start(byte),
            State::TrailerName => self.trailer_name(byte),
            State::TrailerValue => self.trailer_value(byte),
            State::TrailerLineFeed => line_feed(byte, State::TrailerStart),
            State::EndLineFeed => line_feed(byte, State::Complete),
            State::Data | State::Complete => Ok(self.state),
        }
    }

    fn size_digit(&mut self, byte: u8) -> Option<State> {
        let digit = char::from(byte).to_digit(16)?;
        self.size = self.size.checked_mul(16)?.checked_add(u64::from(digit))?;
        self.count = 0;
        Some(State::Size)
    }

    fn after_digit(&mut self, byte: u8) -> Result<State, Refusal> {
        match byte {
            b'\r' => Ok(State::SizeLineFeed),
            b';' => Ok(State::Extension),
            _ => self.size_digit(byte).ok_or(Refusal::Malformed),
        }
    }

    fn extension(&mut self, byte: u8) -> Result<State, Refusal> {
        if byte == b'\r' {
            self.count = 0;
            return Ok(State::SizeLineFeed);
        }
        self.count += 1;
        if self.count > MAX_EXTENSION || !fields::is_value_byte(byte) {
            return Err(Refusal::Malformed);
        }
        Ok(State::Extension)
    }

    fn trailer_start(&mut self, byte: u8) -> Result<State, Refusal> {
        if byte == b'\r' {
            return Ok(State::EndLineFeed);
        }
        self.name_length = 0;
        self.trailer_name(byte)
    }

    fn trailer_name(&mut self, byte: u8) -> Result<State, Refusal> {
        self.count_trailer()?;
        if byte == b':' {
            let length = usize::from(self.name_length);
            let forbidden =
                length == 0 || fields::is_forbidden_in_trailers(&self.name[..length.min(NAME_SPACE)]);
            return if forbidden { Err(Refusal::Malformed) } else { Ok(State::TrailerValue) };
        }
        if !is_token(byte) {
            return Err(Refusal::Malformed);
        }
        if let Some(place) = self.name.get_mut(usize::from(self.name_length)) {
            *place = byte;
        }
        self.name_length = self.name_length.saturating_add(1);
        Ok(State::TrailerName)
    }

    fn trailer_value(&mut self, byte: u8) -> Result<State, Refusal> {
        self.count_trailer()?;
        match byte {
            b'\r' => Ok(State::TrailerLineFeed),
            _ if fields::is_value_byte(byte) => Ok(State::TrailerValue),
            _ => Err(Refusal::Malformed),
        }
    }

    fn count_trailer(&mut self) -> Result<(), Refusal> {
        self.count += 1;
        if self.count > MAX_TRAILERS { Err(Refusal::TooLarge) } else { Ok(()) }
    }
}

fn line_feed(byte: u8, next: State) -> Result<State, Refusal> {
    expect(byte, b'\n', next)
}

fn expect(byte: u8, wanted: u8, next: State) -> Result<State, Refusal> {
    if byte == wanted { Ok(next) } else { Err(Refusal::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(input: &[u8]) -> Result<(usize, bool), Refusal> {
        let mut whole = Chunked::default();
        let result = whole.advance(input).map(|taken| (taken, whole.is_complete()));
        assert_eq!(byte_by_byte(input), result, "pieces must not matter");
        result
    }

    fn byte_by_byte(input: &[u8]) -> Result<(usize, bool), Refusal> {
        let mut chunked = Chunked::default();
        let mut taken = 0;
        for byte in input {
            taken += chunked.advance(std::slice::from_ref(byte))?;
        }
        Ok((taken, chunked.is_complete()))
    }

    #[test]
    fn finds_the_end() {
        for body in [
            &b"0\r\n\r\n"[..],
            b"5\r\nhello\r\n0\r\n\r\n",
            b"00A\r\n0123456789\r\n0;last\r\n\r\n",
            b"a;name=value;other=\"x y\"\r\n0123456789\r\n000\r\nX-Sum: 1\r\nY:\r\n\r\n",
        ] {
            let with_next = [body, b"GET / HTTP/1.1\r\n"].concat();
            assert_eq!(taken(&with_next), Ok((body.len(), true)), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn separates_data_from_framing() {
        let mut chunked = Chunked::default();
        let mut input = &b"5;x\r\nhello\r\n0\r\n\r\n"[..];
        let mut data = Vec::new();
        while !input.is_empty() {
            let length = match chunked.next(input) {
                Ok(Piece::Framing(length)) => length,
                Ok(Piece::Data(length)) => {
                    data.extend_from_slice(&input[..length]);
                    length
                }
                Err(refusal) => panic!("{refusal:?}"),
            };
            input = &input[length..];
        }
        assert_eq!(data, b"hello");
    }

    #[test]
    fn refuses_what_could_be_read_two_ways() {
        for body in [
            &b"\r\n"[..],
            b"g\r\n",
            b"+5\r\nhello",
            b"0x5\r\nhello",
            b" 5\r\nhello",
            b"5 \r\nhello",
            b"5\nhello",
            b"5\r\nhelloworld",
            b"5\r\nhello\n",
            b"5;a\nb\r\n",
            b"5;a\rb\r\n",
            b"5;a\0\r\n",
            b"10000000000000000\r\n",
            b"0\r\n\n",
            b"0\r\nX\r\n\r\n",
            b"0\r\nX : 1\r\n\r\n",
            b"0\r\n: 1\r\n\r\n",
            b"0\r\n X: 1\r\n\r\n",
            b"0\r\nX: 1\n\r\n",
            b"0\r\nX: 1\r\n folded\r\n\r\n",
            b"0\r\nContent-Length: 1\r\n\r\n",
            b"0\r\ntransfer-encoding: chunked\r\n\r\n",
            b"0\r\nHOST: a\r\n\r\n",
        ] {
            assert_eq!(taken(body), Err(Refusal::Malformed), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn limits_extensions_and_trailers() {
        let extension = [b"5;", &[b'x'; 257][..], b"\r\nhello"].concat();
        assert_eq!(taken(&extension), Err(Refusal::Malformed));
        let trailers = [b"0\r\nX: ", &[b'x'; 16 * 1024][..], b"\r\n\r\n"].concat();
        assert_eq!(taken(&trailers), Err(Refusal::TooLarge));
    }
}
