//! Heads of requests.

use mesh_proxy::http1::{HeadLimits, MOST_FIELDS, Parsed, RequestHead};

use crate::meaning;
use crate::strict::{self, Framing, Reading};

/// The proxy's default for bytes, and as many fields as can be allowed.
const LIMITS: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: MOST_FIELDS };
/// Limits that many inputs exceed.
const LOW_LIMITS: HeadLimits = HeadLimits { bytes: 100, fields: 3 };
/// Such a name is given to requests that name no host.
const HOST: &str = "application.example:80";

/// Reads `input` as the head of a request. What is accepted has one reading, and so has what is sent on; they mean the same.
///
/// # Panics
/// When that is not so.
pub fn request_head(input: &[u8]) {
    for at_proxy in [false, true] {
        if let Ok(Parsed::Complete(head)) = RequestHead::parse(input, LIMITS, at_proxy) {
            let whole = &input[head.leading..head.leading + head.length];
            let read = agrees(&head, whole);
            does_not_depend_on_pieces(input, &head, at_proxy);
            is_sent_on_with_the_same_meaning(head, whole, &read, at_proxy);
        }
        stays_within_its_limit(input, at_proxy);
    }
}

fn agrees(head: &RequestHead, whole: &[u8]) -> strict::RequestHead {
    let read = match strict::RequestHead::read(whole) {
        Reading::Whole(read) => read,
        other => panic!("accepted, but {other:?}"),
    };
    assert_eq!(read.length, head.length, "where the head ends");
    assert_eq!(read.method, head.method_name(whole));
    assert_eq!(read.framing, meaning::framing(&head.body));
    assert!(!(read.method == b"CONNECT" && read.framing != Framing::Length(0)), "CONNECT with content");
    read
}

/// Every part is the start of a head, and what comes behind the head is of no concern to it.
fn does_not_depend_on_pieces(input: &[u8], head: &RequestHead, at_proxy: bool) {
    let end = head.leading + head.length;
    let parse = |length: usize| RequestHead::parse(&input[..length], LIMITS, at_proxy);
    for length in (0..end).rev().take(16).chain(0..end.min(16)) {
        assert!(matches!(parse(length), Ok(Parsed::Partial)), "{length} bytes of {end}");
    }
    assert!(matches!(parse(end), Ok(Parsed::Complete(alone)) if alone.length == head.length));
}

fn stays_within_its_limit(input: &[u8], at_proxy: bool) {
    match RequestHead::parse(input, LOW_LIMITS, at_proxy) {
        Ok(Parsed::Complete(head)) => {
            let lines = input[head.leading..head.leading + head.length].iter().filter(|byte| **byte == b'\n');
            assert!(head.length <= LOW_LIMITS.bytes && lines.count() <= 2 + LOW_LIMITS.fields);
        }
        Ok(Parsed::Partial) => assert!(input.len() <= LOW_LIMITS.bytes + 8, "empty lines alone may be more"),
        Err(_) => {}
    }
}

fn is_sent_on_with_the_same_meaning(
    mut head: RequestHead,
    whole: &[u8],
    read: &strict::RequestHead,
    at_proxy: bool,
) {
    head.name_host(|| HOST.to_owned());
    let mut sent = Vec::new();
    head.edits.apply(whole, &mut sent);
    let next = match strict::RequestHead::read(&sent) {
        Reading::Whole(next) => next,
        other => panic!("sent on as {:?}: {other:?}", sent.escape_ascii().to_string()),
    };
    assert_eq!(next.length, sent.len());
    assert_eq!(meaning::difference(read, &next, at_proxy), None);
}
