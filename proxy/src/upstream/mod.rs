//! Connections to endpoints.

mod connect;
mod idle;

pub use connect::connect;
pub use idle::IdlePool;
