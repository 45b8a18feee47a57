//! One side of a relayed connection.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::buffer::{Buffer, Room};
use crate::identity::Credentials;
use crate::metrics::{CloseReason, Handshake, TcpMetrics};
use crate::mux::Stream;
use crate::tls::{self, HandshakeError, Secured, Session};

/// What carries the bytes.
#[derive(Debug)]
enum Wire {
    /// Without a session in plain text.
    Socket(TcpStream, Option<Box<Session>>),
    /// One of many on a connection to another proxy of the mesh.
    Stream(Stream),
}

/// A connection to a client or to an endpoint, and what was read from it and not yet passed on.
#[derive(Debug)]
pub struct Peer {
    wire: Wire,
    pub received: Buffer,
    /// The peer has said that it will send no more.
    pub finished: bool,
    /// Bytes that it sent and took.
    moved: u64,
    /// A write has met a reset. From then on the system says that the peer has finished, which it has not.
    was_reset: bool,
    /// None where the connection is counted elsewhere.
    metrics: Option<Arc<TcpMetrics>>,
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
        Self::new_uncounted(Wire::Socket(socket, None), Some(metrics))
    }

    /// One stream of a connection, which is counted itself.
    pub fn of_stream(stream: Stream) -> Self {
        Self::new_uncounted(Wire::Stream(stream), None)
    }

    fn new_uncounted(wire: Wire, metrics: Option<Arc<TcpMetrics>>) -> Self {
        Self {
            wire,
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
        if !std::mem::replace(&mut self.is_counted, true)
            && let Some(metrics) = &self.metrics
        {
            metrics.opened();
            metrics.read(self.moved);
        }
    }

    /// Makes the handshake as the server of a client that has begun with a hello.
    ///
    /// # Errors
    /// One side does not believe the other, or the connection broke.
    pub async fn accept_secured(&mut self, credentials: &Credentials) -> Result<Handshake, HandshakeError> {
        let hello = std::mem::take(&mut self.received);
        let Wire::Socket(socket, None) = &mut self.wire else { return Err(secured_already()) };
        let secured = tls::accept(socket, credentials, hello.bytes()).await?;
        Ok(self.secure(secured))
    }

    /// Counts by `metrics` from now on; the connection must not have been counted yet.
    pub fn counts_by(&mut self, metrics: &Arc<TcpMetrics>) {
        self.metrics = Some(Arc::clone(metrics));
    }

    /// Makes the handshake as the client of an endpoint at `ip` that must prove to be `identity`, and may offer streams where the
    /// client takes them.
    ///
    /// # Errors
    /// One side does not believe the other, or the connection broke.
    pub async fn connect_secured(
        &mut self,
        credentials: &Credentials,
        identity: &Arc<str>,
        ip: IpAddr,
        takes_streams: bool,
    ) -> Result<Handshake, HandshakeError> {
        let Wire::Socket(socket, None) = &mut self.wire else { return Err(secured_already()) };
        let secured = tls::connect(socket, credentials, identity, ip, takes_streams).await?;
        Ok(self.secure(secured))
    }

    fn secure(&mut self, secured: Secured) -> Handshake {
        if let Wire::Socket(_, session) = &mut self.wire {
            *session = Some(Box::new(secured.session));
        }
        self.received = secured.received;
        self.moved = self.received.len() as u64;
        if secured.is_resumed { Handshake::Resumed } else { Handshake::Full }
    }

    /// Who the peer has proved to be; none in plain text.
    pub fn identity(&self) -> Option<&Arc<str>> {
        match &self.wire {
            Wire::Socket(_, session) => session.as_ref().map(|session| session.peer()),
            Wire::Stream(stream) => Some(stream.identity()),
        }
    }

    /// Whether the peer does not believe who we are, and so has taken nothing that was sent.
    pub fn was_refused(&self) -> bool {
        matches!(&self.wire, Wire::Socket(_, Some(session)) if session.is_refused())
    }

    /// Offers streams to a client that takes them. Whether that was done.
    pub fn offer_streams(&mut self) -> bool {
        match &mut self.wire {
            Wire::Socket(socket, Some(session)) => session.offer_streams(socket),
            Wire::Socket(_, None) | Wire::Stream(_) => false,
        }
    }

    /// Waits until the endpoint has offered streams: true; or has begun to speak without that, or ended.
    ///
    /// # Errors
    /// The connection broke.
    pub fn poll_offer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        match &mut self.wire {
            Wire::Socket(socket, Some(session)) => session.poll_offer(cx, socket, &mut self.received),
            Wire::Socket(_, None) | Wire::Stream(_) => Poll::Ready(Ok(false)),
        }
    }

    /// Whether the peer has offered to make streams of the connection.
    pub fn offers_streams(&self) -> bool {
        matches!(&self.wire, Wire::Socket(_, Some(session)) if session.is_offered_streams())
    }

    /// Whether that was offered to the peer.
    pub fn may_begin_streams(&self) -> bool {
        matches!(&self.wire, Wire::Socket(_, Some(session)) if session.has_offered_streams())
    }

    /// Whether it is one stream of a connection.
    pub fn is_stream(&self) -> bool {
        matches!(self.wire, Wire::Stream(_))
    }

    /// Leaves no more with the system than it can send at once, so that what is small need not wait for what is large.
    pub fn queues_little(&self, bytes: u32) {
        if let Wire::Socket(socket, _) = &self.wire {
            // Without it the connection works all the same.
            let _ = socket2::SockRef::from(socket).set_tcp_notsent_lowat(bytes);
        }
    }

    /// Has the system give the connection up when the peer's system takes nothing of what was sent for so long; also one that is
    /// there and says that it has no room.
    pub fn gives_up_after(&self, time: Duration) {
        if let Wire::Socket(socket, _) = &self.wire {
            // Without it the connection works all the same.
            let _ = socket2::SockRef::from(socket).set_tcp_user_timeout(Some(time));
        }
    }

    /// Says that what is sent next is the beginning of a message.
    pub fn begins_message(&mut self) {
        if let Wire::Stream(stream) = &mut self.wire {
            stream.begins_message();
        }
    }

    /// Whether it is known that nothing of the last message was written.
    pub fn took_nothing(&self) -> bool {
        self.was_refused() || matches!(&self.wire, Wire::Stream(stream) if stream.took_nothing())
    }

    pub fn is_secured(&self) -> bool {
        !matches!(self.wire, Wire::Socket(_, None))
    }

    /// Reads once. 0 means that the peer will send no more.
    pub fn poll_receive(&mut self, cx: &mut Context<'_>, room: Room) -> Poll<io::Result<usize>> {
        let length = ready!(match &mut self.wire {
            Wire::Socket(socket, None) => self.received.poll_read_from(cx, Pin::new(socket), room),
            Wire::Socket(socket, Some(session)) => session.poll_receive(cx, socket, &mut self.received, room),
            Wire::Stream(stream) => stream.poll_receive(cx, &mut self.received),
        })?;
        Poll::Ready(self.has_read(length))
    }

    /// The same into `space`: what was received before and not taken, or what is read now.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.received.is_empty()
            && let Wire::Socket(socket, None) = &mut self.wire
        {
            let before = space.filled().len();
            ready!(Pin::new(socket).poll_read(cx, space))?;
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
        if self.is_counted
            && let Some(metrics) = &self.metrics
        {
            metrics.read(length as u64);
        }
        Ok(length)
    }

    /// Writes once, as much of `bytes` as fits. Until it is ready, the next call is to bring the same bytes again, or the same and
    /// more.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(match &mut self.wire {
            Wire::Socket(socket, None) => Pin::new(socket).poll_write(cx, bytes),
            Wire::Socket(socket, Some(session)) => session.poll_send(cx, socket, bytes),
            Wire::Stream(stream) => stream.poll_send(cx, bytes),
        });
        Poll::Ready(self.has_written(written))
    }

    /// Writes once, as much of `pieces` as fits; of those to a secured peer at most the first.
    pub fn poll_send_vectored(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Wire::Socket(socket, None) = &mut self.wire else {
            let first = pieces.iter().find(|piece| !piece.is_empty());
            return self.poll_send(cx, first.map_or(&[], |piece| piece));
        };
        let written = ready!(Pin::new(socket).poll_write_vectored(cx, pieces));
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
        if let Some(metrics) = &self.metrics {
            metrics.wrote(length as u64);
        }
        Ok(length)
    }

    /// Tells the peer that nothing more will be sent.
    pub fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Socket(socket, None) => Pin::new(socket).poll_shutdown(cx),
            Wire::Socket(socket, Some(session)) => session.poll_finish(cx, socket),
            Wire::Stream(stream) => {
                stream.finish();
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Whether nothing has come from the peer since everything it sent was read: neither its end nor bytes that nobody asked
    /// for. The runtime mostly knows without a system call, and answers however much the task has done already.
    pub fn is_quiet(&mut self) -> bool {
        let is_quiet = match &mut self.wire {
            Wire::Socket(socket, Some(session)) => session.is_quiet(socket),
            Wire::Socket(socket, None) => {
                socket.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
            }
            Wire::Stream(stream) => stream.is_quiet(),
        };
        self.received.is_empty() && is_quiet
    }

    /// Bytes that the peer has sent and taken.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Whether the peer has broken the connection. Takes a system call, and tells it once.
    pub fn is_broken(&self) -> bool {
        match &self.wire {
            Wire::Socket(socket, _) => !matches!(socket.take_error(), Ok(None)),
            Wire::Stream(stream) => stream.is_broken(),
        }
    }

    /// Says why the connection ends; the default is that all was said.
    pub fn ends(&mut self, reason: CloseReason) {
        self.close = reason;
    }

    /// Ends because nothing happened on it since then.
    pub fn ends_idle(&mut self, since: Instant) {
        self.close = CloseReason::Idle;
        if let Wire::Stream(stream) = &mut self.wire {
            stream.was_idle(since);
        }
    }

    /// Ends in the middle of a message. A stream is cut, as its end in order would be half of one that the peer may go on with.
    pub fn breaks_off(&mut self, reason: CloseReason) {
        self.close = reason;
        if let Wire::Stream(stream) = &mut self.wire {
            stream.cut_when_closed();
        }
    }

    /// Makes the connection end in a way that nobody mistakes for the end of a message.
    pub fn reset_when_closed(&mut self, reason: CloseReason) {
        self.close = reason;
        self.is_cut = true;
        match &mut self.wire {
            Wire::Socket(socket, _) => {
                let _ = socket2::SockRef::from(&*socket).set_linger(Some(Duration::ZERO));
            }
            Wire::Stream(stream) => stream.cut_when_closed(),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.count();
        if let (false, Wire::Socket(socket, Some(session))) = (self.is_cut, &mut self.wire) {
            session.finish_now(socket);
        }
        if let Some(metrics) = &self.metrics {
            metrics.closed(self.close);
        }
    }
}

fn secured_already() -> HandshakeError {
    HandshakeError::Io(io::ErrorKind::InvalidInput.into())
}
