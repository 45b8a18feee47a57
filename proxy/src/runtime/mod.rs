//! The proxy's threads: workers that relay traffic, and the control thread (the process's first) for everything else.

mod bind;
mod control;
mod descriptors;
mod shutdown;
mod threads;

pub use bind::BindError;
pub use control::{RunError, run};
pub(crate) use shutdown::Shutdown;
