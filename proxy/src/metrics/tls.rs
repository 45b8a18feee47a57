//! What decided where connections with TLS go.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// By what the destination of a connection with TLS was found, of which nothing else can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum TlsRoute {
    /// The address that it was meant for is one of the mesh.
    OriginalDestination,
    /// The server's name in its first message is that of a service.
    ServerName,
    /// Neither is: it goes straight on.
    Unknown,
}

impl TlsRoute {
    pub(super) const ALL: [Self; 3] = [Self::OriginalDestination, Self::ServerName, Self::Unknown];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::OriginalDestination => "original-destination",
            Self::ServerName => "server-name",
            Self::Unknown => "unknown",
        }
    }
}

/// Connections with TLS that the application opened.
#[derive(Debug, Default)]
pub struct TlsMetrics {
    routed: [AtomicU64; TlsRoute::ALL.len()],
}

impl TlsMetrics {
    /// Counts a connection whose destination was found so.
    pub fn routed(&self, by: TlsRoute) {
        self.routed[by as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn count(&self, by: TlsRoute) -> u64 {
        self.routed[by as usize].load(Relaxed)
    }
}
