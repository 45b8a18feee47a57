//! Whether the client got just the responses to its requests.

use super::backend::Answered;
use super::case::{Case, End};
use super::exchange::Exchange;
use super::opaque;
use crate::strict::{Asked, Reading, Requests, Response, ResponseHead, named};

/// Judges what the client got, of whose requests `reached` did reach the backend.
///
/// # Panics
/// When a response is missing, or is none of the backend's, or could be read in another way.
pub fn judge(case: &Case, exchange: &Exchange, reached: usize) {
    let read = Requests::read(&case.sent(), true);
    if case.end == End::Reset || is_of_another_protocol(case, &read, exchange) || is_in_http2(case, exchange)
    {
        return;
    }
    let mut answers: Vec<_> =
        exchange.connections.iter().flat_map(|connection| &connection.answers).collect();
    answers.sort_by_key(|answer| answer.order);
    let mut inbox = Inbox {
        exchange,
        rest: &exchange.received,
        answers: answers.into_iter(),
        runs_over: false,
        begun: 0,
    };
    // What follows the last request may get an answer, too: that it is none.
    let asked = read.requests.iter().map(|request| (request.head.asked(), request.head.is_old));
    for (asked, is_old) in asked.chain([(Asked::default(), false)]) {
        if inbox.rest.is_empty() {
            break;
        }
        inbox.next(asked, is_old);
    }
    assert!(inbox.rest.is_empty(), "nobody asked for: {}", inbox.rest.escape_ascii());
    assert!(
        exchange.was_reset || inbox.begun >= reached,
        "{reached} requests reached the backend, and {} responses came",
        inbox.begun
    );
}

/// The client got what the backend sent, byte by byte.
fn is_of_another_protocol(case: &Case, read: &Requests, exchange: &Exchange) -> bool {
    exchange.connections.iter().any(|connection| {
        let answers: Vec<_> = connection.answers.iter().map(|answer| &answer.bytes[..]).collect();
        opaque::is_allowed(case, read, &connection.bytes) && answers.concat().starts_with(&exchange.received)
    })
}

/// The client was taken for one that speaks HTTP/2: what it got begins with the proxy's settings (RFC 9113, section 3.4).
fn is_in_http2(case: &Case, exchange: &Exchange) -> bool {
    opaque::may_be_http2(case) && exchange.received.get(3..9) == Some(&[4, 0, 0, 0, 0, 0])
}

/// What the client is still to read.
struct Inbox<'a, A> {
    exchange: &'a Exchange,
    rest: &'a [u8],
    /// Those that the client has not got yet.
    answers: A,
    /// The backend has sent more than a response after a pause. Nobody can tell that from the answer to the next request.
    runs_over: bool,
    begun: usize,
}

impl<'a, A: Iterator<Item = &'a Answered>> Inbox<'a, A> {
    /// Takes the response to the next request.
    fn next(&mut self, asked: Asked, is_old: bool) {
        let at_end = !self.exchange.was_reset;
        let Reading::Whole((head, start)) = Response::head(self.rest, asked) else {
            assert!(self.exchange.was_reset, "no response: {}", self.rest.escape_ascii());
            self.rest = &[];
            return;
        };
        assert!(!is_old || start == head.length, "an interim response to a client that knows none");
        self.begun += 1;
        match Response::read(self.rest, asked, at_end) {
            Reading::Whole(response) => {
                self.is_an_answer(&response);
                self.rest = &self.rest[response.length..];
                if response.head.is_tunnel {
                    self.tunnel();
                }
            }
            // It broke off, and the client can tell: a body that ends with its connection is whole when that ends in order.
            Reading::Partial => self.rest = &[],
            Reading::Refused(reason) => panic!("{reason}: {}", self.rest.escape_ascii()),
        }
    }

    /// A whole response is the proxy's own, or one that the backend sent as a whole and later than the one before.
    fn is_an_answer(&mut self, response: &Response) {
        if is_the_proxys_own(&response.head) {
            return;
        }
        let runs_over = &mut self.runs_over;
        let is_found = self.answers.any(|answer| {
            let answered = Response::read(&answer.bytes, answer.asked, true).whole();
            answered.is_some_and(|answered| {
                *runs_over |= answer.has_pauses && answered.length < answer.bytes.len();
                (answered.head.status, &answered.content.data)
                    == (response.head.status, &response.content.data)
            })
        });
        assert!(is_found || self.runs_over, "the backend did not answer so: {response:?}");
    }

    /// What comes through a tunnel is what one of the connections carried.
    fn tunnel(&mut self) {
        let came = std::mem::take(&mut self.rest);
        let is_sent = self.exchange.connections.iter().any(|connection| {
            let answers: Vec<_> = connection.answers.iter().map(|answer| &answer.bytes[..]).collect();
            let answers = answers.concat();
            came.is_empty() || answers.windows(came.len()).any(|part| part == came)
        });
        assert!(is_sent, "through the tunnel came other bytes: {}", came.escape_ascii());
    }
}

/// One that says so, or the one that opens a tunnel.
fn is_the_proxys_own(head: &ResponseHead) -> bool {
    named(&head.fields, "mesh-proxy-error").count() > 0
        || (head.is_tunnel && head.status == 200 && head.fields.is_empty())
}
