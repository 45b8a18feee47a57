//! The connections of streams to an endpoint.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::spawn_local;

use super::connection::Connection;
use super::driver::{Driver, Side};
use super::frame::Malformed;
use super::stream::Stream;
use super::{MANY_STREAMS, MAX_SPREAD, PREFACE};
use crate::destination::Endpoint;
use crate::direction::Direction;
use crate::error::ProxyError;
use crate::metrics::{CloseReason, Handshake};
use crate::relay::{Expire, Peer};
use crate::upstream::{self, Outcome, SharedAttempt};
use crate::worker::Worker;

/// How long a new connection waits for its server to offer streams. It does so at once; one that knows nothing of them never does.
const OFFER_TIME: Duration = Duration::from_millis(100);
/// So often a request waits for a new connection whose streams then went to others.
const MAX_ROUNDS: usize = 4;

/// The connections of one worker to one endpoint. There is more than one when the first has many streams.
#[derive(Default)]
pub struct Pool {
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    connections: RefCell<Vec<Rc<Connection>>>,
    /// A connection that is being made.
    attempt: SharedAttempt,
    /// One on which no streams were offered, and nothing was sent.
    unused: RefCell<Option<Peer>>,
    /// The server did not offer streams the last time.
    is_plain: Cell<bool>,
    is_swept: Cell<bool>,
    is_closed: Cell<bool>,
}

impl Pool {
    /// A new stream on a connection that is there. Where all have many, one more is made for those who come later.
    pub fn take(&self, endpoint: &Rc<Endpoint>, worker: &Rc<Worker>) -> Option<Stream> {
        let connections = self.shared.connections.borrow();
        let (mut best, mut count) = (None::<&Rc<Connection>>, 0);
        for connection in connections.iter().filter(|connection| connection.has_room()) {
            count += 1;
            if connection.count() < MANY_STREAMS {
                return connection.open();
            }
            if best.is_none_or(|best| connection.count() < best.count()) {
                best = Some(connection);
            }
        }
        let stream = best?.open();
        if count < MAX_SPREAD {
            self.attempt(endpoint, worker);
        }
        stream
    }

    /// A stream of a new connection, which those who ask meanwhile share; or that connection itself, when the endpoint offers no
    /// streams. None for those who need one of their own for that reason.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn open(
        &self,
        endpoint: &Rc<Endpoint>,
        worker: &Rc<Worker>,
    ) -> Result<Option<Peer>, ProxyError> {
        for _ in 0..MAX_ROUNDS {
            if self.shared.is_plain.get() || self.shared.is_closed.get() {
                break;
            }
            self.attempt(endpoint, worker).ended().await?;
            if let Some(stream) = self.take(endpoint, worker) {
                return Ok(Some(Peer::of_stream(stream)));
            }
            if let Some(mut peer) = self.shared.unused.take()
                && peer.is_quiet()
            {
                return Ok(Some(peer));
            }
        }
        Ok(None)
    }

    /// The attempt to make a connection that is under way, or a new one.
    fn attempt(&self, endpoint: &Rc<Endpoint>, worker: &Rc<Worker>) -> Outcome {
        self.shared.attempt.join(|| {
            let (shared, endpoint, worker) =
                (Rc::clone(&self.shared), Rc::clone(endpoint), Rc::clone(worker));
            async move { shared.connect(&endpoint, &worker).await }
        })
    }

    /// Makes streams of a connection whose server has offered that, and which has nothing more to say; or closes it when there is
    /// one of streams already.
    pub fn adopt(&self, mut peer: Peer, worker: &Worker) {
        self.shared.is_plain.set(false);
        if !peer.is_quiet() {
            return;
        }
        if self.shared.is_closed.get() {
            return peer.ends(CloseReason::Drain);
        }
        if !self.shared.connections.borrow().iter().any(|connection| connection.has_room()) {
            self.shared.begin(peer, worker);
        }
    }

    /// Opens no more streams; the connections end with those there are: the endpoint left its destination.
    pub fn close(&self) {
        self.shared.is_closed.set(true);
        self.shared.unused.take();
        for connection in self.shared.connections.borrow_mut().drain(..) {
            connection.leave(CloseReason::Drain);
        }
    }
}

impl Shared {
    async fn connect(self: &Rc<Self>, endpoint: &Endpoint, worker: &Worker) -> Result<(), ProxyError> {
        let mut peer = upstream::connect_for_streams(endpoint).await?;
        match tokio::time::timeout(OFFER_TIME, poll_fn(|cx| peer.poll_offer(cx))).await {
            Ok(Ok(true)) if !self.is_closed.get() => self.begin(peer, worker),
            Ok(Err(_)) if peer.was_refused() => {
                worker.identity().shook(Direction::Outbound, Handshake::IdentityFailed);
                peer.ends(CloseReason::Error);
                return Err(ProxyError::IdentityFailed);
            }
            Ok(Err(_)) => {
                peer.ends(CloseReason::Reset);
                return Err(ProxyError::ConnectFailed);
            }
            Ok(Ok(_)) | Err(_) => {
                self.is_plain.set(true);
                self.unused.replace(Some(peer));
            }
        }
        Ok(())
    }

    /// Makes streams of a connection on which they were offered.
    fn begin(self: &Rc<Self>, peer: Peer, worker: &Worker) {
        let Some(identity) = peer.identity().cloned() else { return };
        self.is_plain.set(false);
        let credentials = worker.credentials().as_ref().map(Arc::downgrade).unwrap_or_default();
        let connection = Connection::new(identity, credentials, &worker.drain);
        connection.begin(PREFACE);
        let mut connections = self.connections.borrow_mut();
        connections.retain(|connection| !connection.is_ended());
        connections.push(Rc::clone(&connection));
        spawn_local(Driver::new(peer, connection, Opening, worker.sweep.watch()).run());
        if !self.is_swept.replace(true) {
            let pool: Weak<Self> = Rc::downgrade(self);
            worker.sweep.look_after(pool);
        }
    }
}

impl Expire for Shared {
    fn expire(&self, before: Instant) -> bool {
        self.unused.take();
        let mut connections = self.connections.borrow_mut();
        connections.retain(|connection| {
            if connection.idle_since().is_some_and(|since| since <= before) {
                connection.leave(CloseReason::Idle);
            } else if connection.is_outdated() {
                connection.leave(CloseReason::Drain);
            }
            connection.is_lasting()
        });
        self.is_swept.set(!connections.is_empty());
        self.is_swept.get()
    }
}

/// The side that opens streams.
pub(super) struct Opening;

impl Side for Opening {
    const LEAVES: bool = true;

    fn opened(&mut self, _stream: Stream) -> Result<(), Malformed> {
        Err(Malformed)
    }

    fn is_hurried(&self) -> bool {
        false
    }

    fn attend(&mut self, _now: Instant, _connection: &Connection) -> Option<Duration> {
        Some(Duration::MAX)
    }
}
