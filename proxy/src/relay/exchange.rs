//! One request and its response, both on their way at the same time.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use super::buffer::Room;
use super::flow::{Broken, Coding, Flow, Head};
use super::head::Progress;
use super::peer::Peer;
use super::record;
use super::stall::{Noticed, Stall};
use crate::http1::{Asked, Body, Method, Parsed, RequestHead, ResponseHead, Version};
use crate::worker::Worker;

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The client has the whole response. Connections that are `kept` may be used for another request.
    Complete { client_kept: bool, upstream_kept: bool },
    /// The client has the head of a response after which both peers speak another protocol.
    Tunnel,
    /// The endpoint broke the connection before a byte of a response.
    Unanswered { may_repeat: bool },
    /// The endpoint's proxy answered that the request reached no application. Nothing was sent to the client; run again, the
    /// exchange sends that answer.
    Unreached,
    /// The endpoint broke the connection within the response's head, or what it sent is no response.
    BadResponse,
    /// The request's body is malformed, and the client has no response yet.
    BadRequest,
    /// The request's body is malformed, and the client has a part of the response already.
    BadBody,
    /// The client broke the connection, or closed it in the middle of its request.
    ClientGone,
    /// Nothing moved for the stall timeout.
    Stalled,
    /// The response broke off after its head. Where nothing in the message would tell, its end must be made to.
    Cut { tellable: bool },
}

/// A request that is being relayed.
pub struct Exchange<'a> {
    client: &'a mut Peer,
    upstream: &'a mut Peer,
    request: &'a RequestHead,
    worker: &'a Worker,
    stall: Stall<'a>,
    sending: Sending,
    answer: Answer,
    /// Bytes of the request that the client's buffer keeps until a byte of the response has come, for another attempt.
    held: usize,
    may_repeat: bool,
    /// A proxy of the mesh answers for the endpoint.
    is_meshed: bool,
    /// It may say that the request reached no application.
    may_be_unreached: bool,
    /// Nothing of the body has come yet, and the head is held.
    awaits_body: bool,
    /// How much of the response's head has come.
    progress: Progress,
    pub report: Report,
}

/// What is known of an exchange afterwards.
#[derive(Debug, Clone, Copy, Default)]
pub struct Report {
    /// Of the final response; 0 when there was none.
    pub status: u16,
    /// When the final response's head was sent on.
    pub head_at: Option<Instant>,
    /// The final response's body was sent on together with its head.
    pub ended_with_head: bool,
    pub request_bytes: u64,
    pub response_bytes: u64,
    /// The whole request was read.
    pub request_read: bool,
}

enum Sending {
    Start,
    Going(Flow),
    Sent,
    /// The endpoint takes no more; it may have answered all the same.
    Broken,
}

enum Answer {
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

impl<'a> Exchange<'a> {
    /// The request's head is at the start of what was received from `client`. `may_repeat` says that the endpoint may have
    /// closed the connection before it could see the request, `is_meshed` that a proxy of the mesh answers for it.
    pub fn new(
        client: &'a mut Peer,
        upstream: &'a mut Peer,
        request: &'a RequestHead,
        worker: &'a Worker,
        stall: Stall<'a>,
        may_repeat: bool,
        is_meshed: bool,
    ) -> Self {
        Self {
            client,
            upstream,
            request,
            worker,
            stall,
            sending: Sending::Start,
            answer: Answer::Awaited,
            held: 0,
            may_repeat,
            is_meshed,
            may_be_unreached: is_meshed,
            awaits_body: false,
            progress: Progress::default(),
            report: Report::default(),
        }
    }

    /// Relays until the response is complete or something breaks.
    pub async fn run(&mut self) -> Ended {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        if let Some(ended) = self.send_request(cx) {
            return Poll::Ready(ended);
        }
        let answered = self.poll_answer(cx);
        match answered {
            Poll::Pending => self.notice(cx).map_or(Poll::Pending, Poll::Ready),
            Poll::Ready(_) => answered,
        }
    }

    fn notice(&mut self, cx: &Context<'_>) -> Option<Ended> {
        let peers = [&*self.client, &*self.upstream];
        let unread = if self.reads_ahead() { &peers[..0] } else { &peers[..1] };
        match self.stall.notice(cx, peers, unread)? {
            Noticed::Gone => Some(Ended::ClientGone),
            Noticed::Stalled => {
                self.let_go_of_request();
                Some(Ended::Stalled)
            }
        }
    }

    /// Gets on with the request, and notices a client that is gone.
    fn send_request(&mut self, cx: &mut Context<'_>) -> Option<Ended> {
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
        match Flow::begin(cx, &self.client.received, head, body, Coding::AsItCame, self.upstream) {
            Ok((flow, taken)) => {
                self.report.request_bytes = flow.body_bytes;
                self.may_repeat &= flow.is_read();
                self.may_be_unreached &= flow.is_read() || flow.body_bytes == 0;
                if self.may_repeat || self.may_be_unreached {
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
                // The endpoint may have seen what was written before.
                self.may_repeat &= self.request.method.is_idempotent();
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

    fn reads_ahead(&self) -> bool {
        matches!(self.sending, Sending::Sent)
            && self.client.received.len() == self.held
            && !self.client.finished
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
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
                    Ok(Parsed::Partial) => self.may_repeat = false,
                    Ok(Parsed::Complete(head)) if head.unreached && self.may_be_unreached => {
                        self.may_be_unreached = false;
                        self.progress = Progress::default();
                        return Poll::Ready(Some(Ended::Unreached));
                    }
                    Ok(Parsed::Complete(head)) => {
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

    /// The request is never sent again.
    fn let_go_of_request(&mut self) {
        self.may_repeat = false;
        self.may_be_unreached = false;
        self.awaits_body = false;
        self.client.received.consume(std::mem::take(&mut self.held));
    }

    fn unanswered(&mut self) -> Ended {
        if !self.upstream.received.is_empty() {
            self.let_go_of_request();
            return Ended::BadResponse;
        }
        let was_not_written = matches!(self.sending, Sending::Broken);
        let may_repeat = self.may_repeat && (was_not_written || self.request.method.is_idempotent());
        if !may_repeat {
            self.let_go_of_request();
        }
        Ended::Unanswered { may_repeat }
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
