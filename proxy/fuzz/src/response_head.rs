//! Heads of responses.

use mesh_proxy::http1::{Asked, HeadLimits, MOST_FIELDS, Parsed, ResponseHead};

use crate::meaning;
use crate::strict::{self, Framing, Reading};

/// The proxy's default for bytes, and as many fields as can be allowed.
const LIMITS: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: MOST_FIELDS };

/// Reads `input` as the head of a response to each kind of request. What is accepted has one reading, and so has what is sent on;
/// they mean the same.
///
/// # Panics
/// When that is not so.
pub fn response_head(input: &[u8]) {
    for kinds in 0..16_u8 {
        let [head, connect, upgrade, of_proxy] = [1, 2, 4, 8].map(|kind| kinds & kind != 0);
        let asked = Asked { head, connect, upgrade, of_proxy };
        if let Ok(Parsed::Complete(head)) = ResponseHead::parse(input, LIMITS, asked) {
            let read = agrees(&head, &input[..head.length], asked);
            does_not_depend_on_pieces(input, &head, asked);
            for for_old_client in [false, true] {
                let whole = &input[..head.length];
                is_sent_on_with_the_same_meaning(head.clone(), whole, &read, of_proxy, for_old_client);
            }
        }
    }
}

fn strictly(asked: Asked) -> strict::Asked {
    strict::Asked { head: asked.head, connect: asked.connect, upgrade: asked.upgrade }
}

fn agrees(head: &ResponseHead, whole: &[u8], asked: Asked) -> strict::ResponseHead {
    let read = match strict::ResponseHead::read(whole, strictly(asked)) {
        Reading::Whole(read) => read,
        other => panic!("accepted, but {other:?}"),
    };
    assert_eq!(read.length, head.length, "where the head ends");
    assert_eq!((read.status, read.is_tunnel), (head.status, head.tunnel));
    assert_eq!(read.is_interim(), head.is_informational());
    assert_eq!(read.framing, meaning::framing(&head.body));
    read
}

/// Every part is the start of a head, and what comes behind the head is of no concern to it.
fn does_not_depend_on_pieces(input: &[u8], head: &ResponseHead, asked: Asked) {
    let parse = |length: usize| ResponseHead::parse(&input[..length], LIMITS, asked);
    for length in (0..head.length).rev().take(16).chain(0..head.length.min(16)) {
        assert!(matches!(parse(length), Ok(Parsed::Partial)), "{length} bytes of {}", head.length);
    }
    assert!(matches!(parse(head.length), Ok(Parsed::Complete(alone)) if alone.length == head.length));
}

/// Also a client that knows nothing of what was asked must read no other framing, where there is a body at all.
fn is_sent_on_with_the_same_meaning(
    mut head: ResponseHead,
    whole: &[u8],
    read: &strict::ResponseHead,
    of_proxy: bool,
    for_old_client: bool,
) {
    let decoded = for_old_client && read.framing == Framing::Chunked;
    if decoded {
        head.say_not_chunked();
    }
    if !head.tunnel {
        head.say_close();
    }
    let mut sent = Vec::new();
    head.edits.apply(whole, &mut sent);
    let asked = strict::Asked { head: false, connect: false, upgrade: read.status == 101 };
    let next = match strict::ResponseHead::read(&sent, asked) {
        Reading::Whole(next) => next,
        other => panic!("sent on as {:?}: {other:?}", sent.escape_ascii().to_string()),
    };
    assert_eq!(next.length, sent.len());
    assert!(!next.is_old);
    assert_eq!(next.status, read.status);
    if read.framing != Framing::Length(0) {
        assert_eq!(next.framing, if decoded { Framing::Close } else { read.framing });
    }
    let expected: Vec<_> = read
        .fields
        .iter()
        .filter(|field| !is_dropped(read, field, decoded) && (of_proxy || !field.is("mesh-proxy-error")))
        .cloned()
        .collect();
    let found: Vec<_> = next.fields.iter().filter(|field| !field.is("connection")).cloned().collect();
    assert_eq!(meaning::difference_of_fields(&expected, &found, false), None);
}

/// Fields that frame a body which is not there, or not chunked any more.
fn is_dropped(read: &strict::ResponseHead, field: &strict::Field, decoded: bool) -> bool {
    let has_never_a_body = read.is_tunnel || read.status < 200 || read.status == 204;
    let frames = field.is("transfer-encoding") && (decoded || has_never_a_body);
    frames || (field.is("content-length") && has_never_a_body && strict::number(&field.value) != Some(0))
}
