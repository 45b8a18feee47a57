//! The response of an exchange on its way to the client.

use std::task::{Context, Poll, ready};
use std::time::Instant;

use super::buffer::Room;
use super::exchange::{Ended, Exchange, Lost};
use super::flow::{Broken, Coding, Flow, Head};
use super::head::Progress;
use super::record;
use super::sending::Sending;
use crate::direction::Direction;
use crate::error::Fate;
use crate::http1::{Asked, Body, Method, Parsed, ResponseHead, Version};
use crate::metrics::Handshake;

/// How far the response is.
pub(super) enum Answer {
    /// Nothing has come, or not yet a whole head.
    Awaited,
    Interim(Flow),
    Final {
        flow: Flow,
        client_kept: bool,
        upstream_kept: bool,
        /// Also after its response the endpoint takes what it has not yet of the request.
        request_goes_on: bool,
        tunnel: bool,
        tellable: bool,
    },
}

impl Exchange<'_> {
    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        loop {
            match &mut self.answer {
                Answer::Awaited => {
                    if let Some(ended) = ready!(self.poll_head(cx)) {
                        return Poll::Ready(ended);
                    }
                }
                Answer::Interim(flow) => match ready!(flow.poll_send_unsent(cx, self.client)) {
                    Ok(()) => self.answer = Answer::Awaited,
                    Err(_) => return Poll::Ready(Ended::ClientGone),
                },
                Answer::Final { flow, request_goes_on, tellable, .. } => {
                    let result = ready!(flow.poll(cx, self.upstream, self.client));
                    self.report.response_bytes = flow.body_bytes;
                    return match result {
                        Ok(()) if *request_goes_on && matches!(self.sending, Sending::Going(_)) => {
                            Poll::Pending
                        }
                        Ok(()) => Poll::Ready(self.complete()),
                        Err(Broken::Sink) => Poll::Ready(Ended::ClientGone),
                        Err(Broken::Source | Broken::Malformed) => {
                            Poll::Ready(Ended::Cut { tellable: *tellable })
                        }
                    };
                }
            }
        }
    }

    fn complete(&self) -> Ended {
        let Answer::Final { client_kept, upstream_kept, tunnel, .. } = self.answer else {
            return Ended::BadResponse;
        };
        if tunnel {
            return Ended::Tunnel;
        }
        let sent = matches!(self.sending, Sending::Sent);
        Ended::Complete {
            client_kept: client_kept && sent,
            upstream_kept: upstream_kept && sent && self.upstream.received.is_empty(),
        }
    }

    /// Reads until a head is whole, and begins to send it on.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ended>> {
        loop {
            let limits = self.worker.config.limits.head;
            if self.progress.is_worth_parsing(self.upstream.received.bytes(), limits.bytes) {
                match ResponseHead::parse(self.upstream.received.bytes(), limits, self.asked()) {
                    Ok(Parsed::Partial) => {}
                    Ok(Parsed::Complete(head)) => {
                        if let Some(lost) = self.lost_there(&head) {
                            self.progress = Progress::default();
                            return Poll::Ready(Some(Ended::Lost(lost)));
                        }
                        self.let_go_of_request();
                        return Poll::Ready(match head.is_informational() {
                            true => self.begin_interim(cx, &head),
                            false => self.begin_final(cx, head),
                        });
                    }
                    Err(refusal) => {
                        record::refusal(self.worker.limits(), refusal);
                        return Poll::Ready(Some(self.unanswered()));
                    }
                }
            }
            match ready!(self.upstream.poll_receive(cx, Room::Body)) {
                Ok(length) if length > 0 => {}
                Ok(_) | Err(_) => return Poll::Ready(Some(self.unanswered())),
            }
        }
    }

    /// What became of a request that the endpoint's proxy gives back, when it may go elsewhere.
    fn lost_there(&self, head: &ResponseHead) -> Option<Lost> {
        match head.fate? {
            _ if !self.is_held => None,
            Fate::Unreached => Some(Lost::Unreached),
            Fate::Unanswered => self.request.method.is_idempotent().then_some(Lost::Unanswered),
        }
    }

    /// The connection ended without a whole head of a response.
    fn unanswered(&mut self) -> Ended {
        if !self.upstream.received.is_empty() {
            self.let_go_of_request();
            return Ended::BadResponse;
        }
        if self.upstream.was_refused() {
            self.worker.identity().shook(Direction::Outbound, Handshake::IdentityFailed);
        }
        self.was_written &= !self.upstream.took_nothing();
        match (self.is_held, self.was_written) {
            (true, false) => Ended::Lost(Lost::Unwritten),
            (true, true) if self.request.method.is_idempotent() => Ended::Lost(Lost::Reset),
            (_, was_written) => {
                self.let_go_of_request();
                Ended::Unanswered { was_written }
            }
        }
    }

    fn asked(&self) -> Asked {
        Asked {
            head: self.request.method == Method::Head,
            connect: self.request.method == Method::Connect,
            upgrade: self.request.upgrade,
            of_proxy: self.is_meshed,
        }
    }

    /// A client that speaks HTTP/1.0 knows no interim responses.
    fn begin_interim(&mut self, cx: &mut Context<'_>, head: &ResponseHead) -> Option<Ended> {
        if self.request.version == Version::Http11 {
            let bytes = Head { length: head.length, edits: &head.edits };
            match Flow::begin(cx, &self.upstream.received, bytes, Body::NONE, Coding::AsItCame, self.client) {
                Ok((flow, _)) => self.answer = Answer::Interim(flow),
                Err(_) => return Some(Ended::ClientGone),
            }
        }
        self.upstream.received.consume(head.length);
        self.progress = Progress::default();
        None
    }

    fn begin_final(&mut self, cx: &mut Context<'_>, mut head: ResponseHead) -> Option<Ended> {
        let decoded = self.request.version == Version::Http10 && matches!(head.body, Body::Chunked(_));
        let until_close = matches!(head.body, Body::UntilClose);
        // A server that keeps its connection reads a request to its end, also when it has answered before (RFC 9112, section
        // 9.3). But a client that waits may take the answer for a reason not to send the body at all.
        let withheld = self.request.expects && self.report.request_bytes == 0;
        let request_goes_on = head.tunnel || (head.persistent && !withheld);
        let client_kept = self.request.persistent
            && !decoded
            && !until_close
            && !self.worker.drain.has_started()
            && match self.sending {
                Sending::Start | Sending::Sent => true,
                Sending::Going(_) => request_goes_on,
                Sending::Broken => false,
            };
        self.describe_connection(&mut head, client_kept, decoded);

        let bytes = Head { length: head.length, edits: &head.edits };
        let coding = if decoded { Coding::Decoded } else { Coding::AsItCame };
        let (flow, taken) =
            match Flow::begin(cx, &self.upstream.received, bytes, head.body, coding, self.client) {
                Ok(begun) => begun,
                Err(Broken::Malformed) => return Some(Ended::BadResponse),
                Err(Broken::Sink | Broken::Source) => return Some(Ended::ClientGone),
            };
        self.upstream.received.consume(taken);
        self.report.status = head.status;
        self.report.head_at = Some(Instant::now());
        self.report.ended_with_head = flow.is_complete();
        self.answer = Answer::Final {
            flow,
            client_kept,
            upstream_kept: head.persistent,
            request_goes_on,
            tunnel: head.tunnel,
            tellable: !until_close && !decoded,
        };
        None
    }

    fn describe_connection(&self, head: &mut ResponseHead, client_kept: bool, decoded: bool) {
        if decoded {
            head.say_not_chunked();
        }
        if head.tunnel {
            return;
        }
        match (client_kept, self.request.version) {
            (false, _) => head.say_close(),
            (true, Version::Http10) => head.say_keep_alive(),
            (true, Version::Http11) => {}
        }
    }
}
