//! One direction of a stream on its way: data and trailers, as fast as the receiver's windows let them through.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http::HeaderMap;

use crate::grpc::GrpcStatus;

/// Of a request's body so much is held for another attempt.
const MOST_HELD: usize = 64 * 1024;

/// What comes next of a message after its head.
pub enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
}

/// Where the rest of a message comes from. What is held can be had again.
pub struct Inlet {
    source: RecvStream,
    /// Bytes that came and that their sender's window was not opened for again.
    unreleased: usize,
    is_held: bool,
    /// Most requests have nothing that is to be held.
    held: Option<Box<Held>>,
}

/// The beginning of a message, for another attempt.
#[derive(Default)]
struct Held {
    data: Vec<Bytes>,
    bytes: usize,
    trailers: Option<HeaderMap>,
    /// How much of the data was given, again or for the first time.
    given: usize,
    are_trailers_given: bool,
}

impl Held {
    fn is_given(&self) -> bool {
        self.given >= self.data.len() && (self.trailers.is_none() || self.are_trailers_given)
    }

    /// The next piece that is to be given again.
    fn next(&mut self) -> Option<Piece> {
        if let Some(data) = self.data.get(self.given) {
            self.given += 1;
            return Some(Piece::Data(data.clone()));
        }
        let trailers = self.trailers.as_ref().filter(|_| !self.are_trailers_given)?;
        self.are_trailers_given = true;
        Some(Piece::Trailers(trailers.clone()))
    }
}

impl Inlet {
    /// All that comes is held, up to a bound, when `is_held`.
    pub fn new(source: RecvStream, is_held: bool) -> Self {
        Self { source, unreleased: 0, is_held, held: None }
    }

    /// Whether the message can be had again from its start.
    pub fn is_held(&self) -> bool {
        self.is_held
    }

    /// Holds nothing any more.
    pub fn let_go(&mut self) {
        self.is_held = false;
        if self.held.as_ref().is_some_and(|held| held.is_given()) {
            self.held = None;
        }
    }

    /// Begins again with what is held.
    pub fn rewind(&mut self) {
        if let Some(held) = &mut self.held {
            held.given = 0;
            held.are_trailers_given = false;
        }
    }

    /// Whether nothing more will come.
    pub fn is_at_end(&self) -> bool {
        self.held.as_ref().is_none_or(|held| held.is_given()) && self.source.is_end_stream()
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Piece>, h2::Error>> {
        if let Some(piece) = self.held.as_mut().and_then(|held| held.next()) {
            return Poll::Ready(Ok(Some(piece)));
        }
        if let Some(data) = ready!(self.source.poll_data(cx)?) {
            self.unreleased += data.len();
            self.hold(&data);
            return Poll::Ready(Ok(Some(Piece::Data(data))));
        }
        let trailers = ready!(self.source.poll_trailers(cx))?;
        if self.is_held && trailers.is_some() {
            let held = self.held.get_or_insert_default();
            held.trailers.clone_from(&trailers);
            held.are_trailers_given = true;
        }
        Poll::Ready(Ok(trailers.map(Piece::Trailers)))
    }

    fn hold(&mut self, data: &Bytes) {
        if !self.is_held {
            return;
        }
        let held = self.held.get_or_insert_default();
        held.bytes += data.len();
        if held.bytes > MOST_HELD {
            return self.let_go();
        }
        held.data.push(data.clone());
        held.given = held.data.len();
    }

    /// Opens the sender's window again for bytes that were passed on.
    fn release(&mut self, length: usize) {
        let length = length.min(self.unreleased);
        self.unreleased -= length;
        if length > 0 {
            // It cannot be more than what came.
            let _ = self.source.flow_control().release_capacity(length);
        }
    }
}

/// Which side of a flow does not go on.
pub enum Broken {
    Source(h2::Error),
    Sink(Option<h2::Error>),
}

/// The passing on of what follows a head.
#[derive(Default)]
pub struct Flow {
    /// Data that its receiver has no window for yet.
    unsent: Option<Bytes>,
    /// The last data waits for its window in the connection: nobody is to be told when it was sent.
    hands_over_last: bool,
    pub is_complete: bool,
    pub bytes: u64,
    /// In the trailers.
    pub grpc_status: Option<GrpcStatus>,
}

impl Flow {
    /// A flow of nothing.
    pub fn complete() -> Self {
        Self { is_complete: true, ..Self::default() }
    }

    /// A flow of a request.
    pub fn to_endpoint() -> Self {
        Self { hands_over_last: true, ..Self::default() }
    }

    /// Whether all that came was passed on.
    pub fn has_nothing_unsent(&self) -> bool {
        self.unsent.is_none()
    }

    /// Passes on what comes, to the end.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Inlet,
        sink: &mut SendStream<Bytes>,
    ) -> Poll<Result<(), Broken>> {
        while !self.is_complete {
            if self.unsent.is_some() {
                ready!(self.poll_send(cx, source, sink))?;
                continue;
            }
            match ready!(source.poll_piece(cx)).map_err(Broken::Source)? {
                Some(Piece::Data(data)) if self.hands_over_last && source.is_at_end() => {
                    self.is_complete = true;
                    self.send(data, source, sink)?;
                }
                Some(Piece::Data(data)) => {
                    sink.reserve_capacity(data.len());
                    self.unsent = Some(data);
                }
                Some(Piece::Trailers(trailers)) => {
                    self.is_complete = true;
                    self.grpc_status = GrpcStatus::of(&trailers);
                    sink.send_trailers(trailers).map_err(|error| Broken::Sink(Some(error)))?;
                }
                None => {
                    self.is_complete = true;
                    sink.send_data(Bytes::new(), true).map_err(|error| Broken::Sink(Some(error)))?;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends as much of what is unsent as there is a window for.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Inlet,
        sink: &mut SendStream<Bytes>,
    ) -> Poll<Result<(), Broken>> {
        let Some(mut data) = self.unsent.take() else { return Poll::Ready(Ok(())) };
        let mut room = sink.capacity();
        while room == 0 && !data.is_empty() {
            match sink.poll_capacity(cx) {
                Poll::Ready(Some(Ok(capacity))) => room = capacity,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(Broken::Sink(Some(error)))),
                Poll::Ready(None) => return Poll::Ready(Err(Broken::Sink(None))),
                Poll::Pending => {
                    self.unsent = Some(data);
                    return Poll::Pending;
                }
            }
        }
        let piece = if room < data.len() { data.split_to(room) } else { std::mem::take(&mut data) };
        self.is_complete = data.is_empty() && source.is_at_end();
        if !piece.is_empty() || self.is_complete {
            self.send(piece, source, sink)?;
        }
        if !data.is_empty() {
            self.unsent = Some(data);
        }
        Poll::Ready(Ok(()))
    }

    fn send(&mut self, data: Bytes, source: &mut Inlet, sink: &mut SendStream<Bytes>) -> Result<(), Broken> {
        let length = data.len();
        self.bytes += length as u64;
        sink.send_data(data, self.is_complete).map_err(|error| Broken::Sink(Some(error)))?;
        source.release(length);
        Ok(())
    }
}
