//! A connection as the protocol's state machine reads and writes it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::flood::Flood;
use super::traffic::Traffic;
use crate::metrics::CloseReason;
use crate::relay::Peer;

/// A peer whose bytes are frames.
pub struct Wire {
    peer: Peer,
    traffic: Rc<Traffic>,
    /// Of a client: what it sends is watched.
    flood: Option<Flood>,
}

impl Wire {
    /// The connection to an endpoint.
    pub fn to_endpoint(peer: Peer, traffic: Rc<Traffic>) -> Self {
        Self { peer, traffic, flood: None }
    }

    /// The connection of a client, of which some bytes may have been received.
    pub fn of_client(peer: Peer, traffic: Rc<Traffic>) -> Self {
        Self { peer, traffic, flood: Some(Flood::default()) }
    }

    fn has_read(&mut self, bytes: &[u8]) {
        self.traffic.has_read(bytes.len());
        if let Some(flood) = &mut self.flood
            && flood.is_in(bytes, self.traffic.written())
        {
            self.traffic.flooded();
        }
    }

    fn broke<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if result.is_err() {
            self.traffic.ends(CloseReason::Reset);
        }
        result
    }

    fn has_written(&self, result: io::Result<usize>) -> io::Result<usize> {
        if let Ok(length) = result {
            self.traffic.has_written(length);
        }
        self.broke(result)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = space.filled().len();
        let result = ready!(this.peer.poll_read(cx, space));
        this.broke(result)?;
        this.has_read(&space.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = ready!(this.peer.poll_send(cx, bytes));
        Poll::Ready(this.has_written(result))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = ready!(this.peer.poll_send_vectored(cx, pieces));
        Poll::Ready(this.has_written(result))
    }

    fn is_write_vectored(&self) -> bool {
        !self.peer.is_secured()
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().peer.poll_finish(cx)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.peer.ends(self.traffic.close_reason());
    }
}
