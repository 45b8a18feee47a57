//! Watching live requests: costs one relaxed atomic load a request while nobody does.

mod filter;
mod guard;
mod observers;
mod request;
mod server;

pub(crate) use guard::Guard;
pub use observers::Observers;
pub use request::{Request, Tap, TappedRequest};
pub(crate) use server::serve;
