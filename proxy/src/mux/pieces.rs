//! Bytes that wait, however many.

use std::collections::VecDeque;

use crate::relay::{Buffer, RECORDS};
use crate::tls;

/// What a piece holds at most: it fills so many records of TLS, and a buffer of the pool has room for it.
const PIECE: usize = RECORDS * tls::MAX_CONTENT;

/// Bytes in order, in pieces of which each fits into a buffer of the pool: one that grew beyond would be made, zeroed and copied
/// anew each time.
#[derive(Debug, Default)]
pub struct Pieces {
    pieces: VecDeque<Buffer>,
    length: usize,
}

impl Pieces {
    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many bytes the last piece has room for.
    pub fn room(&self) -> usize {
        self.pieces.back().map_or(0, |last| PIECE - last.len())
    }

    /// Adds room for `length` bytes, no more than fit into a piece, which the caller is to fill.
    pub fn extend(&mut self, length: usize) -> &mut [u8] {
        self.length += length;
        if self.pieces.back().is_none_or(|last| last.len() + length > PIECE) {
            self.pieces.push_back(Buffer::default());
        }
        let last = self.pieces.len() - 1;
        self.pieces[last].extend(length)
    }

    /// Adds `bytes`, no more than fit into a piece.
    pub fn append(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.extend(bytes.len()).copy_from_slice(bytes);
        }
    }

    /// The first of the bytes.
    pub fn first(&self) -> &[u8] {
        self.pieces.front().map_or(&[], Buffer::bytes)
    }

    /// Forgets so many of the first.
    pub fn consume(&mut self, length: usize) {
        let Some(first) = self.pieces.front_mut() else { return };
        self.length -= length.min(first.len());
        first.consume(length);
        if first.is_empty() {
            self.pieces.pop_front();
        }
    }

    /// Takes the first of the bytes out.
    pub fn take_first(&mut self) -> Option<Buffer> {
        let first = self.pieces.pop_front()?;
        self.length -= first.len();
        Some(first)
    }
}

#[cfg(test)]
impl Pieces {
    pub fn to_vec(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(Buffer::bytes).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stay_in_order_and_in_pieces() {
        let mut pieces = Pieces::default();
        let mut expected = Vec::new();
        for round in 0..100_usize {
            let bytes: Vec<u8> = (0..round * 487 % 16_392).map(|byte| (byte + round) as u8).collect();
            pieces.append(&bytes);
            expected.extend_from_slice(&bytes);
            let taken = pieces.first().len().min(round * 61);
            assert_eq!(pieces.first()[..taken], expected[..taken]);
            pieces.consume(taken);
            expected.drain(..taken);
            assert_eq!(pieces.len(), expected.len());
        }
        let mut rest = Vec::new();
        while let Some(piece) = pieces.take_first() {
            assert!(!piece.is_empty() && piece.len() <= PIECE);
            rest.extend_from_slice(piece.bytes());
        }
        assert_eq!(rest, expected);
        assert!(pieces.is_empty() && pieces.first().is_empty());
    }
}
