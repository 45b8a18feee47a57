//! Answers that the proxy itself makes.

use bytes::Bytes;
use h2::server::SendResponse;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::error::ProxyError;
use crate::grpc::{self, GrpcStatus};

const REASON: HeaderName = HeaderName::from_static("mesh-proxy-error");

/// Answers a request that is no gRPC call, in words by `told`. `has_body` is false for HEAD. A client that is gone misses nothing.
pub fn plain(respond: &mut SendResponse<Bytes>, error: ProxyError, told: &str, has_body: bool) {
    let body = format!("{told}\n");
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_GATEWAY);
    let fields = response.headers_mut();
    fields.insert(REASON, HeaderValue::from_static(error.reason()));
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    fields.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    if let Ok(mut sink) = respond.send_response(response, !has_body)
        && has_body
    {
        let _ = sink.send_data(body.into(), true);
    }
}

/// Answers a gRPC call: by a status and no message.
pub fn grpc(respond: &mut SendResponse<Bytes>, error: ProxyError, told: String) {
    let mut response = Response::new(());
    *response.headers_mut() = grpc_trailers(error, told);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let _ = respond.send_response(response, true);
}

/// The end of a gRPC call that `error` broke off.
pub fn grpc_trailers(error: ProxyError, told: String) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert(REASON, HeaderValue::from_static(error.reason()));
    trailers.insert(grpc::STATUS, HeaderValue::from_static(GrpcStatus::of_error(error).code()));
    if let Ok(message) = HeaderValue::from_maybe_shared(Bytes::from(told)) {
        trailers.insert(grpc::MESSAGE, message);
    }
    trailers
}

/// The reason in a response of another proxy.
pub fn reason(fields: &HeaderMap) -> Option<&[u8]> {
    fields.get(REASON).map(HeaderValue::as_bytes)
}

/// Takes out the reason that somebody gives who is no proxy.
pub fn take_reason_out(fields: &mut HeaderMap) {
    fields.remove(REASON);
}
