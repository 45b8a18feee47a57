//! One side of a relayed connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use super::buffer::{Buffer, Room};
use crate::metrics::{CloseReason, TcpMetrics};

/// A connection to a client or to an endpoint, and what was read from it and not yet passed on.
#[derive(Debug)]
pub struct Peer {
    socket: TcpStream,
    pub received: Buffer,
    /// The peer has said that it will send no more.
    pub finished: bool,
    /// Bytes that it sent and took.
    moved: u64,
    /// A write has met a reset. From then on the system says that the peer has finished, which it has not.
    was_reset: bool,
    metrics: Arc<TcpMetrics>,
    close: CloseReason,
}

impl Peer {
    /// Takes over a connection that was just made, and counts it.
    pub fn new(socket: TcpStream, metrics: Arc<TcpMetrics>) -> Self {
        // Without it small messages would wait for acknowledgements; a socket that refuses works all the same.
        let _ = socket.set_nodelay(true);
        metrics.opened();
        Self {
            socket,
            received: Buffer::default(),
            finished: false,
            moved: 0,
            was_reset: false,
            metrics,
            close: CloseReason::Complete,
        }
    }

    /// Reads once. 0 means that the peer will send no more.
    pub fn poll_receive(&mut self, cx: &mut Context<'_>, room: Room) -> Poll<io::Result<usize>> {
        let length = ready!(self.received.poll_read_from(cx, Pin::new(&mut self.socket), room))?;
        if length == 0 && self.was_reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        self.finished = length == 0;
        self.moved += length as u64;
        self.metrics.read(length as u64);
        Poll::Ready(Ok(length))
    }

    /// Writes once, as much of `bytes` as fits.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write(cx, bytes));
        // A peer that had finished before it reset the connection is told by a broken pipe instead.
        self.was_reset |= written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset);
        let length = written?;
        if length == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.moved += length as u64;
        self.metrics.wrote(length as u64);
        Poll::Ready(Ok(length))
    }

    /// Tells the peer that nothing more will be sent.
    pub fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    /// Whether nothing has come from the peer since everything it sent was read: neither its end nor bytes that nobody asked
    /// for. The runtime mostly knows without a system call, and answers however much the task has done already.
    pub fn is_quiet(&self) -> bool {
        let heard = self.socket.try_read(&mut [0]);
        self.received.is_empty() && heard.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Bytes that the peer has sent and taken.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Whether the peer has broken the connection. Takes a system call, and tells it once.
    pub fn is_broken(&self) -> bool {
        !matches!(self.socket.take_error(), Ok(None))
    }

    /// Says why the connection ends; the default is that all was said.
    pub fn ends(&mut self, reason: CloseReason) {
        self.close = reason;
    }

    /// Makes the connection end in a way that nobody mistakes for the end of a message.
    pub fn reset_when_closed(&mut self, reason: CloseReason) {
        self.close = reason;
        let _ = socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.metrics.closed(self.close);
    }
}
