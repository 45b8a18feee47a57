//! The request of an exchange on its way to the endpoint, and how much of it is held for another attempt.

use std::task::{Context, Poll, ready};

use super::answering::Answer;
use super::buffer::Room;
use super::exchange::{Ended, Exchange};
use super::flow::{Broken, Coding, Flow, Head};

/// How far the request is.
pub(super) enum Sending {
    Start,
    Going(Flow),
    Sent,
    /// The endpoint takes no more; it may have answered all the same.
    Broken,
}

impl Exchange<'_> {
    /// Gets on with the request, and notices a client that is gone.
    pub(super) fn send_request(&mut self, cx: &mut Context<'_>) -> Option<Ended> {
        if matches!(self.sending, Sending::Start) {
            let started = self.start_request(cx);
            if started.is_some() {
                return started;
            }
        }
        if self.awaits_body {
            match self.poll_body_begins(cx) {
                Poll::Pending => return None,
                Poll::Ready(Ok(())) => self.let_go_of_request(),
                Poll::Ready(Err(broken)) => {
                    self.let_go_of_request();
                    return self.request_broke(broken);
                }
            }
        }
        if let Sending::Going(flow) = &mut self.sending {
            let result = flow.poll(cx, self.client, self.upstream);
            self.report.request_bytes = flow.body_bytes;
            match result {
                Poll::Pending => return None,
                Poll::Ready(Ok(())) => self.request_sent(),
                Poll::Ready(Err(broken)) => return self.request_broke(broken),
            }
        }
        self.watch_client(cx)
    }

    fn start_request(&mut self, cx: &mut Context<'_>) -> Option<Ended> {
        let head = Head { length: self.request.length, edits: &self.request.edits };
        let body = self.request.body.clone();
        self.upstream.begins_message();
        match Flow::begin(cx, &self.client.received, head, body, Coding::AsItCame, self.upstream) {
            Ok((flow, taken)) => {
                self.report.request_bytes = flow.body_bytes;
                self.was_written = true;
                self.is_held &= self.may_go_again() && (flow.is_read() || flow.body_bytes == 0);
                if self.is_held {
                    self.held = taken;
                    self.awaits_body = !flow.is_read();
                } else {
                    self.client.received.consume(taken);
                }
                if flow.is_complete() {
                    self.request_sent()
                } else {
                    self.sending = Sending::Going(flow)
                }
                None
            }
            Err(Broken::Malformed) => Some(Ended::BadRequest),
            Err(Broken::Sink | Broken::Source) => {
                self.sending = Sending::Broken;
                None
            }
        }
    }

    /// Whether there may be a reason to send the request again now that it was sent: it does no harm, or the endpoint's proxy
    /// may say that none was done.
    fn may_go_again(&self) -> bool {
        self.is_meshed || self.request.method.is_idempotent()
    }

    /// Waits for more than the head of the request, or its end.
    fn poll_body_begins(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if let Sending::Going(flow) = &mut self.sending {
            ready!(flow.poll_send_unsent(cx, self.upstream))?;
        }
        self.client.poll_receive(cx, Room::Body).map(|result| result.map(|_| ()).map_err(|_| Broken::Source))
    }

    fn request_sent(&mut self) {
        self.report.request_read = true;
        self.sending = Sending::Sent;
    }

    fn request_broke(&mut self, broken: Broken) -> Option<Ended> {
        match broken {
            Broken::Source => Some(Ended::ClientGone),
            Broken::Malformed if matches!(self.answer, Answer::Awaited) => Some(Ended::BadRequest),
            Broken::Malformed => Some(Ended::BadBody),
            Broken::Sink => {
                self.sending = Sending::Broken;
                None
            }
        }
    }

    /// Reads once ahead of the request after this one, which shows also when the client breaks the connection. A client that
    /// only says that it will send no more still gets its response.
    fn watch_client(&mut self, cx: &mut Context<'_>) -> Option<Ended> {
        if !self.reads_ahead() {
            return None;
        }
        match self.client.poll_receive(cx, Room::Head) {
            Poll::Ready(Err(_)) => Some(Ended::ClientGone),
            Poll::Ready(Ok(_)) | Poll::Pending => None,
        }
    }

    pub(super) fn reads_ahead(&self) -> bool {
        matches!(self.sending, Sending::Sent)
            && self.client.received.len() == self.held
            && !self.client.finished
    }

    /// The request is never sent again.
    pub(super) fn let_go_of_request(&mut self) {
        self.is_held = false;
        self.awaits_body = false;
        self.client.received.consume(std::mem::take(&mut self.held));
    }
}
