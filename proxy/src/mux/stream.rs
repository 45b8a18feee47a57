//! One stream as its user has it: like a socket.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::connection::Connection;
use super::frame::{Frame, Kind, Malformed};
use super::pieces::Pieces;
use super::queue::Place;
use super::{MAX_AT_ONCE, MAX_SMALL, MIN_CREDIT, WINDOW};
use crate::relay::Buffer;

/// What both the stream's user and its connection know of it.
#[derive(Debug)]
pub struct State {
    /// 0 until it has begun.
    id: Cell<u32>,
    /// What has come and was not taken.
    inbox: RefCell<Pieces>,
    /// Its user, when that waits.
    waker: RefCell<Option<Waker>>,
    /// So much may be sent.
    credit: Cell<usize>,
    /// Whether it is its turn to send much.
    pub(super) place: Cell<Place>,
    /// The peer will send no more.
    has_finished: Cell<bool>,
    /// The peer takes no more.
    is_closed: Cell<bool>,
    /// The stream was cut, or its connection was.
    is_broken: Cell<bool>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            id: Cell::new(0),
            inbox: RefCell::default(),
            waker: RefCell::default(),
            credit: Cell::new(WINDOW),
            place: Cell::new(Place::None),
            has_finished: Cell::new(false),
            is_closed: Cell::new(false),
            is_broken: Cell::new(false),
        }
    }
}

impl State {
    pub(super) fn begins(&self, id: u32) {
        self.id.set(id);
    }

    fn has_begun(&self) -> bool {
        self.id.get() != 0
    }

    fn frame(&self, kind: Kind) -> Frame {
        Frame::of(self.id.get(), kind)
    }

    /// Takes a frame from the peer.
    ///
    /// # Errors
    /// The peer sends more than it may.
    pub(super) fn take(&self, frame: Frame, content: &[u8]) -> Result<(), Malformed> {
        match frame.kind {
            Kind::Data => {
                let mut inbox = self.inbox.borrow_mut();
                if inbox.len() + content.len() > WINDOW || self.has_finished.get() {
                    return Err(Malformed);
                }
                inbox.append(content);
            }
            Kind::Finish => self.has_finished.set(true),
            Kind::Close => {
                self.has_finished.set(true);
                self.is_closed.set(true);
            }
            Kind::Reset => self.is_broken.set(true),
            Kind::Credit if self.credit.get() + frame.length <= WINDOW => {
                self.credit.set(self.credit.get() + frame.length);
            }
            Kind::Credit | Kind::GoAway | Kind::Ping | Kind::Pong => return Err(Malformed),
        }
        self.wake();
        Ok(())
    }

    /// The connection is over; what was closed in order before remains so.
    pub(super) fn breaks(&self) {
        if !self.is_closed.get() {
            self.is_broken.set(true);
        }
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// It may send much.
    pub(super) fn gets_place(&self) {
        self.place.set(Place::Given);
        self.wake();
    }

    fn wakes(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }
}

/// A stream. Dropped, it is closed in order, unless it is to be cut.
#[derive(Debug)]
pub struct Stream {
    connection: Rc<Connection>,
    state: Rc<State>,
    /// So much was taken for which the peer was not given credit.
    taken: usize,
    /// So much was sent in a round of the connection's queue.
    queued: (u64, usize),
    /// In which turn of the connection the first of the last message was sent.
    begun: Option<u64>,
    /// Something has come since then.
    is_heard: bool,
    is_finished: bool,
    is_cut: bool,
    /// When it was used last, where it ends because it is not.
    used: Option<Instant>,
}

impl Stream {
    pub(super) fn new(connection: Rc<Connection>, state: Rc<State>) -> Self {
        Self {
            connection,
            state,
            taken: 0,
            queued: (0, 0),
            begun: None,
            is_heard: false,
            is_finished: false,
            is_cut: false,
            used: None,
        }
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Who the peer has proved to be.
    pub fn identity(&self) -> &Arc<str> {
        self.connection.identity()
    }

    /// Takes what has come. 0 means that the peer will send no more.
    ///
    /// # Errors
    /// The stream was cut.
    pub fn poll_receive(&mut self, cx: &Context<'_>, received: &mut Buffer) -> Poll<io::Result<usize>> {
        self.give_credit();
        let state = &self.state;
        let mut inbox = state.inbox.borrow_mut();
        let Some(piece) = inbox.take_first() else {
            if state.has_finished.get() {
                return Poll::Ready(Ok(0));
            }
            if self.is_broken() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            state.wakes(cx);
            return Poll::Pending;
        };
        let length = piece.len();
        if received.is_empty() {
            *received = piece;
        } else {
            received.append(piece.bytes());
        }
        self.taken += length;
        self.is_heard = true;
        Poll::Ready(Ok(length))
    }

    /// Lets the peer send as much as was taken before: whoever asks for more has passed that on.
    fn give_credit(&mut self) {
        if self.taken >= 2 * MAX_AT_ONCE {
            let length = std::mem::take(&mut self.taken);
            self.connection.send(Frame { length, ..self.state.frame(Kind::Credit) }, &[]);
        }
    }

    /// Sends some of `bytes`.
    ///
    /// # Errors
    /// The stream was cut, or the peer takes no more.
    pub fn poll_send(&mut self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let state = &self.state;
        if state.is_closed.get() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.is_broken() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let round = self.connection.queue().round();
        let queued = if self.queued.0 == round { self.queued.1 } else { 0 };
        let credit = state.credit.get();
        let wanted = bytes.len().min(MAX_AT_ONCE);
        let is_small = queued + wanted <= MAX_SMALL;
        if credit < wanted.min(MIN_CREDIT) || !(is_small || self.connection.queue().lets_in(state)) {
            state.wakes(cx);
            return Poll::Pending;
        }
        let length = wanted.min(credit);
        if !state.has_begun() {
            self.connection.number(state);
        }
        self.begun.get_or_insert_with(|| self.connection.turn());
        self.connection.send_data(state.id.get(), &bytes[..length]);
        state.credit.set(credit - length);
        self.queued = (round, queued + length);
        Poll::Ready(Ok(length))
    }

    /// Says that no more will be sent.
    pub fn finish(&mut self) {
        if self.state.has_begun() && !std::mem::replace(&mut self.is_finished, true) {
            self.connection.send(self.state.frame(Kind::Finish), &[]);
        }
    }

    /// Says that a message begins here.
    pub fn begins_message(&mut self) {
        self.begun = None;
        self.is_heard = false;
    }

    /// Whether the connection broke before any of the last message was written, or the peer let go of the stream without a word, as
    /// when it was idle for too long.
    pub fn took_nothing(&self) -> bool {
        let is_heard = self.is_heard || !self.state.inbox.borrow().is_empty();
        self.begun.is_none_or(|turn| self.connection.wrote_nothing_since(turn))
            || (self.state.is_closed.get() && !is_heard)
    }

    /// Makes the stream end in a way that nobody mistakes for the end of a message.
    pub fn cut_when_closed(&mut self) {
        self.is_cut = true;
    }

    /// Says that it ends because it was not used since then.
    pub fn was_idle(&mut self, since: Instant) {
        self.used = Some(since);
    }

    /// Whether nothing has come that was not taken, and the stream goes on.
    pub fn is_quiet(&self) -> bool {
        !self.state.has_finished.get()
            && !self.is_broken()
            && self.connection.is_responsive()
            && self.state.inbox.borrow().is_empty()
    }

    /// Whether the stream was cut, or its connection was. A peer that has closed it in order has not: what it sent may wait here.
    pub fn is_broken(&self) -> bool {
        self.state.is_broken.get() || (self.connection.is_ended() && !self.state.has_begun())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.queue().leave(&self.state);
        self.connection.remove(self.state.id.get(), self.used.unwrap_or_else(Instant::now));
        if self.state.has_begun() && !self.is_broken() && !self.state.is_closed.get() {
            let kind = if self.is_cut { Kind::Reset } else { Kind::Close };
            self.connection.send(self.state.frame(kind), &[]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::metrics::CloseReason;
    use crate::mux::fixture::connection;
    use crate::mux::frame::MAX_CONTENT;
    use crate::relay::Peer;

    fn data(stream: &Stream, length: usize) {
        for content in vec![7; length].chunks(MAX_CONTENT) {
            let frame = Frame { stream: stream.state.id.get(), kind: Kind::Data, length: content.len() };
            stream.state.take(frame, content).unwrap();
        }
    }

    fn begun(connection: &Rc<Connection>, id: u32) -> Stream {
        connection.opened(id).unwrap().unwrap()
    }

    #[test]
    fn numbers_are_given_in_the_order_in_which_streams_begin() {
        let connection = connection();
        let cx = Context::from_waker(Waker::noop());
        let [mut first, unused, mut second] = [(); 3].map(|()| connection.open().unwrap());
        for stream in [&mut second, &mut first] {
            assert!(stream.poll_send(&cx, b"x").is_ready());
        }
        drop((unused, first));
        let data = |stream| Frame { stream, kind: Kind::Data, length: 1 };
        assert_eq!(connection.waiting(), [data(1), data(2), Frame::of(2, Kind::Close)]);
        assert_eq!(connection.count(), 1);
    }

    #[test]
    fn what_has_not_begun_ends_with_its_connection() {
        let connection = connection();
        let cx = Context::from_waker(Waker::noop());
        let mut stream = connection.open().unwrap();
        stream.begins_message();
        connection.ends();
        assert!(!stream.is_quiet() && stream.took_nothing());
        for broken in [stream.poll_send(&cx, b"x"), stream.poll_receive(&cx, &mut Buffer::default())] {
            assert!(matches!(broken, Poll::Ready(Err(_))));
        }
    }

    #[test]
    fn what_was_closed_in_order_is_whole_also_when_its_connection_breaks() {
        let connection = connection();
        let cx = Context::from_waker(Waker::noop());
        let mut stream = begun(&connection, 1);
        data(&stream, 100);
        stream.state.take(Frame::of(1, Kind::Close), &[]).unwrap();
        connection.ends();
        assert!(!stream.is_broken());
        let mut received = Buffer::default();
        assert!(matches!(stream.poll_receive(&cx, &mut received), Poll::Ready(Ok(100))));
        assert!(matches!(stream.poll_receive(&cx, &mut received), Poll::Ready(Ok(0))));
        let sent = stream.poll_send(&cx, b"late");
        assert!(
            matches!(sent, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe),
            "the peer takes no more, and has cut nothing"
        );
    }

    #[test]
    fn what_was_cut_is_broken() {
        let connection = connection();
        let cx = Context::from_waker(Waker::noop());
        let mut cut = begun(&connection, 1);
        let mut open = begun(&connection, 2);
        cut.state.take(Frame::of(1, Kind::Reset), &[]).unwrap();
        assert!(cut.is_broken() && !open.is_broken());
        connection.ends();
        assert!(open.is_broken());
        for stream in [&mut cut, &mut open] {
            let received = stream.poll_receive(&cx, &mut Buffer::default());
            assert!(
                matches!(received, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset)
            );
        }
    }

    #[test]
    fn credit_is_given_for_what_was_passed_on_alone() {
        let connection = connection();
        let cx = Context::from_waker(Waker::noop());
        let mut stream = begun(&connection, 1);
        data(&stream, WINDOW);
        let mut received = Buffer::default();
        while received.len() < WINDOW / 2 {
            assert!(stream.poll_receive(&cx, &mut received).is_ready());
        }
        let length = received.len();
        assert!(connection.waiting().is_empty(), "all of it waits here");
        received.consume(length);
        assert!(stream.poll_receive(&cx, &mut received).is_ready());
        assert_eq!(connection.waiting(), [Frame { stream: 1, kind: Kind::Credit, length }]);
    }

    #[test]
    fn a_request_that_is_broken_off_cuts_its_stream() {
        let connection = connection();
        let mut broken_off = Peer::of_stream(begun(&connection, 1));
        broken_off.breaks_off(CloseReason::Reset);
        drop(broken_off);
        drop(Peer::of_stream(begun(&connection, 2)));
        assert_eq!(connection.waiting(), [Frame::of(1, Kind::Reset), Frame::of(2, Kind::Close)]);
    }
}
