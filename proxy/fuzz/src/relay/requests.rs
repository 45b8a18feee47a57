//! Whether the backend got just the requests that the client sent.

use super::backend::{Connection, Seen};
use super::case::{Case, Side};
use super::exchange::Exchange;
use super::opaque;
use crate::meaning;
use crate::strict::{Reading, Request, RequestHead, Requests};

/// Judges what reached the backend, and says how many requests of the client did so as a whole.
///
/// # Panics
/// When it is not what the client sent, or could be read in another way.
pub fn judge(case: &Case, exchange: &Exchange) -> usize {
    let sent = case.sent();
    let read = Requests::read(&sent, true);
    let mut seen: Vec<_> = exchange
        .connections
        .iter()
        .filter(|connection| !opaque::is_allowed(case, &read, &connection.bytes))
        .flat_map(|connection| connection.requests.iter().map(move |seen| (connection, *seen)))
        .collect();
    seen.sort_by_key(|(_, seen)| seen.order);
    let answers = exchange.connections.iter().flat_map(|connection| &connection.answers);
    let unreached = answers.filter(|answer| answer.says_unreached()).map(|answer| answer.order).collect();
    let mut matching =
        Matching { case, sent: &sent, read: &read, unreached, last: None, last_order: 0, whole: 0 };
    for (connection, seen) in seen {
        matching.next(connection, seen);
    }
    matching.whole
}

/// Requests reach the backend in the order in which the client sent them, which waits for each answer.
struct Matching<'a> {
    case: &'a Case,
    sent: &'a [u8],
    read: &'a Requests,
    /// What reached a proxy of the mesh alone, which said so.
    unreached: Vec<usize>,
    /// The one that reached it last.
    last: Option<usize>,
    /// Its place among all that the backend saw.
    last_order: usize,
    /// How many did as a whole.
    whole: usize,
}

impl Matching<'_> {
    fn next(&mut self, connection: &Connection, seen: Seen) {
        let bytes = &connection.bytes[seen.start..seen.end.unwrap_or(connection.bytes.len())];
        let head = match RequestHead::read(bytes) {
            Reading::Whole(head) => head,
            other => panic!("{other:?} reached the backend: {}", bytes.escape_ascii()),
        };
        let body = &bytes[head.length..];
        if let Reading::Refused(reason) = head.framing.body(body, false) {
            panic!("{reason} reached the backend: {}", bytes.escape_ascii());
        }
        let from = self.last.map_or(0, |last| last + 1);
        let is_it = |request: &Request| self.is_it(request, &head, body, seen.end.is_some());
        let later = self.read.requests.iter().skip(from).position(is_it).map(|number| from + number);
        let may_repeat = head.is_idempotent() || self.unreached.contains(&self.last_order);
        let again = self.last.filter(|last| may_repeat && is_it(&self.read.requests[*last]));
        let Some(number) = later.or(again) else {
            panic!("nobody sent what reached the backend: {}", bytes.escape_ascii());
        };
        self.whole += usize::from(seen.end.is_some() && self.last != Some(number));
        (self.last, self.last_order) = (Some(number), seen.order);
        if let Some(tunnel) = connection.tunnel.filter(|tunnel| Some(*tunnel) == seen.end) {
            let rest = &self.sent[self.read.requests[number].end().unwrap_or(self.sent.len())..];
            assert!(rest.starts_with(&connection.bytes[tunnel..]), "through the tunnel came other bytes");
        }
    }

    fn is_it(&self, request: &Request, head: &RequestHead, body: &[u8], is_whole: bool) -> bool {
        let at_proxy = self.case.side == Side::Outbound;
        let body_sent = &self.sent[request.body_start..request.end().unwrap_or(self.sent.len())];
        let has_body =
            if is_whole { request.end().is_some() && body == body_sent } else { body_sent.starts_with(body) };
        has_body && meaning::difference(&request.head, head, at_proxy).is_none()
    }
}
