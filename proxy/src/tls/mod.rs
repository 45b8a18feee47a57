//! TLS 1.3 between two proxies of the mesh: the one ALPN protocol `mesh/1`, with a certificate on both sides.
//!
//! rustls makes the handshake. From then on the connection seals and opens its records itself, with the keys that rustls gives
//! out: straight from and into the buffers that bytes have anyway, so that a connection that waits holds none, and a request
//! needs no allocation.

mod handshake;
mod record;
mod session;

pub(crate) use handshake::proven;
pub use handshake::{HandshakeError, Secured, accept, connect};
pub use record::{MAX_CONTENT, OVERHEAD};
pub use session::Session;

/// The protocol that says that a proxy of the mesh is at the other end (RFC 7301).
pub const MESH_PROTOCOL: &[u8] = b"mesh/1";

/// With this begins the server's name in the hello of a client that may be offered streams. It names no server: who that must be
/// is known otherwise.
const TAKES_STREAMS: &str = "streams.";
