//! Connections to endpoints.

/// Idle keep-alive connections to one endpoint.
#[derive(Debug, Default)]
pub struct IdlePool {}

impl IdlePool {
    /// Closes the idle connections and takes no more: the endpoint left its destination.
    pub fn close(&self) {}
}
