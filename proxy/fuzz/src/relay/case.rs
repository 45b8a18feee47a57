//! What an input says.

use std::collections::VecDeque;

use crate::script::{self, NEXT};

/// The first byte of an answer that comes before the request has ended.
pub const EARLY: u8 = 0xfd;

/// Which listener of the proxy the client connects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The application's own, which takes any protocol.
    Inbound,
    /// For HTTP alone. Every service has two endpoints that are meshed, but for the one called `nowhere`, which is unknown.
    Outbound,
}

/// What the client does when it has sent everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It says so, and waits for what the proxy still sends.
    Finish,
    /// It breaks the connection.
    Reset,
}

/// What the backend sends for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub is_early: bool,
    pub segments: Vec<Vec<u8>>,
}

/// A client and a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    pub side: Side,
    pub end: End,
    /// What the client sends.
    pub segments: Vec<Vec<u8>>,
    pub answers: VecDeque<Answer>,
}

impl Case {
    /// The case of an input; none when it does not begin with a letter.
    pub fn read(input: &[u8]) -> Option<Self> {
        let (letter, rest) = input.split_first()?;
        let (side, end) = match letter {
            b'i' => (Side::Inbound, End::Finish),
            b'I' => (Side::Inbound, End::Reset),
            b'o' => (Side::Outbound, End::Finish),
            b'O' => (Side::Outbound, End::Reset),
            _ => return None,
        };
        let mut parties = rest.split(|byte| *byte == NEXT);
        let segments = owned(parties.next().unwrap_or_default());
        Some(Self { side, end, segments, answers: parties.map(Answer::read).collect() })
    }

    /// All that the client sends.
    pub fn sent(&self) -> Vec<u8> {
        self.segments.concat()
    }
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let early = bytes.strip_prefix(&[EARLY]);
        Self { is_early: early.is_some(), segments: owned(early.unwrap_or(bytes)) }
    }

    /// What the backend answers when the input says nothing any more.
    pub fn ok() -> Self {
        Self { is_early: false, segments: vec![b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()] }
    }

    /// All of it.
    pub fn bytes(&self) -> Vec<u8> {
        self.segments.concat()
    }
}

fn owned(bytes: &[u8]) -> Vec<Vec<u8>> {
    script::segments(bytes).into_iter().map(<[u8]>::to_vec).collect()
}
