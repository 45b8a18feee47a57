//! How long things may take.

use std::time::Duration;

use super::{ConfigError, Values, value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// How long a drain may take before what is still in flight is cut.
    pub drain: Duration,
    /// For one attempt to connect to an endpoint.
    pub connect: Duration,
    /// From the first byte of a request's head to its end.
    pub header: Duration,
    /// How long a connection may be idle, from clients and to endpoints.
    pub idle: Duration,
    /// How long a request or a connection waits for an endpoint.
    pub pending: Duration,
    /// How long a message or a tunnel that is under way may go without a byte from either side.
    pub stall: Duration,
}

impl Timeouts {
    pub(super) fn read(values: &Values<impl Fn(&str) -> Option<String>>) -> Result<Self, ConfigError> {
        let time = |name, default| values.or(name, default, value::duration);
        Ok(Self {
            drain: time("MESH_PROXY_DRAIN_TIMEOUT", "30s")?,
            connect: time("MESH_PROXY_CONNECT_TIMEOUT", "1s")?,
            header: time("MESH_PROXY_HEADER_TIMEOUT", "60s")?,
            idle: time("MESH_PROXY_IDLE_TIMEOUT", "10m")?,
            pending: time("MESH_PROXY_PENDING_TIMEOUT", "3s")?,
            stall: time("MESH_PROXY_STALL_TIMEOUT", "1h")?,
        })
    }
}
