//! The first message of TLS (RFC 8446, section 4.1.2), read for the name of the server that the client means.

use crate::tls::MESH_PROTOCOL;

/// The type of a record that carries a handshake, and the first byte of its version.
const HANDSHAKE: [u8; 2] = [22, 3];
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const PROTOCOLS: u16 = 16;
const HOST_NAME: u8 = 0;
/// A record holds no more (RFC 8446, section 5.1).
const MAX_RECORD: usize = 1 << 14;
/// A client that says more before its hello is complete is not listened to any longer.
const MAX_HELLO: usize = 1 << 16;

/// What begins with some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hello {
    /// No TLS.
    None,
    /// So far it looks like TLS.
    Partial,
    /// TLS, with the server's name when the client gave one.
    Complete(Option<String>),
}

/// The server's name in the hello that begins with `bytes`.
pub fn server_name(bytes: &[u8]) -> Option<String> {
    match Hello::of(bytes) {
        Hello::Complete(name) => name,
        Hello::None | Hello::Partial => None,
    }
}

/// Whether the hello at the start of `bytes` is one of a proxy of the mesh: it offers the one protocol that only those speak.
pub fn is_of_mesh(bytes: &[u8]) -> bool {
    let Handshake::Complete(hello) = handshake(bytes) else { return false };
    extension(&hello, PROTOCOLS).is_some_and(|protocols| {
        let mut protocols = Reader(Reader(protocols).vector(2).unwrap_or_default());
        protocols.vector(1) == Some(MESH_PROTOCOL) && protocols.0.is_empty()
    })
}

impl Hello {
    /// Reads the hello at the start of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let start = bytes.len().min(HANDSHAKE.len());
        if bytes[..start] != HANDSHAKE[..start] {
            return Self::None;
        }
        match handshake(bytes) {
            Handshake::Foreign => Self::None,
            Handshake::Partial if bytes.len() < MAX_HELLO => Self::Partial,
            Handshake::Partial => Self::Complete(None),
            Handshake::Complete(hello) => Self::Complete(name_in(&hello)),
        }
    }
}

enum Handshake {
    Foreign,
    Partial,
    /// The body of the hello.
    Complete(Vec<u8>),
}

/// Joins what the records carry, until the hello is complete.
fn handshake(bytes: &[u8]) -> Handshake {
    let mut records = Reader(bytes);
    let mut message = Vec::new();
    loop {
        let (Some(kind), Some(_version), Some(length)) =
            (records.take(2), records.take(1), records.number(2))
        else {
            return Handshake::Partial;
        };
        if kind != HANDSHAKE || length == 0 || length > MAX_RECORD {
            return Handshake::Foreign;
        }
        let available = length.min(records.0.len());
        message.extend_from_slice(records.take(available).unwrap_or_default());
        let mut reader = Reader(&message);
        if let Some(kind) = reader.number(1)
            && kind != usize::from(CLIENT_HELLO)
        {
            return Handshake::Foreign;
        }
        if let Some(hello) = reader.vector(3) {
            return Handshake::Complete(hello.to_vec());
        }
        if available < length {
            return Handshake::Partial;
        }
    }
}

/// The name in a hello's body; none when it has none, or makes no sense.
fn name_in(hello: &[u8]) -> Option<String> {
    extension(hello, SERVER_NAME).and_then(host_name)
}

/// The content of an extension in a hello's body.
fn extension(hello: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut hello = Reader(hello);
    let _version_and_random = hello.take(2 + 32)?;
    let _session = hello.vector(1)?;
    let _ciphers = hello.vector(2)?;
    let _compression = hello.vector(1)?;
    let mut extensions = Reader(hello.vector(2)?);
    while let Some(kind) = extensions.number(2) {
        let content = extensions.vector(2)?;
        if kind == usize::from(wanted) {
            return Some(content);
        }
    }
    None
}

/// The host's name in the extension `server_name` (RFC 6066, section 3).
fn host_name(extension: &[u8]) -> Option<String> {
    let mut names = Reader(Reader(extension).vector(2)?);
    while let Some(kind) = names.number(1) {
        let name = names.vector(2)?;
        if kind == usize::from(HOST_NAME) {
            return is_host_name(name).then(|| String::from_utf8_lossy(name).to_ascii_lowercase());
        }
    }
    None
}

/// Letters, digits and what else names of hosts and services are made of; so no port, for example.
fn is_host_name(name: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    !name.is_empty() && name.len() <= 253 && name.iter().all(allowed)
}

/// Reads from the start of what is left.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of so many bytes.
    fn number(&mut self, bytes: usize) -> Option<usize> {
        Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// Bytes after their number, which has so many bytes itself.
    fn vector(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let length = self.number(bytes)?;
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vector(bytes: usize, content: &[u8]) -> Vec<u8> {
        [&content.len().to_be_bytes()[8 - bytes..], content].concat()
    }

    /// A hello in records of at most `record` bytes.
    fn hello(name: Option<&str>, record: usize) -> Vec<u8> {
        let names = name.map(|name| {
            [&[0, 0][..], &vector(2, &vector(2, &[&[0], &vector(2, name.as_bytes())[..]].concat()))].concat()
        });
        let extensions = [&[0, 23, 0, 0][..], &names.unwrap_or_default()].concat();
        let body = [
            &[3, 3][..],
            &[7; 32],
            &vector(1, &[9; 32]),
            &vector(2, &[0x13, 1]),
            &vector(1, &[0]),
            &vector(2, &extensions),
        ]
        .concat();
        let message = [&[1][..], &vector(3, &body)].concat();
        message.chunks(record).flat_map(|chunk| [&[22, 3, 1][..], &vector(2, chunk)].concat()).collect()
    }

    #[test]
    fn the_servers_name_is_read_whatever_the_records() {
        for record in [1, 7, 50, MAX_RECORD] {
            assert_eq!(server_name(&hello(Some("Example.com"), record)).as_deref(), Some("example.com"));
            assert_eq!(Hello::of(&hello(None, record)), Hello::Complete(None));
        }
        for odd in ["", "a b", "\u{e4}", "a:80", "[::1]", "a/b", &"a".repeat(254)] {
            assert_eq!(Hello::of(&hello(Some(odd), MAX_RECORD)), Hello::Complete(None));
        }
    }

    #[test]
    fn every_shorter_part_is_partial() {
        let whole = hello(Some("example.com"), 40);
        for length in 1..whole.len() {
            assert_eq!(Hello::of(&whole[..length]), Hello::Partial, "{length}");
        }
    }

    #[test]
    fn other_protocols_are_none() {
        for bytes in
            [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x02", b"\x15\x03\x01\0\x02\x01\0", b"\x16\x03\x01\0\x01\x02"]
        {
            assert_eq!(Hello::of(bytes), Hello::None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0..200_usize) {
            Hello::of(&bytes);
            let mut broken = hello(Some("example.com"), 60);
            broken.truncate(cut);
            broken.append(&mut bytes);
            Hello::of(&broken);
        }
    }
}
