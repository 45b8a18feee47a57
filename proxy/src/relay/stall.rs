//! Notices that nothing moves any more between two peers, or that one of them is gone while nobody reads from it.

use std::task::Context;
use std::time::{Duration, Instant};

use super::peer::Peer;
use super::sweep::Watch;
use crate::metrics::Limit;
use crate::worker::Worker;

/// How often it is asked whether a peer is gone. One that breaks its connection is noticed by reading; but not when it has said
/// before that it will send no more, or when what it sent waits to be passed on.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is asked at least whether something has moved.
const LONGEST: Duration = Duration::from_secs(60);

/// What was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noticed {
    /// A peer broke its connection.
    Gone,
    /// For the stall timeout neither peer has sent or taken a byte.
    Stalled,
}

/// A watch over what is under way between a client and an endpoint.
pub struct Stall<'a> {
    worker: &'a Worker,
    watch: &'a Watch,
    is_woken: bool,
    /// Bytes that both peers had sent and taken when that was last asked.
    moved: u64,
    /// When that was found to have grown.
    since: Instant,
}

impl<'a> Stall<'a> {
    /// Begins to watch at `now`.
    pub fn new(worker: &'a Worker, watch: &'a Watch, now: Instant) -> Self {
        watch.set(now + LOOK.min(worker.config.timeouts.stall));
        Self { worker, watch, is_woken: false, moved: 0, since: now }
    }

    /// To be called when the task can do nothing but wait. `unread` are the peers that it does not wait to read from.
    pub fn notice(&mut self, cx: &Context<'_>, peers: [&Peer; 2], unread: &[&Peer]) -> Option<Noticed> {
        if !self.is_woken {
            self.is_woken = true;
            self.watch.wakes(cx);
        }
        if self.watch.has_passed() { self.look(peers, unread) } else { None }
    }

    #[cold]
    fn look(&mut self, peers: [&Peer; 2], unread: &[&Peer]) -> Option<Noticed> {
        if unread.iter().any(|peer| peer.is_broken()) {
            return Some(Noticed::Gone);
        }
        let (now, timeout) = (Instant::now(), self.worker.config.timeouts.stall);
        let moved = peers.iter().map(|peer| peer.moved()).sum();
        if moved != self.moved {
            self.moved = moved;
            self.since = now;
        } else if now - self.since >= timeout {
            self.worker.limits().reached(Limit::StallTimeout);
            return Some(Noticed::Stalled);
        }
        let longest = if unread.is_empty() { LONGEST } else { LOOK };
        self.watch.set(now + longest.min(timeout));
        None
    }
}
