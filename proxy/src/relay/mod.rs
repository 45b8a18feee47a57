//! The relay: what a client sends goes to an endpoint, and what the endpoint answers goes back.
//!
//! One task serves one client, and owns the connection to the endpoint while a request is in flight. Each direction of a
//! request is a [`Flow`](flow::Flow), which reads only after it has written, so a slow receiver slows its sender and nothing
//! piles up here.

mod admission;
mod answering;
mod buffer;
pub(crate) mod close;
mod connection;
mod exchange;
mod excuse;
mod flow;
mod head;
mod http;
mod next;
mod peer;
mod record;
mod refuse;
mod retry;
pub(crate) mod route;
mod sending;
mod stall;
mod sweep;
mod tunnel;

pub use buffer::{Buffer, RECORDS, Room};
pub use exchange::Lost;
pub use http::{Client, Side};
pub use peer::Peer;
pub(crate) use record::{BrokenOff, Outcome, Record};
pub(crate) use retry::Attempts;
pub use route::{Link, Original, Target};
pub use sweep::{Expire, Sweep, Watch};
pub use tunnel::Copied;
