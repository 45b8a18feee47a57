//! A client that speaks HTTP/2: its connection, and a task for each of its streams.

use std::cell::Cell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;

use super::keepalive::Keepalive;
use super::kept::Head;
use super::stream::Stream;
use super::traffic::Traffic;
use super::wire::Wire;
use super::{CONNECTION_WINDOW, MAX_LATE_RESETS, MAX_STREAMS, REMEMBERED_RESETS, SEND_BUFFER, STREAM_WINDOW};
use crate::metrics::{CloseReason, Limit};
use crate::permission::{self, Call, Denial, Edition, HttpCall};
use crate::relay::{Client, Side, Watch};
use crate::worker::Worker;

/// How long a client that was told to go has before its connection without streams is closed.
const LAST_CALL: Duration = Duration::from_secs(2);

/// What the streams of a client's connection have in common.
pub struct Origin {
    pub worker: Rc<Worker>,
    pub side: Side,
    pub address: SocketAddr,
    /// Who the client has proved to be; none in plain text.
    pub identity: Option<Arc<str>>,
    streams: Cell<usize>,
}

/// A stream among those of its connection, until this is dropped.
pub struct Place(Rc<Origin>);

impl Origin {
    /// A request as the application's policy sees it; none when it is not for the application.
    pub fn call<'a>(&'a self, head: &'a Head) -> Option<Call<'a>> {
        let port = self.side.port()?;
        let http = Some(HttpCall { method: head.method().as_str(), path: head.path() });
        Some(Call { port, identity: self.identity.as_ref(), client: self.address, http })
    }

    /// Decides again about a request that was admitted by the policy of `edition`, when there is another since. Costs a look while
    /// the policy stays.
    ///
    /// # Errors
    /// It is allowed no longer.
    #[inline]
    pub fn readmit(&self, edition: &mut Edition, head: &Head) -> Result<(), Denial> {
        if *edition == self.worker.guard.edition() {
            return Ok(());
        }
        *edition = self.worker.guard.edition();
        self.call(head).map_or(Ok(()), |call| permission::readmit(&self.worker, &call))
    }

    fn place(self: &Rc<Self>) -> Place {
        self.streams.set(self.streams.get() + 1);
        Place(Rc::clone(self))
    }
}

impl std::ops::Deref for Place {
    type Target = Origin;

    fn deref(&self) -> &Origin {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
    }
}

/// Serves streams until the connection ends, which begins with the preface.
pub async fn serve(client: Box<Client>) {
    let Client { worker, side, peer, address, watch, .. } = *client;
    let identity = peer.identity().cloned();
    let traffic = Rc::new(Traffic::default());
    let wire = Wire::of_client(peer, Rc::clone(&traffic));
    let handshake = settings(&worker).handshake(wire);
    let Ok(Ok(mut connection)) = tokio::time::timeout(worker.config.timeouts.header, handshake).await else {
        return traffic.ends(CloseReason::BadMessage);
    };
    let keepalive = Keepalive::new(connection.ping_pong(), &worker.config.timeouts);
    let origin = Rc::new(Origin { worker, side, address, identity, streams: Cell::new(0) });
    let mut serving =
        Serving { connection, origin, traffic, watch, keepalive, idle_since: Instant::now(), told: None };
    serving.attend(Instant::now());
    while let Some((request, respond)) = poll_fn(|cx| serving.poll_next(cx)).await {
        let stream = Stream::new(serving.origin.place(), request, respond);
        serving.origin.worker.streams.relay(stream);
    }
}

/// What a client of the proxy may do.
pub(super) fn settings(worker: &Worker) -> Builder {
    let mut settings = Builder::new();
    settings
        .max_concurrent_streams(MAX_STREAMS)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_reset_streams(REMEMBERED_RESETS)
        .max_local_error_reset_streams(Some(MAX_LATE_RESETS))
        // As many as a client can open at once, it can reset at once.
        .max_pending_accept_reset_streams(MAX_STREAMS as usize)
        // What is up to twice as large as may be is read, to be refused with a reason.
        .max_header_list_size(u32::try_from(2 * worker.config.limits.head.bytes).unwrap_or(u32::MAX))
        .enable_connect_protocol();
    settings
}

type Accepted = (Request<RecvStream>, SendResponse<Bytes>);

struct Serving {
    connection: Connection<Wire, Bytes>,
    origin: Rc<Origin>,
    traffic: Rc<Traffic>,
    watch: Watch,
    keepalive: Keepalive,
    /// When it was last seen to have streams.
    idle_since: Instant,
    /// When the client was told to open no more streams.
    told: Option<Instant>,
}

impl Serving {
    /// The next stream; none when the connection is at its end.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Accepted>> {
        self.watch.wakes(cx);
        if self.watch.has_passed() || (self.told.is_none() && self.origin.worker.drain.has_started()) {
            self.keepalive.take_pong(cx);
            if !self.attend(Instant::now()) {
                return Poll::Ready(None);
            }
        }
        let next = self.connection.poll_accept(cx);
        if self.traffic.is_flooded() && self.traffic.close_reason() != CloseReason::BadMessage {
            self.send_away();
            // What is left is to say so.
            let _ = self.connection.poll_accept(cx);
            return Poll::Ready(None);
        }
        match next {
            Poll::Ready(Some(Ok(accepted))) => Poll::Ready(Some(accepted)),
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!(client = %self.origin.address, %error, "connection with HTTP/2 broke");
                if !error.is_io() {
                    self.traffic.ends(CloseReason::BadMessage);
                }
                if error.is_library() && error.reason() == Some(Reason::ENHANCE_YOUR_CALM) {
                    self.origin.worker.limits().reached(Limit::Frames);
                }
                Poll::Ready(None)
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn send_away(&mut self) {
        tracing::debug!(client = %self.origin.address, "client sends a flood of frames");
        self.origin.worker.limits().reached(Limit::Frames);
        self.traffic.ends(CloseReason::BadMessage);
        self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
    }

    /// Does what is due, and sets when to look again. False when the connection is to be closed.
    fn attend(&mut self, now: Instant) -> bool {
        let timeouts = &self.origin.worker.config.timeouts;
        let is_idle = self.origin.streams.get() == 0;
        if !is_idle {
            self.idle_since = now;
        }
        if self.told.is_none() {
            let reason = if self.origin.worker.drain.has_started() {
                Some(CloseReason::Drain)
            } else if is_idle && now - self.idle_since >= timeouts.idle {
                self.origin.worker.limits().reached(Limit::IdleTimeout);
                Some(CloseReason::Idle)
            } else {
                None
            };
            if let Some(reason) = reason {
                self.traffic.ends(reason);
                self.connection.graceful_shutdown();
                self.told = Some(now);
            }
        }
        if is_idle && self.told.is_some_and(|told| now - told >= LAST_CALL) {
            return false;
        }
        if !is_idle && !self.keepalive.is_alive(&self.traffic, now) {
            self.traffic.ends(CloseReason::Timeout);
            return false;
        }
        let wait = match self.told {
            Some(_) => LAST_CALL,
            None => self.keepalive.silence().min(timeouts.idle),
        };
        self.watch.set(now + wait);
        true
    }
}
