//! Counters of TCP connections.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// Which connection: the one accepted from a client, or the one opened to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Source,
    Destination,
}

impl Peer {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Source => "src",
            Self::Destination => "dst",
        }
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum CloseReason {
    /// Both sides had said all they wanted, or the peer closed between two messages.
    Complete,
    /// The peer reset the connection or closed it in the middle of a message.
    Reset,
    /// Nothing happened for the idle timeout.
    Idle,
    /// The peer took longer than a timeout allows.
    Timeout,
    /// The peer sent what may not be relayed.
    BadMessage,
    /// The proxy is shutting down, or the endpoint left its service.
    Drain,
    /// The proxy had as many connections as it may.
    Overload,
    /// The application may not be called.
    Denied,
    /// Anything else, such as an error of the operating system.
    Error,
}

impl CloseReason {
    pub(super) const ALL: [Self; 9] = [
        Self::Complete,
        Self::Reset,
        Self::Idle,
        Self::Timeout,
        Self::BadMessage,
        Self::Drain,
        Self::Overload,
        Self::Denied,
        Self::Error,
    ];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Reset => "reset",
            Self::Idle => "idle",
            Self::Timeout => "timeout",
            Self::BadMessage => "bad-message",
            Self::Drain => "drain",
            Self::Overload => "overload",
            Self::Denied => "denied",
            Self::Error => "error",
        }
    }
}

/// The connections of one set of labels.
#[derive(Debug, Default)]
pub struct TcpMetrics {
    pub(super) opened: AtomicU64,
    pub(super) open: AtomicI64,
    pub(super) closed: [AtomicU64; CloseReason::ALL.len()],
    pub(super) read_bytes: AtomicU64,
    pub(super) write_bytes: AtomicU64,
}

impl TcpMetrics {
    /// Counts a connection that was accepted or established.
    pub fn opened(&self) {
        self.opened.fetch_add(1, Relaxed);
        self.open.fetch_add(1, Relaxed);
    }

    /// Counts the end of a connection that was counted by `opened`.
    pub fn closed(&self, reason: CloseReason) {
        self.open.fetch_sub(1, Relaxed);
        self.closed[reason as usize].fetch_add(1, Relaxed);
    }

    /// Counts the end of a stream of a connection that goes on.
    pub fn lost_stream(&self, reason: CloseReason) {
        self.closed[reason as usize].fetch_add(1, Relaxed);
    }

    /// Counts bytes read from the peer.
    pub fn read(&self, bytes: u64) {
        self.read_bytes.fetch_add(bytes, Relaxed);
    }

    /// Counts bytes written to the peer.
    pub fn wrote(&self, bytes: u64) {
        self.write_bytes.fetch_add(bytes, Relaxed);
    }

    /// Grows whenever something is counted.
    pub(super) fn activity(&self) -> u64 {
        let closed: u64 = self.closed.iter().map(|count| count.load(Relaxed)).sum();
        self.opened.load(Relaxed) + closed + self.read_bytes.load(Relaxed) + self.write_bytes.load(Relaxed)
    }
}
