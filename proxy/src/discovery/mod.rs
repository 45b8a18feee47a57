//! What the control plane tells: one stream for all workers, on the control thread.
//!
//! A worker asks for a target once (`Ask`) and is told its full state and every difference from then on (`Update`).

mod client;
mod status;
mod subscriptions;
mod update;

pub use client::Client;
pub use status::Status;
pub use update::{Ask, EndpointInfo, Owner, ServiceName, Target, Update, WorkerId};
