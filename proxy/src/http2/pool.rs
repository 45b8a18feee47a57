//! The connections to an endpoint that streams share.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use h2::SendStream;
use h2::client::{Builder, Connection, ResponseFuture, SendRequest};
use http::Request;
use tokio::task::spawn_local;

use super::keepalive::Keepalive;
use super::traffic::Traffic;
use super::wire::Wire;
use super::{CONNECTION_WINDOW, MAX_LATE_RESETS, MAX_STREAMS, REMEMBERED_RESETS, SEND_BUFFER, STREAM_WINDOW};
use crate::destination::Endpoint;
use crate::error::ProxyError;
use crate::metrics::CloseReason;
use crate::relay::{Expire, Sweep, Watch};
use crate::upstream::{self, SharedAttempt};
use crate::worker::Worker;

/// The connections of one worker to one endpoint.
#[derive(Default)]
pub struct Pool {
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    connections: RefCell<Vec<Rc<Multiplexed>>>,
    /// A connection that is being made.
    attempt: SharedAttempt,
    is_swept: Cell<bool>,
    is_closed: Cell<bool>,
}

/// A connection whose streams go to one endpoint.
struct Multiplexed {
    requests: SendRequest<Bytes>,
    traffic: Rc<Traffic>,
    streams: Cell<usize>,
    was_used: Cell<bool>,
    idle_since: Cell<Instant>,
}

/// A place on a connection for one stream.
pub struct Lease {
    connection: Rc<Multiplexed>,
    requests: RefCell<SendRequest<Bytes>>,
    /// The connection served others before, so its server may be about to end it.
    pub reused: bool,
    /// Bytes that had been sent on the connection before.
    written: u64,
}

impl Pool {
    /// A place on a connection that was made before.
    pub fn take(&self) -> Option<Lease> {
        let mut connections = self.shared.connections.borrow_mut();
        let mut lease = None;
        connections.retain(|connection| {
            if lease.is_some() || !connection.has_room() {
                return true;
            }
            lease = Lease::on(connection);
            lease.is_some()
        });
        lease
    }

    /// A place on a new connection, which those who ask meanwhile share.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn open(&self, endpoint: &Rc<Endpoint>, worker: &Rc<Worker>) -> Result<Lease, ProxyError> {
        loop {
            let attempt = self.shared.attempt.join(|| {
                let (shared, endpoint, worker) =
                    (Rc::clone(&self.shared), Rc::clone(endpoint), Rc::clone(worker));
                async move { connect(&shared, &endpoint, &worker).await }
            });
            attempt.ended().await?;
            if let Some(lease) = self.take() {
                return Ok(lease);
            }
            if self.shared.is_closed.get() {
                return Err(ProxyError::ConnectFailed);
            }
        }
    }

    /// Gives no connections any more; those there are end with their streams: the endpoint left its destination.
    pub fn close(&self) {
        self.shared.is_closed.set(true);
        for connection in self.shared.connections.borrow_mut().drain(..) {
            connection.traffic.ends(CloseReason::Drain);
        }
    }
}

async fn connect(shared: &Rc<Shared>, endpoint: &Endpoint, worker: &Rc<Worker>) -> Result<(), ProxyError> {
    let peer = upstream::connect(endpoint).await?;
    let traffic = Rc::new(Traffic::default());
    let wire = Wire::to_endpoint(peer, Rc::clone(&traffic));
    let handshake = settings(worker).handshake(wire).await;
    let (requests, mut connection) = handshake.map_err(|_| ProxyError::ConnectFailed)?;
    let keepalive = Keepalive::new(connection.ping_pong(), &worker.config.timeouts);
    let multiplexed = Rc::new(Multiplexed {
        requests,
        traffic: Rc::clone(&traffic),
        streams: Cell::new(0),
        was_used: Cell::new(false),
        idle_since: Cell::new(Instant::now()),
    });
    let watch = worker.sweep.watch();
    let streams = Rc::downgrade(&multiplexed);
    spawn_local(Driving { connection, traffic, watch, keepalive, streams }.run());
    shared.add(multiplexed, &worker.sweep);
    Ok(())
}

fn settings(worker: &Worker) -> Builder {
    let mut settings = Builder::new();
    settings
        .enable_push(false)
        .max_concurrent_streams(0)
        .initial_max_send_streams(MAX_STREAMS as usize)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_reset_streams(REMEMBERED_RESETS)
        .max_local_error_reset_streams(Some(MAX_LATE_RESETS))
        .max_header_list_size(u32::try_from(2 * worker.config.limits.head.bytes).unwrap_or(u32::MAX));
    settings
}

impl Shared {
    fn add(self: &Rc<Self>, connection: Rc<Multiplexed>, sweep: &Rc<Sweep>) {
        self.connections.borrow_mut().push(connection);
        if !self.is_swept.replace(true) {
            let pool: Weak<Self> = Rc::downgrade(self);
            sweep.look_after(pool);
        }
    }
}

impl Expire for Shared {
    fn expire(&self, before: Instant) -> bool {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|connection| {
            let is_old = connection.streams.get() == 0 && connection.idle_since.get() <= before;
            if is_old {
                connection.traffic.ends(CloseReason::Idle);
            }
            !is_old && connection.requests().is_some()
        });
        self.is_swept.set(!connections.is_empty());
        self.is_swept.get()
    }
}

impl Multiplexed {
    /// What takes a request, as long as its server takes new streams.
    fn requests(&self) -> Option<SendRequest<Bytes>> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut requests = self.requests.clone();
        match requests.poll_ready(&mut cx) {
            Poll::Ready(Err(_)) => None,
            Poll::Ready(Ok(())) | Poll::Pending => Some(requests),
        }
    }

    fn has_room(&self) -> bool {
        let most = self.requests.current_max_send_streams().min(MAX_STREAMS as usize);
        self.streams.get() < most
    }
}

impl Lease {
    /// A place on `connection`, unless that is at its end.
    fn on(connection: &Rc<Multiplexed>) -> Option<Self> {
        let requests = RefCell::new(connection.requests()?);
        let reused = connection.was_used.replace(true);
        connection.streams.set(connection.streams.get() + 1);
        let written = connection.traffic.written();
        Some(Self { connection: Rc::clone(connection), requests, reused, written })
    }

    /// Sends the head of the one request.
    ///
    /// # Errors
    /// The connection is at its end, or the head cannot be sent.
    pub fn send(
        &self,
        head: Request<()>,
        is_complete: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        self.requests.borrow_mut().send_request(head, is_complete)
    }

    /// Whether the endpoint takes extended CONNECT (RFC 8441), which its first frame says.
    pub async fn takes_extended_connect(&self) -> bool {
        self.connection.traffic.first_read().await;
        self.connection.requests.is_extended_connect_protocol_enabled()
    }

    /// Whether the connection has taken bytes since the lease began.
    pub fn was_written(&self) -> bool {
        self.connection.traffic.written() != self.written
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let streams = self.connection.streams.get() - 1;
        self.connection.streams.set(streams);
        if streams == 0 {
            self.connection.idle_since.set(Instant::now());
        }
    }
}

/// What reads and writes a connection. It ends with the connection, which ends when nobody has requests for it any more.
struct Driving {
    connection: Connection<Wire, Bytes>,
    traffic: Rc<Traffic>,
    watch: Watch,
    keepalive: Keepalive,
    streams: Weak<Multiplexed>,
}

impl Driving {
    async fn run(mut self) {
        self.attend();
        std::future::poll_fn(|cx| self.poll(cx)).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.watch.wakes(cx);
        if self.watch.has_passed() {
            self.keepalive.take_pong(cx);
            if !self.attend() {
                self.traffic.ends(CloseReason::Timeout);
                return Poll::Ready(());
            }
        }
        std::pin::Pin::new(&mut self.connection).poll(cx).map(|result| {
            if let Err(error) = result
                && !error.is_io()
                && !error.is_remote()
            {
                tracing::debug!(%error, "endpoint sends what is no HTTP/2");
                self.traffic.ends(CloseReason::BadMessage);
            }
        })
    }

    /// Asks a silent server with streams whether it is still there. False when it is dead.
    fn attend(&mut self) -> bool {
        let now = Instant::now();
        let has_streams = self.streams.upgrade().is_some_and(|connection| connection.streams.get() > 0);
        let is_alive = !has_streams || self.keepalive.is_alive(&self.traffic, now);
        self.watch.set(now + self.keepalive.silence());
        is_alive
    }
}
