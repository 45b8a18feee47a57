//! Records of TLS 1.3 (RFC 8446, section 5): sealing and opening them in place.

use std::io;

use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use rustls::ConnectionTrafficSecrets;

/// Type, version and length in front of every record.
pub const HEADER: usize = 5;
/// The content of a record is no longer.
pub const MAX_CONTENT: usize = 1 << 14;
/// What a record has beyond its content: its header, the content's type and the tag.
pub const OVERHEAD: usize = HEADER + 1 + TAG;
const TAG: usize = 16;
const MAX_SEALED: usize = MAX_CONTENT + 256;
const VERSION: [u8; 2] = [3, 3];
/// After so many records a key is changed: half of what AES-GCM allows (RFC 8446, section 5.5).
const MAX_RECORDS: u64 = 1 << 23;

/// What a record carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Content {
    Alert = 21,
    Handshake = 22,
    Data = 23,
}

/// The key of one direction, and how many records it has been used for.
pub struct Key {
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

impl Key {
    /// A key that continues with a sequence number.
    ///
    /// # Errors
    /// The secrets are of a kind that nobody negotiates here.
    pub fn new((sequence, secrets): (u64, ConnectionTrafficSecrets)) -> io::Result<Self> {
        let (algorithm, key, iv): (&'static Algorithm, _, _) = match &secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        let iv = iv.as_ref().try_into().map_err(|_| invalid())?;
        let key = UnboundKey::new(algorithm, key.as_ref()).map_err(|_| invalid())?;
        Ok(Self { key: LessSafeKey::new(key), iv, sequence })
    }

    /// Whether the key has been used for as many records as it should be.
    pub fn is_worn(&self) -> bool {
        self.sequence >= MAX_RECORDS
    }

    /// Makes a record of `content` in `record`, which is longer by [`OVERHEAD`].
    ///
    /// # Errors
    /// There is none but that `record` has another length.
    pub fn seal(&mut self, kind: Content, content: &[u8], record: &mut [u8]) -> io::Result<()> {
        if record.len() != content.len() + OVERHEAD {
            return Err(invalid());
        }
        let (header, sealed) = record.split_at_mut(HEADER);
        let length = u16::try_from(sealed.len()).map_err(|_| invalid())?.to_be_bytes();
        header.copy_from_slice(&[Content::Data as u8, VERSION[0], VERSION[1], length[0], length[1]]);
        let (inner, tag_space) = sealed.split_at_mut(content.len() + 1);
        inner[..content.len()].copy_from_slice(content);
        inner[content.len()] = kind as u8;
        let nonce = self.next_nonce();
        let tag =
            self.key.seal_in_place_separate_tag(nonce, Aad::from(header), inner).map_err(|_| invalid())?;
        tag_space.copy_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens a whole record in place: what it carries.
    ///
    /// # Errors
    /// It was not sealed by the peer's key, or makes no sense.
    pub fn open<'a>(&mut self, record: &'a mut [u8]) -> io::Result<(Content, &'a [u8])> {
        let (header, sealed) = record.split_at_mut(HEADER);
        if header[0] != Content::Data as u8 {
            return Err(invalid());
        }
        let nonce = self.next_nonce();
        let inner = self.key.open_in_place(nonce, Aad::from(header), sealed).map_err(|_| invalid())?;
        // Padding of zeros may follow the type.
        let end = inner.iter().rposition(|byte| *byte != 0).ok_or_else(invalid)?;
        let kind = match inner[end] {
            21 => Content::Alert,
            22 => Content::Handshake,
            23 => Content::Data,
            _ => return Err(invalid()),
        };
        Ok((kind, &inner[..end]))
    }

    /// Each record has a number of its own, which is never sent (RFC 8446, section 5.3).
    fn next_nonce(&mut self) -> Nonce {
        let mut nonce = self.iv;
        for (byte, number) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= number;
        }
        self.sequence += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

/// The length of the record at the start of `bytes`; none while its header is not whole.
///
/// # Errors
/// It is longer than a record may be.
pub fn length(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(header) = bytes.get(..HEADER) else { return Ok(None) };
    let sealed = usize::from(u16::from_be_bytes([header[3], header[4]]));
    if sealed > MAX_SEALED {
        return Err(invalid());
    }
    Ok(Some(HEADER + sealed))
}

pub(super) fn invalid() -> io::Error {
    io::ErrorKind::InvalidData.into()
}
