//! The task that reads and writes a connection of streams.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::MAX_NOT_SENT;
use super::connection::Connection;
use super::frame::{Frame, HEADER, Kind, Malformed};
use super::silence::{Heard, PERIOD, Silence};
use super::stream::Stream;
use crate::metrics::CloseReason;
use crate::relay::{Peer, Room, Watch, close};

/// What is different on the two sides.
pub trait Side {
    /// Whether this side closes a connection that has no streams any more when it is to leave it.
    const LEAVES: bool;

    /// Takes a stream that the peer has opened.
    ///
    /// # Errors
    /// Only the other side opens streams.
    fn opened(&mut self, stream: Stream) -> Result<(), Malformed>;

    /// Whether something is due before its time.
    fn is_hurried(&self) -> bool;

    /// Does what is due, and says when to look again at the latest. None when the connection is to be closed.
    fn attend(&mut self, now: Instant, connection: &Connection) -> Option<Duration>;
}

/// Reads and writes a connection, of which bytes may have been received.
pub struct Driver<S> {
    peer: Peer,
    connection: Rc<Connection>,
    side: S,
    watch: Watch,
    silence: Silence,
    /// Bytes that were read.
    read: u64,
    /// The last time others were let go first.
    has_waited: bool,
    /// Frames of no use that have come since it was last attended to.
    idle_frames: u32,
}

/// So often is read before others get their turn.
const MAX_READS: usize = 2;
/// A peer that sends more frames of no use within two periods is sent away. One in good order sends a few.
const MAX_IDLE_FRAMES: u32 = 1000;
/// The system gives a connection up whose peer's system has not taken what was sent for so long. Every byte is read as soon as it
/// comes, so that no peer that is there lets it wait.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

impl<S: Side> Driver<S> {
    pub fn new(peer: Peer, connection: Rc<Connection>, side: S, watch: Watch) -> Self {
        peer.gives_up_after(UNACKNOWLEDGED);
        peer.queues_little(MAX_NOT_SENT);
        let now = Instant::now();
        watch.set(now);
        Self {
            peer,
            connection,
            side,
            watch,
            silence: Silence::new(now),
            read: 0,
            has_waited: false,
            idle_frames: 0,
        }
    }

    /// Until the connection ends.
    pub async fn run(mut self) {
        let reason = poll_fn(|cx| self.poll(cx)).await;
        let wanted = self.connection.ends();
        self.peer.ends(reason.unwrap_or(wanted));
        if reason.is_none() && !S::LEAVES {
            // The last answers may still be on their way, and the client may say something meanwhile.
            close::linger(&mut self.peer, &self.watch).await;
        }
    }

    /// Ready when the connection is over; with the reason when it was not meant to be.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<CloseReason>> {
        self.connection.is_driven_by(cx);
        let moved = self.peer.moved();
        if let Poll::Ready(reason) = self.poll_read(cx) {
            return Poll::Ready(reason);
        }
        let waits = self.connection.has_more_to_write() && self.peer.moved() != moved && !self.has_waited;
        self.has_waited = waits;
        if waits {
            // Whoever was woken for the same reason as we sends first, and so does who was woken by what has come.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.watch.wakes(cx);
        if (self.watch.has_passed() || self.side.is_hurried())
            && let Err(reason) = self.attend(Instant::now())
        {
            return Poll::Ready(reason);
        }
        if self.connection.is_overfull() {
            return Poll::Ready(Some(CloseReason::Overload));
        }
        match self.connection.poll_write(cx, &mut self.peer) {
            Poll::Ready(Err(_)) => Poll::Ready(Some(CloseReason::Reset)),
            Poll::Ready(Ok(())) if self.is_done() => Poll::Ready(None),
            Poll::Ready(Ok(())) => {
                if self.connection.queue().advance() {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Does what is due.
    ///
    /// # Errors
    /// The connection is to be closed; with the reason when it was not meant to be.
    fn attend(&mut self, now: Instant) -> Result<(), Option<CloseReason>> {
        let wait = self.side.attend(now, &self.connection).ok_or(None)?;
        self.watch.set(now + wait.min(PERIOD));
        self.idle_frames /= 2;
        let is_busy = self.connection.idle_since().is_none() || self.connection.has_more_to_write();
        let heard = self.silence.look(now, self.read, self.peer.moved(), is_busy);
        self.connection.is_silent(heard == Heard::NoAnswer);
        match heard {
            Heard::Dead => return Err(Some(CloseReason::Timeout)),
            Heard::Nothing => self.connection.ask(),
            Heard::Enough | Heard::NoAnswer => {}
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.connection.is_leaving() && self.connection.idle_since().is_some() && S::LEAVES
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<CloseReason>> {
        for _ in 0..MAX_READS {
            if self.take_frames().is_err() {
                return Poll::Ready(Some(CloseReason::BadMessage));
            }
            match ready!(self.peer.poll_receive(cx, Room::Body)) {
                Ok(length) if length > 0 => {
                    self.read += length as u64;
                    self.connection.is_silent(false);
                }
                Ok(_) => return Poll::Ready(None),
                Err(_) => return Poll::Ready(Some(CloseReason::Reset)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes what is whole of what was received.
    fn take_frames(&mut self) -> Result<(), Malformed> {
        while let Some(frame) = Frame::read(self.peer.received.bytes())? {
            let length = HEADER + frame.content();
            let Some(bytes) = self.peer.received.bytes().get(..length) else { break };
            let content = &bytes[HEADER..];
            self.idle_frames += u32::from(frame.is_idle());
            if self.idle_frames > MAX_IDLE_FRAMES {
                return Err(Malformed);
            }
            match self.connection.stream(frame.stream) {
                Some(state) => state.take(frame, content)?,
                None if frame.stream == 0 => self.take_of_none(frame)?,
                // What was sent to a stream that we have closed meanwhile.
                None if self.connection.knew(frame.stream) => {}
                None => {
                    if frame.content() == 0 {
                        return Err(Malformed);
                    }
                    if let Some(stream) = self.connection.opened(frame.stream)? {
                        stream.state().take(frame, content)?;
                        self.side.opened(stream)?;
                    }
                }
            }
            self.peer.received.consume(length);
        }
        Ok(())
    }

    /// Takes a frame that concerns the connection.
    fn take_of_none(&self, frame: Frame) -> Result<(), Malformed> {
        match frame.kind {
            Kind::GoAway => self.connection.leave(CloseReason::Drain),
            Kind::Ping => self.connection.send(Frame::of(0, Kind::Pong), &[]),
            Kind::Pong => {}
            _ => return Err(Malformed),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::{LocalSet, spawn_local};

    use super::*;
    use crate::fixture::worker;
    use crate::mux::fixture::{DEADLINE, Raw, connection, eventually, sockets};
    use crate::mux::pool::Opening;
    use crate::mux::queue::PLACES;
    use crate::mux::{MAX_AT_ONCE, MAX_SMALL};

    /// A connection that is driven, and its other end.
    async fn driven() -> (Rc<Connection>, Raw, tokio::task::JoinHandle<()>) {
        let worker = worker(&[], &[]);
        let (near, far) = sockets().await;
        let connection = connection();
        let peer = Peer::new(far, Arc::clone(&worker.inbound.tcp));
        let driver = Driver::new(peer, Rc::clone(&connection), Opening, worker.sweep.watch());
        (connection, Raw(near), spawn_local(driver.run()))
    }

    #[tokio::test]
    async fn a_peer_that_does_not_answer_gets_no_requests_until_it_does() {
        let answers = async {
            let (connection, mut raw, _driving) = driven().await;
            let mut stream = connection.open().unwrap();
            assert!(stream.is_quiet());
            assert_eq!(raw.next().await, Some((Frame::of(0, Kind::Ping), Vec::new())));
            assert!(connection.has_room(), "it may be about to answer");
            eventually("it is doubted", || !connection.has_room()).await;
            assert!(!stream.is_quiet() && !stream.is_broken());
            raw.send(0, Kind::Pong, &[]).await;
            eventually("it is there", || connection.has_room()).await;
            assert!(stream.is_quiet());
            let cx = Context::from_waker(std::task::Waker::noop());
            assert!(stream.poll_receive(&cx, &mut crate::relay::Buffer::default()).is_pending());
        };
        LocalSet::new().run_until(answers).await;
    }

    #[tokio::test]
    async fn a_drain_waits_until_all_is_written() {
        let drained = async {
            let worker = worker(&[], &[]);
            let (near, far) = sockets().await;
            let connection = Connection::new(
                "spiffe://mesh.local/ns/default/sa/peer".into(),
                std::sync::Weak::new(),
                &worker.drain,
            );
            let peer = Peer::new(far, Arc::clone(&worker.inbound.tcp));
            let driver = Driver::new(peer, Rc::clone(&connection), Opening, worker.sweep.watch());
            spawn_local(driver.run());
            let mut stream = connection.open().unwrap();
            let cx = Context::from_waker(std::task::Waker::noop());
            assert!(stream.poll_send(&cx, &[7; MAX_AT_ONCE]).is_ready());
            drop(stream);
            worker.drain.begin();
            let mut finished = std::pin::pin!(worker.drain.finished());
            let early = tokio::time::timeout(Duration::from_millis(200), &mut finished).await;
            assert!(early.is_err(), "the peer has not taken all");
            assert_eq!(Raw(near).rest_of(1).await, [7; MAX_AT_ONCE]);
            finished.await;
        };
        LocalSet::new().run_until(drained).await;
    }

    #[tokio::test]
    async fn those_get_their_turn_who_wait_behind_streams_that_do_not_send_any_more() {
        let sent = async {
            let (connection, mut raw, _driving) = driven().await;
            spawn_local(async move { while raw.next().await.is_some() {} });
            let cx = Context::from_waker(std::task::Waker::noop());
            // So many that they would not all be let in whenever the peer happens to be asked whether it is there.
            let mut streams: Vec<_> = std::iter::from_fn(|| connection.open()).take(100).collect();
            let mut last = streams.pop().unwrap();
            let send = |stream: &mut Stream| stream.poll_send(&cx, &[7; MAX_AT_ONCE]).is_ready();
            assert_eq!(streams.iter_mut().filter_map(|stream| send(stream).then_some(())).count(), PLACES);
            // Of those who wait one is gone, and the others have nobody who asks again.
            streams.remove(3);
            let waits = poll_fn(|cx| last.poll_send(cx, &[7; MAX_AT_ONCE]));
            tokio::time::timeout(DEADLINE, waits).await.expect("it has its turn").unwrap();
        };
        LocalSet::new().run_until(sent).await;
    }

    #[tokio::test]
    async fn who_waits_for_a_turn_hears_of_the_end() {
        let ended = async {
            let (connection, raw, _driving) = driven().await;
            let cx = Context::from_waker(std::task::Waker::noop());
            let mut streams: Vec<_> = std::iter::from_fn(|| connection.open()).take(3).collect();
            let mut last = streams.pop().unwrap();
            last.begins_message();
            for stream in &mut streams {
                assert!(stream.poll_send(&cx, &[7; MAX_AT_ONCE]).is_ready());
            }
            let waits = spawn_local(async move {
                let sent = poll_fn(|cx| last.poll_send(cx, &[7; MAX_AT_ONCE])).await;
                (sent.is_err(), last.took_nothing())
            });
            tokio::task::yield_now().await;
            drop(raw);
            let heard = tokio::time::timeout(DEADLINE, waits).await.expect("it hears of the end");
            assert_eq!(heard.unwrap(), (true, true));
        };
        LocalSet::new().run_until(ended).await;
    }

    #[tokio::test]
    async fn who_is_asked_answers() {
        let asked = async {
            let (_connection, mut raw, _driving) = driven().await;
            raw.send(0, Kind::Ping, &[]).await;
            assert_eq!(raw.next().await, Some((Frame::of(0, Kind::Pong), Vec::new())));
        };
        LocalSet::new().run_until(asked).await;
    }

    #[tokio::test]
    async fn a_connection_whose_peer_takes_nothing_ends_before_it_takes_all_memory() {
        let flooded = async {
            let (connection, _raw, driving) = driven().await;
            let cx = Context::from_waker(std::task::Waker::noop());
            let mut id = 0;
            while !connection.is_ended() {
                id += 1;
                let mut stream = connection.opened(id).unwrap().unwrap();
                assert!(stream.poll_send(&cx, &[0; MAX_SMALL]).is_ready() || connection.is_ended());
                drop(stream);
                assert!(id < 4000, "it goes on without an end");
                tokio::task::yield_now().await;
            }
            driving.await.unwrap();
            assert!(!connection.has_more_to_write(), "its memory is free");
        };
        LocalSet::new().run_until(flooded).await;
    }

    #[tokio::test]
    async fn the_system_gives_up_a_peer_that_is_gone() {
        let local = async {
            let worker = worker(&[], &[]);
            let (_near, far) = sockets().await;
            let far = far.into_std().unwrap();
            let same = far.try_clone().unwrap();
            let far = tokio::net::TcpStream::from_std(far).unwrap();
            let peer = Peer::new(far, Arc::clone(&worker.inbound.tcp));
            let _driver = Driver::new(peer, connection(), Opening, worker.sweep.watch());
            let time = socket2::SockRef::from(&same).tcp_user_timeout().unwrap();
            assert_eq!(time, Some(UNACKNOWLEDGED));
        };
        LocalSet::new().run_until(local).await;
    }
}
