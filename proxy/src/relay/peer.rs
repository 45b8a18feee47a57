//! One side of a relayed connection.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::buffer::{Buffer, Room};
use crate::identity::Credentials;
use crate::metrics::{CloseReason, Handshake, TcpMetrics};
use crate::tls::{self, HandshakeError, Secured, Session};

/// A connection to a client or to an endpoint, and what was read from it and not yet passed on.
#[derive(Debug)]
pub struct Peer {
    socket: TcpStream,
    /// None in plain text.
    session: Option<Box<Session>>,
    pub received: Buffer,
    /// The peer has said that it will send no more.
    pub finished: bool,
    /// Bytes that it sent and took.
    moved: u64,
    /// A write has met a reset. From then on the system says that the peer has finished, which it has not.
    was_reset: bool,
    metrics: Arc<TcpMetrics>,
    is_counted: bool,
    /// It ends by a reset.
    is_cut: bool,
    close: CloseReason,
}

impl Peer {
    /// Takes over a connection that was just made, and counts it.
    pub fn new(socket: TcpStream, metrics: Arc<TcpMetrics>) -> Self {
        let mut peer = Self::uncounted(socket, metrics);
        peer.count();
        peer
    }

    /// Takes over a connection of which it will turn out whether it is secured. It is counted then, or at its end.
    pub fn uncounted(socket: TcpStream, metrics: Arc<TcpMetrics>) -> Self {
        // Without it small messages would wait for acknowledgements; a socket that refuses works all the same.
        let _ = socket.set_nodelay(true);
        Self {
            socket,
            session: None,
            received: Buffer::default(),
            finished: false,
            moved: 0,
            was_reset: false,
            metrics,
            is_counted: false,
            is_cut: false,
            close: CloseReason::Complete,
        }
    }

    /// Counts the connection as it is now.
    pub fn count(&mut self) {
        if !std::mem::replace(&mut self.is_counted, true) {
            self.metrics.opened();
            self.metrics.read(self.moved);
        }
    }

    /// Makes the handshake as the server of a client that has begun with a hello.
    ///
    /// # Errors
    /// One side does not believe the other, or the connection broke.
    pub async fn accept_secured(&mut self, credentials: &Credentials) -> Result<Handshake, HandshakeError> {
        let hello = std::mem::take(&mut self.received);
        let secured = tls::accept(&mut self.socket, credentials, hello.bytes()).await?;
        Ok(self.secure(secured))
    }

    /// Counts by `metrics` from now on; the connection must not have been counted yet.
    pub fn counts_by(&mut self, metrics: &Arc<TcpMetrics>) {
        self.metrics = Arc::clone(metrics);
    }

    /// Makes the handshake as the client of an endpoint at `ip` that must prove to be `identity`.
    ///
    /// # Errors
    /// One side does not believe the other, or the connection broke.
    pub async fn connect_secured(
        &mut self,
        credentials: &Credentials,
        identity: &Arc<str>,
        ip: IpAddr,
    ) -> Result<Handshake, HandshakeError> {
        let secured = tls::connect(&mut self.socket, credentials, identity, ip).await?;
        Ok(self.secure(secured))
    }

    fn secure(&mut self, secured: Secured) -> Handshake {
        self.session = Some(Box::new(secured.session));
        self.received = secured.received;
        self.moved = self.received.len() as u64;
        if secured.is_resumed { Handshake::Resumed } else { Handshake::Full }
    }

    /// Who the peer has proved to be; none in plain text.
    pub fn identity(&self) -> Option<&Arc<str>> {
        self.session.as_ref().map(|session| session.peer())
    }

    /// Whether the peer does not believe who we are, and so has taken nothing that was sent.
    pub fn was_refused(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_refused())
    }

    pub fn is_secured(&self) -> bool {
        self.session.is_some()
    }

    /// Reads once. 0 means that the peer will send no more.
    pub fn poll_receive(&mut self, cx: &mut Context<'_>, room: Room) -> Poll<io::Result<usize>> {
        let length = ready!(match &mut self.session {
            None => self.received.poll_read_from(cx, Pin::new(&mut self.socket), room),
            Some(session) => session.poll_receive(cx, &mut self.socket, &mut self.received, room),
        })?;
        Poll::Ready(self.has_read(length))
    }

    /// The same into `space`: what was received before and not taken, or what is read now.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.received.is_empty() && self.session.is_none() {
            let before = space.filled().len();
            ready!(Pin::new(&mut self.socket).poll_read(cx, space))?;
            return Poll::Ready(self.has_read(space.filled().len() - before).map(|_| ()));
        }
        if self.received.is_empty() {
            ready!(self.poll_receive(cx, Room::Body))?;
        }
        let length = self.received.len().min(space.remaining());
        space.put_slice(&self.received.bytes()[..length]);
        self.received.consume(length);
        Poll::Ready(Ok(()))
    }

    fn has_read(&mut self, length: usize) -> io::Result<usize> {
        if length == 0 && self.was_reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.finished = length == 0;
        self.moved += length as u64;
        if self.is_counted {
            self.metrics.read(length as u64);
        }
        Ok(length)
    }

    /// Writes once, as much of `bytes` as fits. Until it is ready, the next call is to bring the same bytes again, or the same and
    /// more.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(match &mut self.session {
            None => Pin::new(&mut self.socket).poll_write(cx, bytes),
            Some(session) => session.poll_send(cx, &mut self.socket, bytes),
        });
        Poll::Ready(self.has_written(written))
    }

    /// Writes once, as much of `pieces` as fits; of those to a secured peer at most the first.
    pub fn poll_send_vectored(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.session.is_some() {
            let first = pieces.iter().find(|piece| !piece.is_empty());
            return self.poll_send(cx, first.map_or(&[], |piece| piece));
        }
        let written = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, pieces));
        Poll::Ready(self.has_written(written))
    }

    fn has_written(&mut self, written: io::Result<usize>) -> io::Result<usize> {
        // A peer that had finished before it reset the connection is told by a broken pipe instead.
        self.was_reset |= written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset);
        let length = written?;
        if length == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.moved += length as u64;
        self.metrics.wrote(length as u64);
        Ok(length)
    }

    /// Tells the peer that nothing more will be sent.
    pub fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.session {
            None => Pin::new(&mut self.socket).poll_shutdown(cx),
            Some(session) => session.poll_finish(cx, &mut self.socket),
        }
    }

    /// Whether nothing has come from the peer since everything it sent was read: neither its end nor bytes that nobody asked
    /// for. The runtime mostly knows without a system call, and answers however much the task has done already.
    pub fn is_quiet(&mut self) -> bool {
        if let Some(session) = &mut self.session {
            return self.received.is_empty() && session.is_quiet(&self.socket);
        }
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
        self.is_cut = true;
        let _ = socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.count();
        if let (false, Some(session)) = (self.is_cut, &mut self.session) {
            session.finish_now(&self.socket);
        }
        self.metrics.closed(self.close);
    }
}
