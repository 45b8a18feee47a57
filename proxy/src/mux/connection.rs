//! What the streams of a connection share.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use super::frame::{Frame, HEADER, Kind, MAX_SENT, Malformed};
use super::pieces::Pieces;
use super::queue::Queue;
use super::stream::{State, Stream};
use super::{MAX_STREAMS, MAX_UNWRITTEN, MAX_WAITING};
use crate::drain::{Drain, Hold};
use crate::identity::Credentials;
use crate::metrics::CloseReason;
use crate::relay::Peer;

/// A connection as its streams know it. Its driver reads and writes it.
#[derive(Debug)]
pub struct Connection {
    identity: Arc<str>,
    /// What we have proved ourselves by: the worker's, until it has others.
    credentials: Weak<Credentials>,
    drain: Rc<Drain>,
    /// Those of which a frame was sent or has come.
    streams: RefCell<HashMap<u32, Rc<State>>>,
    /// How many there are, with those that have no number yet.
    count: Cell<usize>,
    /// The highest number of a stream so far.
    last: Cell<u32>,
    /// What waits to be written.
    out: RefCell<Pieces>,
    /// A drain waits until all of it is written: who sent it may be gone.
    hold: RefCell<Option<Hold>>,
    /// How often all of it was written.
    turn: Cell<u64>,
    /// Some of it was written, or may have been.
    is_begun: Cell<bool>,
    driver: RefCell<Option<Waker>>,
    queue: Queue,
    /// More waits to be written than may.
    is_overfull: Cell<bool>,
    /// The peer was asked whether it is there, and has not said so.
    is_silent: Cell<bool>,
    is_leaving: Cell<bool>,
    is_ended: Cell<bool>,
    /// When the last of its streams was used that are over.
    idle_since: Cell<Instant>,
    close: Cell<CloseReason>,
}

impl Connection {
    /// To a peer that has proved to be `identity`, of a worker with this drain.
    pub fn new(identity: Arc<str>, credentials: Weak<Credentials>, drain: &Rc<Drain>) -> Rc<Self> {
        Rc::new(Self {
            identity,
            credentials,
            drain: Rc::clone(drain),
            streams: RefCell::default(),
            count: Cell::new(0),
            last: Cell::new(0),
            out: RefCell::default(),
            hold: RefCell::default(),
            turn: Cell::new(0),
            is_begun: Cell::new(false),
            driver: RefCell::default(),
            queue: Queue::default(),
            is_overfull: Cell::new(false),
            is_silent: Cell::new(false),
            is_leaving: Cell::new(false),
            is_ended: Cell::new(false),
            idle_since: Cell::new(Instant::now()),
            close: Cell::new(CloseReason::Complete),
        })
    }

    /// Who the peer has proved to be.
    pub fn identity(&self) -> &Arc<str> {
        &self.identity
    }

    /// Whether it takes one more stream.
    pub fn has_room(&self) -> bool {
        self.is_responsive()
            && self.out.borrow().len() <= MAX_WAITING
            && self.count.get() < MAX_STREAMS
            && self.last.get() < u32::MAX - MAX_STREAMS as u32
    }

    /// How many streams it has.
    pub fn count(&self) -> usize {
        self.count.get()
    }

    /// Whether we have a newer certificate, or trust others, since it began.
    pub fn is_outdated(&self) -> bool {
        self.credentials.strong_count() == 0
    }

    /// A new stream, where the connection takes one more. It gets its number with the first that it sends: the peer is to see
    /// them in order.
    pub fn open(self: &Rc<Self>) -> Option<Stream> {
        self.has_room().then(|| self.stream_of(Rc::default()))
    }

    /// Gives a stream its number.
    pub(super) fn number(&self, state: &Rc<State>) {
        let id = self.last.get() + 1;
        state.begins(id);
        self.note(id, state);
    }

    /// The stream that the peer has opened by a number; none, and the peer is told that it took nothing, when it has far too many.
    ///
    /// # Errors
    /// The peer has had the number.
    pub(super) fn opened(self: &Rc<Self>, id: u32) -> Result<Option<Stream>, Malformed> {
        if self.knew(id) {
            return Err(Malformed);
        }
        // A stream that was closed there may not be closed here yet.
        if self.count.get() < 2 * MAX_STREAMS {
            let state = Rc::<State>::default();
            state.begins(id);
            self.note(id, &state);
            return Ok(Some(self.stream_of(state)));
        }
        self.last.set(id);
        self.send(Frame::of(id, Kind::Close), &[]);
        Ok(None)
    }

    fn note(&self, id: u32, state: &Rc<State>) {
        self.last.set(id);
        self.streams.borrow_mut().insert(id, Rc::clone(state));
    }

    fn stream_of(self: &Rc<Self>, state: Rc<State>) -> Stream {
        self.count.set(self.count.get() + 1);
        Stream::new(Rc::clone(self), state)
    }

    /// The stream of a number; none when it is over.
    pub(super) fn stream(&self, id: u32) -> Option<Rc<State>> {
        self.streams.borrow().get(&id).map(Rc::clone)
    }

    /// Whether the stream of a number was there once.
    pub(super) fn knew(&self, id: u32) -> bool {
        id <= self.last.get()
    }

    /// A stream is over that was last used at `used`.
    pub(super) fn remove(&self, id: u32, used: Instant) {
        self.streams.borrow_mut().remove(&id);
        self.count.set(self.count.get() - 1);
        self.idle_since.set(self.idle_since.get().max(used));
        if self.count.get() == 0 && self.is_leaving.get() {
            self.wake();
        }
    }

    /// Since when its streams are of no use; none while it has some.
    pub fn idle_since(&self) -> Option<Instant> {
        (self.count.get() == 0).then(|| self.idle_since.get())
    }

    /// Has `bytes` written before anything else.
    pub fn begin(&self, bytes: &[u8]) {
        self.out.borrow_mut().append(bytes);
    }

    /// Has a frame written with those that others send meanwhile.
    pub(super) fn send(&self, frame: Frame, content: &[u8]) {
        if self.is_ended.get() || self.is_overfull.get() {
            return;
        }
        let mut out = self.out.borrow_mut();
        let is_first = out.is_empty();
        let space = out.extend(HEADER + content.len());
        space[..HEADER].copy_from_slice(&frame.bytes());
        space[HEADER..].copy_from_slice(content);
        self.is_overfull.set(out.len() > MAX_UNWRITTEN);
        self.hold.borrow_mut().get_or_insert_with(|| self.drain.hold());
        if is_first || self.is_overfull.get() {
            self.wake();
        }
    }

    /// Has bytes of a stream written, in frames that fill the pieces.
    pub(super) fn send_data(&self, stream: u32, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.out.borrow().room();
            let length = if room < 2 * HEADER { MAX_SENT } else { MAX_SENT.min(room - HEADER) };
            let (content, rest) = bytes.split_at(length.min(bytes.len()));
            self.send(Frame { stream, kind: Kind::Data, length: content.len() }, content);
            bytes = rest;
        }
    }

    fn wake(&self) {
        if let Some(driver) = &*self.driver.borrow() {
            driver.wake_by_ref();
        }
    }

    /// How often all that was to be written was.
    pub(super) fn turn(&self) -> u64 {
        self.turn.get()
    }

    /// Whether nothing was written since the turn, and never will be.
    pub(super) fn wrote_nothing_since(&self, turn: u64) -> bool {
        self.is_ended.get() && !self.is_begun.get() && self.turn.get() == turn
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The task of `cx` drives the connection.
    pub(super) fn is_driven_by(&self, cx: &Context<'_>) {
        let mut driver = self.driver.borrow_mut();
        if !driver.as_ref().is_some_and(|driver| driver.will_wake(cx.waker())) {
            *driver = Some(cx.waker().clone());
        }
    }

    pub(super) fn has_more_to_write(&self) -> bool {
        !self.out.borrow().is_empty()
    }

    /// Whether more waits to be written than a peer that is there would leave.
    pub(super) fn is_overfull(&self) -> bool {
        self.is_overfull.get()
    }

    /// Asks the peer whether it is there.
    pub(super) fn ask(&self) {
        self.send(Frame::of(0, Kind::Ping), &[]);
    }

    /// Says whether the peer was asked in vain so far.
    pub(super) fn is_silent(&self, is_silent: bool) {
        self.is_silent.set(is_silent);
    }

    /// Writes what is there.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, peer: &mut Peer) -> Poll<std::io::Result<()>> {
        let mut out = self.out.borrow_mut();
        if out.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.is_begun.set(true);
        while !out.is_empty() {
            let length = ready!(peer.poll_send(cx, out.first()))?;
            out.consume(length);
        }
        self.is_begun.set(false);
        self.turn.set(self.turn.get() + 1);
        drop(self.hold.take());
        Poll::Ready(Ok(()))
    }

    /// Tells the peer to open no more streams.
    pub(super) fn send_away(&self, reason: CloseReason) {
        self.leave(reason);
        self.send(Frame::of(0, Kind::GoAway), &[]);
    }

    /// Has the connection closed, for a reason, when it has no streams any more.
    pub fn leave(&self, reason: CloseReason) {
        self.is_leaving.set(true);
        self.close.set(reason);
        self.wake();
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.is_leaving.get()
    }

    /// Whether the connection goes on, as far as anybody knows.
    pub fn is_lasting(&self) -> bool {
        !self.is_leaving.get() && !self.is_ended.get()
    }

    /// Whether the connection is worth a new request.
    pub(super) fn is_responsive(&self) -> bool {
        self.is_lasting() && !self.is_silent.get()
    }

    /// Whether the connection is over.
    pub fn is_ended(&self) -> bool {
        self.is_ended.get()
    }

    /// The connection is over, and so are its streams.
    pub(super) fn ends(&self) -> CloseReason {
        self.is_ended.set(true);
        // Streams may hold on to the connection for long.
        drop((self.out.take(), self.hold.take()));
        self.queue.end();
        for (_, state) in self.streams.borrow_mut().drain() {
            state.breaks();
        }
        self.close.get()
    }
}

#[cfg(test)]
impl Connection {
    /// The frames that wait to be written.
    pub(super) fn waiting(&self) -> Vec<Frame> {
        let waiting = self.out.borrow().to_vec();
        let mut bytes = waiting.as_slice();
        let mut frames = Vec::new();
        while let Some(frame) = Frame::read(bytes).unwrap() {
            bytes = &bytes[HEADER + frame.content()..];
            frames.push(frame);
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::mux::fixture::{Woken, connection};
    use crate::mux::{MAX_AT_ONCE, MAX_SMALL};

    #[test]
    fn a_connection_with_much_to_write_takes_no_new_streams() {
        let connection = connection();
        let cx = Context::from_waker(Waker::noop());
        let mut streams = 0;
        while let Some(mut stream) = connection.open() {
            assert!(stream.poll_send(&cx, &[0; MAX_SMALL]).is_ready());
            streams += 1;
            assert!(streams < 1000, "streams that are dropped leave their bytes");
        }
        assert!(streams >= MAX_WAITING / (MAX_SMALL + 2 * HEADER));
        assert!(connection.is_lasting(), "what waits may go on");
    }

    #[test]
    fn what_is_small_does_not_wait_for_what_is_large() {
        let connection = connection();
        let cx = Context::from_waker(Waker::noop());
        let mut streams: Vec<_> = (0..4).map(|_| connection.open().unwrap()).collect();
        let sent = streams.iter_mut().map(|stream| stream.poll_send(&cx, &[0; MAX_AT_ONCE]).is_ready());
        assert_eq!(sent.collect::<Vec<_>>(), [true, true, false, false]);
        let sent = streams.iter_mut().map(|stream| stream.poll_send(&cx, &[0; MAX_SMALL]).is_ready());
        assert_eq!(sent.collect::<Vec<_>>(), [false, false, true, true], "those who have sent much wait");
        assert!(streams[3].poll_send(&cx, &[0]).is_pending(), "many small ones are much");
    }

    #[test]
    fn one_stream_too_many_is_closed_alone() {
        let connection = connection();
        let streams: Vec<_> = (1..=2 * MAX_STREAMS as u32).map(|id| connection.opened(id).unwrap()).collect();
        assert!(streams.iter().all(Option::is_some));
        let one_too_many = 2 * MAX_STREAMS as u32 + 1;
        assert!(connection.opened(one_too_many).unwrap().is_none());
        assert_eq!(connection.waiting(), [Frame::of(one_too_many, Kind::Close)]);
        assert!(connection.knew(one_too_many), "what follows for it is passed over");
        drop(streams);
        assert!(connection.opened(one_too_many + 1).unwrap().is_some());
        assert!(connection.opened(one_too_many).is_err());
    }

    #[test]
    fn a_connection_that_leaves_is_woken_when_its_last_stream_goes() {
        let connection = connection();
        let stream = connection.opened(1).unwrap().unwrap();
        stream.state().take(Frame::of(1, Kind::Close), &[]).unwrap();
        connection.leave(CloseReason::Drain);
        let woken = Arc::<Woken>::default();
        connection.is_driven_by(&Context::from_waker(&woken.waker()));
        drop(stream);
        assert!(connection.waiting().is_empty(), "the peer need not hear of it");
        assert_eq!(woken.times(), 1);
    }
}
