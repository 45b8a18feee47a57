//! The proxy's certificate, and connections with TLS between proxies.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::direction::Direction;
use crate::tls::HandshakeError;

/// How a handshake with another proxy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Handshake {
    /// With certificates.
    Full,
    /// With a ticket of an earlier connection.
    Resumed,
    /// One side was not believed by the other, or has no certificate.
    IdentityFailed,
    /// The connection broke, or it took too long.
    Broken,
}

impl Handshake {
    /// What is counted of a handshake that ended so.
    pub fn of(ended: &Result<Self, HandshakeError>) -> Self {
        match ended {
            Ok(handshake) => *handshake,
            Err(HandshakeError::Identity(_) | HandshakeError::NoCertificate(_)) => Self::IdentityFailed,
            Err(HandshakeError::Io(_) | HandshakeError::Timeout) => Self::Broken,
        }
    }

    pub(super) const ALL: [Self; 4] = [Self::Full, Self::Resumed, Self::IdentityFailed, Self::Broken];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
            Self::IdentityFailed => "identity-failed",
            Self::Broken => "broken",
        }
    }
}

/// What is counted of identities.
#[derive(Debug, Default)]
pub struct IdentityMetrics {
    /// Seconds since 1970; 0 without a certificate.
    certificate_end: AtomicU64,
    refreshes: AtomicU64,
    refresh_failures: AtomicU64,
    inbound: [AtomicU64; Handshake::ALL.len()],
    outbound: [AtomicU64; Handshake::ALL.len()],
}

impl IdentityMetrics {
    /// There is a new certificate.
    pub fn refreshed(&self, certificate_end: SystemTime) {
        let end = certificate_end.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.certificate_end.store(end.as_secs(), Relaxed);
        self.refreshes.fetch_add(1, Relaxed);
    }

    /// There was to be a new certificate.
    pub fn refresh_failed(&self) {
        self.refresh_failures.fetch_add(1, Relaxed);
    }

    /// Counts a handshake.
    pub fn shook(&self, direction: Direction, handshake: Handshake) {
        self.handshakes(direction)[handshake as usize].fetch_add(1, Relaxed);
    }

    fn handshakes(&self, direction: Direction) -> &[AtomicU64; Handshake::ALL.len()] {
        match direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        }
    }

    pub(super) fn count(&self, direction: Direction, handshake: Handshake) -> u64 {
        self.handshakes(direction)[handshake as usize].load(Relaxed)
    }

    /// When the certificate ends, in seconds since 1970; none without one.
    pub(super) fn certificate_end(&self) -> Option<u64> {
        Some(self.certificate_end.load(Relaxed)).filter(|end| *end > 0)
    }

    pub(super) fn refreshes(&self) -> (u64, u64) {
        (self.refreshes.load(Relaxed), self.refresh_failures.load(Relaxed))
    }
}
