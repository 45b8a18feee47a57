//! Many requests on one connection between two proxies of the mesh: streams, each of which is what a connection of its own would
//! be, with HTTP/1 as it was sent, one request after the other.
//!
//! One task reads and writes a connection. What its streams send in one turn of the event loop goes as one record in one write,
//! which is what the streams are for: a write costs more than all else that a request needs.
//!
//! A client says in its handshake that it takes streams, the server offers them as soon as that is done, and the client begins them
//! by [`PREFACE`]; where the offer came late, after a request. What does not know of streams neither asks for the offer nor makes
//! it.

mod connection;
mod driver;
#[cfg(test)]
mod fixture;
mod frame;
#[cfg(test)]
mod hostile;
mod pieces;
mod pool;
mod queue;
mod serving;
mod silence;
mod stream;

pub(crate) use frame::MAX_SENT;
pub(crate) use pool::Pool;
pub(crate) use serving::{serve, turn_away};
pub(crate) use stream::Stream;

use crate::relay::RECORDS;

/// By what a client begins streams, where a request would begin.
pub(crate) const PREFACE: &[u8] = b"\0";

/// Streams that a connection has at once.
const MAX_STREAMS: usize = 256;
/// With so many streams on each of its connections a client makes one more, as a server has a worker for each.
const MANY_STREAMS: usize = 64;
/// So many connections are made for that.
const MAX_SPREAD: usize = 4;
/// What a stream may send that has not been taken from it.
const WINDOW: usize = 256 * 1024;
/// What is more than this is much: streams with so much to send wait for one another.
const MAX_SMALL: usize = 8 * 1024;
/// What a stream sends at once that has much to send.
const MAX_AT_ONCE: usize = RECORDS * MAX_SENT;
/// With less of a window left a stream with more to send waits for credit.
const MIN_CREDIT: usize = 16 * 1024;
/// What waits with the system until it can be sent is no more: what comes later need not wait for it.
const MAX_NOT_SENT: u32 = 128 * 1024;
/// A connection with more than this waiting to be written takes no new streams.
const MAX_WAITING: usize = 1 << 20;
/// A connection with more than this waiting to be written is given up: so much cannot wait unless streams come and go while the
/// peer takes nothing.
const MAX_UNWRITTEN: usize = 24 << 20;
