//! Responses that the proxy itself makes.

use std::future::poll_fn;
use std::io::Write;

use super::flow::{Broken, Flow};
use super::peer::Peer;
use crate::error::ProxyError;
use crate::http1::Version;

/// Sends a response that says why there is no other, in words by `told`. `has_body` is false for an answer to HEAD; `kept` tells a client of that
/// version that it may go on.
///
/// # Errors
/// The client is gone.
pub async fn send(
    client: &mut Peer,
    error: ProxyError,
    told: &str,
    has_body: bool,
    kept: Option<Version>,
) -> Result<(), Broken> {
    let mut flow = Flow::of_text(&response(error, told, has_body, kept));
    poll_fn(|cx| flow.poll_send_unsent(cx, client)).await
}

fn response(error: ProxyError, told: &str, has_body: bool, kept: Option<Version>) -> Vec<u8> {
    let (status, reason) = (error.status(), error.reason());
    let phrase = phrase(status);
    let connection = match kept {
        Some(Version::Http11) => "",
        Some(Version::Http10) => "connection: keep-alive\r\n",
        None => "connection: close\r\n",
    };
    let body = format!("{told}\n");
    let mut text = Vec::new();
    // Writing to a vector cannot fail.
    let _ = write!(
        text,
        "HTTP/1.1 {status} {phrase}\r\nmesh-proxy-error: {reason}\r\ncontent-type: text/plain\r\n\
         content-length: {}\r\n{connection}\r\n",
        body.len()
    );
    if has_body {
        text.extend_from_slice(body.as_bytes());
    }
    text
}

/// The reason phrases of the statuses in [`ProxyError::status`] (RFC 9110, section 15).
fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        414 => "URI Too Long",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
