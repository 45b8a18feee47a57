//! One message, or one direction of a tunnel, on its way from one peer to the other.

use std::task::{Context, Poll, ready};

use super::buffer::{Buffer, Room, with_scratch};
use super::peer::Peer;
use crate::http1::{Body, Chunked, Edits, Piece, Refusal};

/// Why a message did not arrive whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The sender broke the connection, or closed it in the middle of the message.
    Source,
    /// The body breaks its coding.
    Malformed,
    /// The receiver broke the connection.
    Sink,
}

/// How the body is sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    AsItCame,
    /// Without the chunked coding.
    Decoded,
}

/// A message's head with the changes that it undergoes.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    pub length: usize,
    pub edits: &'a Edits,
}

/// What is still to be sent on of a message. It reads only when everything that was read before is written.
#[derive(Debug)]
pub struct Flow {
    body: Body,
    coding: Coding,
    /// Bytes at the start of the sender's buffer that belong to the message and were not written yet.
    checked: usize,
    /// Bytes that did not fit into the receiver's socket and are not in the sender's buffer.
    unsent: Buffer,
    /// Bytes of the body, with its coding, that were taken from the sender.
    pub body_bytes: u64,
}

impl Flow {
    /// A flow that has no head.
    pub fn new(body: Body) -> Self {
        Self { body, coding: Coding::AsItCame, checked: 0, unsent: Buffer::default(), body_bytes: 0 }
    }

    /// Sends `text`, which the proxy itself made.
    pub fn of_text(text: &[u8]) -> Self {
        let mut flow = Self::new(Body::NONE);
        flow.unsent.append(text);
        flow
    }

    /// Writes the head at the start of `source`, and what is there of its body, at once. Returns also how many bytes of
    /// `source` that was; they are still there, and are to be consumed before the flow goes on unless the body is complete.
    ///
    /// # Errors
    /// The body is malformed, or the receiver's connection is broken; no byte was written.
    pub fn begin(
        cx: &mut Context<'_>,
        source: &Buffer,
        head: Head<'_>,
        body: Body,
        coding: Coding,
        sink: &mut Peer,
    ) -> Result<(Self, usize), Broken> {
        let mut flow = Self { coding, ..Self::new(body) };
        let (head_bytes, rest) = source.bytes().split_at(head.length);
        if coding == Coding::AsItCame {
            let taken = head.length + flow.check(rest)?;
            if head.edits.is_empty() {
                flow.send_first(cx, &source.bytes()[..taken], sink)?;
            } else {
                with_scratch(|scratch| {
                    head.edits.apply(head_bytes, scratch);
                    scratch.extend_from_slice(&rest[..taken - head.length]);
                    flow.send_first(cx, scratch, sink)
                })?;
            }
            return Ok((flow, taken));
        }
        with_scratch(|scratch| {
            head.edits.apply(head_bytes, scratch);
            let taken = head.length + flow.decode(rest, |data| scratch.extend_from_slice(data))?;
            flow.send_first(cx, scratch, sink)?;
            Ok((flow, taken))
        })
    }

    /// Whether everything was written.
    pub fn is_complete(&self) -> bool {
        self.body.is_complete() && self.checked == 0 && self.unsent.is_empty()
    }

    /// Whether everything was read.
    pub fn is_read(&self) -> bool {
        self.body.is_complete()
    }

    /// Sends on what there is until the message is complete.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Peer,
        sink: &mut Peer,
    ) -> Poll<Result<(), Broken>> {
        loop {
            ready!(self.poll_send_unsent(cx, sink))?;
            if self.checked > 0 {
                ready!(self.poll_send_checked(cx, source, sink))?;
            } else if self.body.is_complete() {
                return Poll::Ready(Ok(()));
            } else if !source.received.is_empty() {
                self.take(source)?;
            } else if source.finished
                || ready!(source.poll_receive(cx, Room::Body)).map_err(|_| Broken::Source)? == 0
            {
                return Poll::Ready(self.body.end_of_input().map_err(|_| Broken::Source));
            }
        }
    }

    /// Sends what was left of texts and heads.
    pub fn poll_send_unsent(&mut self, cx: &mut Context<'_>, sink: &mut Peer) -> Poll<Result<(), Broken>> {
        while !self.unsent.is_empty() {
            let sent = ready!(sink.poll_send(cx, self.unsent.bytes())).map_err(|_| Broken::Sink)?;
            self.unsent.consume(sent);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_send_checked(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Peer,
        sink: &mut Peer,
    ) -> Poll<Result<(), Broken>> {
        let bytes = &source.received.bytes()[..self.checked];
        let sent = ready!(sink.poll_send(cx, bytes)).map_err(|_| Broken::Sink)?;
        source.received.consume(sent);
        self.checked -= sent;
        Poll::Ready(Ok(()))
    }

    fn take(&mut self, source: &mut Peer) -> Result<(), Broken> {
        if self.coding == Coding::AsItCame {
            self.checked = self.check(source.received.bytes())?;
            return Ok(());
        }
        let mut unsent = std::mem::take(&mut self.unsent);
        let taken = self.decode(source.received.bytes(), |data| unsent.append(data))?;
        self.unsent = unsent;
        source.received.consume(taken);
        Ok(())
    }

    fn check(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let taken = self.body.advance(bytes).map_err(|_| Broken::Malformed)?;
        self.body_bytes += taken as u64;
        Ok(taken)
    }

    fn decode(&mut self, bytes: &[u8], mut data: impl FnMut(&[u8])) -> Result<usize, Broken> {
        let Body::Chunked(chunked) = &mut self.body else {
            let taken = self.check(bytes)?;
            data(&bytes[..taken]);
            return Ok(taken);
        };
        let taken = decode(chunked, bytes, data).map_err(|_| Broken::Malformed)?;
        self.body_bytes += taken as u64;
        Ok(taken)
    }

    /// Nothing was written before; what does not fit is kept.
    fn send_first(&mut self, cx: &mut Context<'_>, bytes: &[u8], sink: &mut Peer) -> Result<(), Broken> {
        let sent = match sink.poll_send(cx, bytes) {
            Poll::Ready(sent) => sent.map_err(|_| Broken::Sink)?,
            Poll::Pending => 0,
        };
        self.unsent.append(&bytes[sent..]);
        Ok(())
    }
}

fn decode(chunked: &mut Chunked, bytes: &[u8], mut data: impl FnMut(&[u8])) -> Result<usize, Refusal> {
    let mut taken = 0;
    while taken < bytes.len() && !chunked.is_complete() {
        taken += match chunked.next(&bytes[taken..])? {
            Piece::Framing(length) => length,
            Piece::Data(length) => {
                data(&bytes[taken..taken + length]);
                length
            }
        };
    }
    Ok(taken)
}
