//! The chunked coding.

use mesh_proxy::http1::{Body, Chunked, Piece, Refusal};

use crate::script;
use crate::strict::{self, Reading};

/// Trailer fields that the proxy refuses although the grammar allows them.
const FORBIDDEN: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "host",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Shorter inputs reach no limit on extensions and trailers.
const NO_LIMIT: usize = 256;

/// Decodes `input`, in the pieces that its cuts make of it. The end, the content and the verdict are those of the whole.
///
/// # Panics
/// When that is not so.
pub fn chunked(input: &[u8]) {
    let pieces = script::segments(input);
    let whole = pieces.concat();
    let verdict = end(&[&whole]);
    assert_eq!(end(&pieces), verdict, "in pieces");
    assert_eq!(end(&whole.chunks(1).collect::<Vec<_>>()), verdict, "byte by byte");
    match (verdict, strict::content(&whole)) {
        (Ok((end, true)), Reading::Whole(content)) => {
            assert_eq!(end, content.length);
            assert_eq!(data(&whole), content.data);
            assert!(!is_forbidden(&content), "{content:?}");
        }
        (Ok((end, false)), Reading::Partial) => assert_eq!(end, whole.len(), "all of it belongs to the body"),
        (Err(_), Reading::Refused(_) | Reading::Partial) => {}
        (Err(_), Reading::Whole(content)) => {
            assert!(whole.len() > NO_LIMIT || is_forbidden(&content), "refused without need: {content:?}");
        }
        (verdict, read) => panic!("{verdict:?}, but {read:?}"),
    }
}

fn end(pieces: &[&[u8]]) -> Result<(usize, bool), Refusal> {
    let mut body = Body::Chunked(Chunked::default());
    let mut end = 0;
    for piece in pieces {
        let taken = body.advance(piece)?;
        end += taken;
        assert!(taken == piece.len() || body.is_complete(), "left lying");
    }
    Ok((end, body.is_complete()))
}

fn data(bytes: &[u8]) -> Vec<u8> {
    let mut chunked = Chunked::default();
    let mut data = Vec::new();
    let mut rest = bytes;
    while !chunked.is_complete() && !rest.is_empty() {
        match chunked.next(rest) {
            Ok(Piece::Framing(length)) => rest = &rest[length..],
            Ok(Piece::Data(length)) => {
                data.extend_from_slice(&rest[..length]);
                rest = &rest[length..];
            }
            Err(refusal) => panic!("{refusal:?} after the whole was accepted"),
        }
    }
    data
}

fn is_forbidden(content: &strict::Content) -> bool {
    content.trailers.iter().any(|field| FORBIDDEN.iter().any(|name| field.is(name)))
}
