//! The way to the control plane: how it is reached, how it is believed, and how it believes the proxy.

mod channel;
mod token;
mod trouble;

pub use channel::{ControlPlane, Trust};
pub(crate) use trouble::{Reported, Trouble, describe};
