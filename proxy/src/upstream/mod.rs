//! Connections to endpoints.

mod connect;
mod idle;
mod keep;

pub use connect::{connect, connect_for_streams};
pub use idle::IdlePool;
pub use keep::{keep, kept, open};
