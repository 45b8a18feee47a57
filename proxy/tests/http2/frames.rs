//! Frames, byte by byte: for peers that a library would not be.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::stand_in::DEADLINE;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// `:status: 200`
pub const OK: &[u8] = &[0x88];

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The fields of a request to a service, without a table.
pub fn request(authority: &str) -> Vec<u8> {
    // POST, http, /
    [&[0x83, 0x86, 0x84, 0x01, authority.len() as u8][..], authority.as_bytes()].concat()
}

/// One end of a connection.
pub struct Wire(pub TcpStream);

impl Wire {
    /// A client that has said what it speaks.
    pub fn connect(address: SocketAddr, settings: &[u8]) -> Self {
        let mut wire = Self::new(TcpStream::connect(address).unwrap());
        wire.send([PREFACE, &frame(SETTINGS, 0, 0, settings)].concat());
        wire
    }

    pub fn new(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_write_timeout(Some(DEADLINE)).unwrap();
        Self(socket)
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends until that fails, at most so often. Whether it failed.
    pub fn send_while_taken(&mut self, bytes: &[u8], times: usize) -> bool {
        (0..times).any(|_| self.0.write_all(bytes).is_err())
    }

    /// The next frame; none when the connection is at its end, in order or by a reset.
    pub fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.read(&mut head)?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.read(&mut payload)?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    fn read(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self.0.read_exact(bytes) {
            Ok(()) => Some(()),
            Err(error) => {
                let kinds = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
                assert!(kinds.contains(&error.kind()), "{error}");
                None
            }
        }
    }

    /// The next frame that is none of those of a connection that is in order.
    pub fn next_of_interest(&mut self) -> Option<Frame> {
        loop {
            let frame = self.next()?;
            if ![SETTINGS, WINDOW_UPDATE, PING].contains(&frame.kind) {
                return Some(frame);
            }
        }
    }

    /// The code with which the connection ends; none when it ends without a word.
    pub fn goodbye(&mut self) -> Option<u32> {
        loop {
            let frame = self.next()?;
            if frame.kind == GOAWAY {
                return Some(u32::from_be_bytes(frame.payload[4..8].try_into().unwrap()));
            }
        }
    }
}
