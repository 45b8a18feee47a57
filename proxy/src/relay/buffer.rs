//! Memory for bytes on their way. It comes from a pool of the thread and goes back as soon as the bytes are gone, so that a
//! connection that waits holds none.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

use crate::mux;
use crate::tls::{MAX_CONTENT, OVERHEAD};

/// So many records of TLS are sealed at once, and then written.
pub const RECORDS: usize = 4;

/// How much is read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// For what is usually a head: longer than most, so that one read takes all there is and a second is not needed.
    Head,
    /// For bodies. What is read at once fills as many records as are sealed at once, also with the heads of a stream's frames.
    Body,
    /// For so many sealed records.
    Records,
}

impl Room {
    /// So many bytes fit into a buffer of this size.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Head => 8 * 1024,
            Self::Body | Self::Records => RECORDS * (MAX_CONTENT + OVERHEAD),
        }
    }

    /// How many unused buffers of this size a thread keeps.
    const fn spare(self) -> usize {
        match self {
            Self::Head => 32,
            Self::Body | Self::Records => 8,
        }
    }

    /// So many are read at once.
    const fn most(self) -> usize {
        match self {
            Self::Head | Self::Records => self.bytes(),
            Self::Body => RECORDS * mux::MAX_SENT,
        }
    }
}

#[derive(Default)]
struct Pool {
    heads: Vec<Box<[u8]>>,
    bodies: Vec<Box<[u8]>>,
}

impl Pool {
    fn of(&mut self, room: Room) -> &mut Vec<Box<[u8]>> {
        match room {
            Room::Head => &mut self.heads,
            Room::Body | Room::Records => &mut self.bodies,
        }
    }

    fn take(&mut self, room: Room) -> Box<[u8]> {
        self.of(room).pop().unwrap_or_else(|| vec![0; room.bytes()].into())
    }

    fn give_back(&mut self, memory: Box<[u8]>) {
        let room = match memory.len() {
            length if length == Room::Head.bytes() => Room::Head,
            length if length == Room::Body.bytes() => Room::Body,
            _ => return,
        };
        let spare = self.of(room);
        if spare.len() < room.spare() {
            spare.push(memory);
        }
    }
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lends an empty vector that keeps its memory between uses. It must not be asked for again within `compose`.
pub fn with_scratch<T>(compose: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.clear();
        let result = compose(scratch);
        scratch.shrink_to(4 * Room::Body.bytes());
        result
    })
}

/// Bytes that were read, or could not be written yet, in order. Empty, it holds no memory.
#[derive(Debug, Default)]
pub struct Buffer {
    memory: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.end]
    }

    pub fn len(&self) -> usize {
        self.end - self.start
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Forgets the first `length` bytes.
    pub fn consume(&mut self, length: usize) {
        self.start = self.end.min(self.start + length);
        self.release_when_empty();
    }

    /// Adds `bytes`, whatever room that takes.
    pub fn append(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.extend(bytes.len()).copy_from_slice(bytes);
    }

    /// Adds room for `length` bytes, which the caller is to fill.
    pub fn extend(&mut self, length: usize) -> &mut [u8] {
        let room = if length <= Room::Head.bytes() { Room::Head } else { Room::Body };
        self.make_room(room, length);
        let start = self.end;
        self.end += length;
        &mut self.memory[start..self.end]
    }

    /// Reads once from `source` behind what is there. 0 is the end of the input.
    pub fn poll_read_from(
        &mut self,
        cx: &mut Context<'_>,
        source: Pin<&mut impl AsyncRead>,
        room: Room,
    ) -> Poll<io::Result<usize>> {
        self.make_room(room, 1);
        let end = self.memory.len().min(self.end + room.most());
        let mut space = ReadBuf::new(&mut self.memory[self.end..end]);
        let result = source.poll_read(cx, &mut space).map_ok(|()| space.filled().len());
        if let Poll::Ready(Ok(length)) = result {
            self.end += length;
        }
        self.release_when_empty();
        result
    }

    /// The same, of what is there already.
    pub fn try_read_from(&mut self, source: &TcpStream) -> io::Result<usize> {
        self.make_room(Room::Head, 1);
        let result = source.try_read(&mut self.memory[self.end..]);
        if let Ok(length) = result {
            self.end += length;
        }
        self.release_when_empty();
        result
    }

    /// Makes sure that at least `length` bytes fit behind what is there.
    fn make_room(&mut self, room: Room, length: usize) {
        if self.memory.len() - self.end >= length {
            return;
        }
        let needed = self.len() + length;
        if needed > self.memory.len() {
            let larger = match self.memory.len().max(needed) {
                size if size <= Room::Head.bytes() && room == Room::Head && self.memory.is_empty() => {
                    take(Room::Head)
                }
                size if size <= Room::Body.bytes() => take(Room::Body),
                size => vec![0; size.next_power_of_two().max(2 * self.memory.len())].into(),
            };
            let smaller = std::mem::replace(&mut self.memory, larger);
            self.memory[..self.end - self.start].copy_from_slice(&smaller[self.start..self.end]);
            give_back(smaller);
        } else {
            self.memory.copy_within(self.start..self.end, 0);
        }
        self.end -= self.start;
        self.start = 0;
    }

    fn release_when_empty(&mut self) {
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
            give_back(std::mem::take(&mut self.memory));
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        give_back(std::mem::take(&mut self.memory));
    }
}

fn take(room: Room) -> Box<[u8]> {
    POOL.with_borrow_mut(|pool| pool.take(room))
}

fn give_back(memory: Box<[u8]>) {
    if !memory.is_empty() {
        // A buffer may be dropped while the thread ends, when the pool is gone.
        let _ = POOL.try_with(|pool| pool.borrow_mut().give_back(memory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_bytes_in_order_while_it_grows_and_shrinks() {
        let mut buffer = Buffer::default();
        let mut expected = Vec::new();
        for round in 0..200_usize {
            let bytes: Vec<u8> = (0..round * 37 % 5000).map(|byte| (byte + round) as u8).collect();
            buffer.append(&bytes);
            expected.extend_from_slice(&bytes);
            let taken = (round * 53 % 3000).min(expected.len());
            buffer.consume(taken);
            expected.drain(..taken);
            assert!(buffer.bytes() == expected, "round {round}");
        }
        buffer.consume(usize::MAX - buffer.memory.len());
        assert!(buffer.is_empty() && buffer.memory.is_empty());
    }
}
