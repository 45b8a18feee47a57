//! HTTP/2 (RFC 9113): the streams of a client's connection are relayed one by one, over connections that the streams to an
//! endpoint share.
//!
//! One task serves a client's connection, one each of its streams at a time, and one each connection to an endpoint. Bodies are read from
//! one side only as the other takes them, by the windows of HTTP/2.

mod answer;
mod body;
mod exchange;
mod flood;
mod head;
mod keepalive;
mod kept;
mod pool;
mod runners;
mod serving;
mod stream;
mod traffic;
mod turned_away;
mod wire;

pub(crate) use pool::Pool;
pub(crate) use runners::Runners;
pub(crate) use serving::serve;
pub(crate) use turned_away::turn_away;

/// Streams that a connection has at once, from a client and to an endpoint.
const MAX_STREAMS: u32 = 256;
/// What a stream may send that has not been passed on.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The same of a connection: no number of streams whose receivers are slow holds up another one.
const CONNECTION_WINDOW: u32 = MAX_STREAMS * STREAM_WINDOW;
/// So many streams that we have reset are remembered for a second, so that what their peers had sent before they heard of it is
/// passed over.
const REMEMBERED_RESETS: usize = 1024;
/// What comes later is answered by another reset, so often in the life of a connection. An honest peer hardly ever makes us do so.
const MAX_LATE_RESETS: usize = 16 * 1024;
/// What a stream has waiting to be written.
const SEND_BUFFER: usize = 64 * 1024;
