//! A connection with TLS after its handshake.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use super::record::{self, Content, HEADER, Key, MAX_CONTENT, OVERHEAD, invalid};
use crate::relay::{Buffer, RECORDS, Room};

/// No more is opened before what was opened is passed on: what was sealed at once.
const MAX_OPENED: usize = Room::Body.bytes();
/// A message of a handshake that is longer is none that a proxy sends.
const MAX_MESSAGE: usize = 64 * 1024;

const NEW_SESSION_TICKET: u8 = 4;
const KEY_UPDATE: u8 = 24;
/// Of the mesh alone, from a server to a client that has asked for it, as soon as the handshake is done: the connection may be one
/// of streams.
const STREAMS_OFFERED: u8 = 240;
const STREAMS_OFFERED_MESSAGE: [u8; 4] = [STREAMS_OFFERED, 0, 0, 0];
/// Warning, close_notify (RFC 8446, section 6.1).
const CLOSE_NOTIFY: [u8; 2] = [1, 0];
/// A key update that asks for none in return (RFC 8446, section 4.6.3).
const KEY_UPDATE_MESSAGE: [u8; 5] = [KEY_UPDATE, 0, 0, 1, 0];

/// What makes later keys, and takes tickets for later connections.
pub(super) enum Kernel {
    Client(Box<KernelConnection<ClientConnectionData>>),
    Server(Box<KernelConnection<ServerConnectionData>>),
}

/// The secured part of a connection: its keys, and what it has of records that are not whole.
pub struct Session {
    peer: Arc<str>,
    sealing: Key,
    opening: Key,
    kernel: Kernel,
    /// Read, and not opened yet.
    sealed: Buffer,
    /// Sealed, and not written yet.
    unsent: Buffer,
    /// So many of the bytes that are being sent are in `unsent`.
    taken: usize,
    /// A part of a message of the handshake protocol.
    message: Vec<u8>,
    update_asked: bool,
    /// Data has come.
    is_heard: bool,
    /// Instead of any data an alert came.
    is_refused: bool,
    /// The peer has said that it will send no more.
    is_ended: bool,
    /// We have said so.
    is_finished: bool,
    streams: Offer,
}

/// Whether streams are offered, by the server to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    None,
    /// The client has said that it takes them.
    Asked,
    Made,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(
        peer: Arc<str>,
        secrets: rustls::ExtractedSecrets,
        kernel: Kernel,
        read_ahead: &[u8],
    ) -> io::Result<Self> {
        let mut sealed = Buffer::default();
        sealed.append(read_ahead);
        Ok(Self {
            peer,
            sealing: Key::new(secrets.tx)?,
            opening: Key::new(secrets.rx)?,
            kernel,
            sealed,
            unsent: Buffer::default(),
            taken: 0,
            message: Vec::new(),
            update_asked: false,
            is_heard: false,
            is_refused: false,
            is_ended: false,
            is_finished: false,
            streams: Offer::None,
        })
    }

    /// The name that the peer has proved: a SPIFFE URI.
    pub fn peer(&self) -> &Arc<str> {
        &self.peer
    }

    /// Whether the peer has refused the connection after its handshake: a server looks at a client's certificate last.
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Says that the client takes streams.
    pub(super) fn client_takes_streams(&mut self) {
        self.streams = Offer::Asked;
    }

    /// Offers streams to a client that takes them. What the socket does not take at once goes with what is sent next. Whether that
    /// was done.
    pub fn offer_streams(&mut self, socket: &TcpStream) -> bool {
        if self.streams != Offer::Asked || self.seal(Content::Handshake, &STREAMS_OFFERED_MESSAGE).is_err() {
            return false;
        }
        self.streams = Offer::Made;
        if let Ok(written) = socket.try_write(self.unsent.bytes()) {
            self.unsent.consume(written);
        }
        true
    }

    /// Whether the client was offered that.
    pub fn has_offered_streams(&self) -> bool {
        matches!(self.kernel, Kernel::Server(_)) && self.streams == Offer::Made
    }

    /// Whether the server has offered that.
    pub fn is_offered_streams(&self) -> bool {
        matches!(self.kernel, Kernel::Client(_)) && self.streams == Offer::Made
    }

    /// Waits until the server has offered streams: true; or has begun to speak, or ended: false.
    ///
    /// # Errors
    /// The connection broke.
    pub fn poll_offer(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut TcpStream,
        received: &mut Buffer,
    ) -> Poll<io::Result<bool>> {
        loop {
            self.open(received)?;
            if self.is_offered_streams() || self.is_ended || !received.is_empty() {
                return Poll::Ready(Ok(self.is_offered_streams()));
            }
            if ready!(self.sealed.poll_read_from(cx, Pin::new(socket), Room::Head))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Reads until something was opened, and adds it to `received`. 0 means that the peer will send no more.
    ///
    /// # Errors
    /// Also when the connection ends and the peer has not said so: somebody may have cut it.
    pub fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut TcpStream,
        received: &mut Buffer,
        room: Room,
    ) -> Poll<io::Result<usize>> {
        let room = if room == Room::Body { Room::Records } else { room };
        loop {
            let opened = self.open(received)?;
            if opened > 0 || self.is_ended {
                return Poll::Ready(Ok(opened));
            }
            if ready!(self.sealed.poll_read_from(cx, Pin::new(socket), room))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Whether the peer has sent nothing that is for the one who reads: no data, no end, and no half of either.
    pub fn is_quiet(&mut self, socket: &TcpStream) -> bool {
        let mut received = Buffer::default();
        loop {
            let is_open = self.open(&mut received).is_ok() && !self.is_ended;
            if !is_open || !received.is_empty() {
                return false;
            }
            match self.sealed.try_read_from(socket) {
                Ok(length) if length > 0 => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.sealed.is_empty(),
                Ok(_) | Err(_) => return false,
            }
        }
    }

    /// Opens whole records. Returns how much data they had.
    fn open(&mut self, received: &mut Buffer) -> io::Result<usize> {
        let before = received.len();
        while !self.is_ended {
            let Some(length) = record::length(self.sealed.bytes())? else { break };
            if self.sealed.len() < length || (!received.is_empty() && received.len() + length > MAX_OPENED) {
                break;
            }
            let (kind, content) = self.opening.open(&mut self.sealed.bytes_mut()[..length])?;
            match kind {
                Content::Data => {
                    self.is_heard = true;
                    received.append(content);
                }
                Content::Alert if content == CLOSE_NOTIFY => self.is_ended = true,
                Content::Alert => {
                    self.is_refused = !self.is_heard;
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                Content::Handshake => {
                    self.message.extend_from_slice(content);
                    self.take_messages()?;
                }
            }
            self.sealed.consume(length);
        }
        Ok(received.len() - before)
    }

    fn take_messages(&mut self) -> io::Result<()> {
        let mut messages = std::mem::take(&mut self.message);
        let mut start = 0;
        while let [kind, a, b, c, rest @ ..] = &messages[start..] {
            let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
            if length > MAX_MESSAGE {
                return Err(invalid());
            }
            let Some(body) = rest.get(..length) else { break };
            self.take_message(*kind, body)?;
            start += 4 + length;
        }
        messages.drain(..start);
        messages.shrink_to_fit();
        self.message = messages;
        Ok(())
    }

    fn take_message(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        match (kind, body, &mut self.kernel) {
            // A ticket that cannot be kept only makes the next handshake longer.
            (NEW_SESSION_TICKET, ticket, Kernel::Client(kernel)) => {
                let _ = kernel.handle_new_session_ticket(ticket);
            }
            (KEY_UPDATE, [asked @ 0..=1], kernel) => {
                let secrets = match kernel {
                    Kernel::Client(kernel) => kernel.update_rx_secret(),
                    Kernel::Server(kernel) => kernel.update_rx_secret(),
                };
                self.opening = Key::new(secrets.map_err(|_| invalid())?)?;
                self.update_asked |= *asked == 1;
            }
            (STREAMS_OFFERED, [], Kernel::Client(_)) => self.streams = Offer::Made,
            _ => return Err(invalid()),
        }
        Ok(())
    }

    /// Sends some of `bytes`. Until it is ready, the next call is to bring the same bytes again, or the same and more.
    pub fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut TcpStream,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.taken == 0 {
            self.update_key_when_due()?;
            for content in bytes.chunks(MAX_CONTENT).take(RECORDS) {
                self.seal(Content::Data, content)?;
                self.taken += content.len();
            }
        }
        ready!(self.poll_flush(cx, socket))?;
        Poll::Ready(Ok(std::mem::take(&mut self.taken)))
    }

    /// Says that nothing more will be sent.
    pub fn poll_finish(&mut self, cx: &mut Context<'_>, socket: &mut TcpStream) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.is_finished, true) {
            self.seal(Content::Alert, &CLOSE_NOTIFY)?;
        }
        ready!(self.poll_flush(cx, socket))?;
        Pin::new(socket).poll_shutdown(cx)
    }

    /// Says that nothing more will be sent, as far as that can be said at once: the connection is about to be closed.
    pub fn finish_now(&mut self, socket: &TcpStream) {
        if !self.is_finished && self.unsent.is_empty() && self.seal(Content::Alert, &CLOSE_NOTIFY).is_ok() {
            let _ = socket.try_write(self.unsent.bytes());
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>, socket: &mut TcpStream) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let written = ready!(Pin::new(&mut *socket).poll_write(cx, self.unsent.bytes()))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.consume(written);
        }
        Poll::Ready(Ok(()))
    }

    fn seal(&mut self, kind: Content, content: &[u8]) -> io::Result<()> {
        self.sealing.seal(kind, content, self.unsent.extend(content.len() + OVERHEAD))
    }

    fn update_key_when_due(&mut self) -> io::Result<()> {
        if !self.update_asked && !self.sealing.is_worn() {
            return Ok(());
        }
        self.update_asked = false;
        self.seal(Content::Handshake, &KEY_UPDATE_MESSAGE)?;
        let secrets = match &mut self.kernel {
            Kernel::Client(kernel) => kernel.update_tx_secret(),
            Kernel::Server(kernel) => kernel.update_tx_secret(),
        };
        self.sealing = Key::new(secrets.map_err(|_| invalid())?)?;
        Ok(())
    }
}

const _: () = assert!(HEADER < OVERHEAD);
