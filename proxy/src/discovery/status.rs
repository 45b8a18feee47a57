//! How the proxy stands with its control plane, for readiness and metrics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Written by the discovery client, read by the admin server.
#[derive(Debug, Default)]
pub struct Status {
    connected: AtomicBool,
    connections: AtomicU64,
}

impl Status {
    pub(super) fn connect(&self) {
        self.connected.store(true, Relaxed);
        self.connections.fetch_add(1, Relaxed);
    }

    pub(super) fn disconnect(&self) {
        self.connected.store(false, Relaxed);
    }

    pub fn is_connected(&self) -> bool {
        self.connected.load(Relaxed)
    }

    /// True once the proxy has been connected, however it stands now.
    pub fn was_ever_connected(&self) -> bool {
        self.connections.load(Relaxed) > 0
    }

    /// How often the stream was opened again after it had been lost.
    pub fn reconnects(&self) -> u64 {
        self.connections.load(Relaxed).saturating_sub(1)
    }
}
