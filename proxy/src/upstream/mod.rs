//! Connections to endpoints.

mod attempt;
mod connect;
mod idle;
mod keep;

pub use attempt::{Outcome, SharedAttempt};
pub use connect::{connect, connect_for_streams};
pub use idle::IdlePool;
pub use keep::{keep, kept, open};
