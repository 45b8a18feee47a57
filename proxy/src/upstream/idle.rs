//! Idle keep-alive connections.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Instant;

use crate::metrics::CloseReason;
use crate::relay::{Expire, Peer, Sweep};

/// Connections to one endpoint that a worker keeps at most.
const MAX_IDLE: usize = 256;

/// Idle keep-alive connections to one endpoint. The one used last is used next, so that those which are too many grow old.
#[derive(Debug, Default)]
pub struct IdlePool {
    idle: Rc<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The oldest first.
    connections: Vec<(Peer, Instant)>,
    /// The sweep looks after the pool.
    swept: bool,
    closed: bool,
}

impl IdlePool {
    /// The connection that was used last and that its server has not closed since.
    pub fn take(&self) -> Option<Peer> {
        let mut state = self.idle.state.borrow_mut();
        while let Some((mut peer, _)) = state.connections.pop() {
            if peer.is_quiet() {
                return Some(peer);
            }
        }
        None
    }

    /// Keeps a connection that has nothing more to say, for the sweep to close when it has been here for the idle timeout.
    pub fn put(&self, mut peer: Peer, now: Instant, sweep: &Rc<Sweep>) {
        let mut state = self.idle.state.borrow_mut();
        if state.closed || state.connections.len() >= MAX_IDLE {
            if state.closed {
                peer.ends(CloseReason::Drain);
            }
            return;
        }
        if state.connections.is_empty() {
            // Most endpoints have no more than one; the vector by itself would make room for four.
            state.connections.reserve_exact(1);
        }
        state.connections.push((peer, now));
        if !std::mem::replace(&mut state.swept, true) {
            let pool: Weak<Idle> = Rc::downgrade(&self.idle);
            sweep.look_after(pool);
        }
    }

    /// Closes the idle connections and takes no more: the endpoint left its destination.
    pub fn close(&self) {
        let mut state = self.idle.state.borrow_mut();
        state.closed = true;
        for (mut peer, _) in state.connections.drain(..) {
            peer.ends(CloseReason::Drain);
        }
    }
}

impl Expire for Idle {
    fn expire(&self, before: Instant) -> bool {
        let mut state = self.state.borrow_mut();
        state.connections.retain_mut(|(peer, since)| {
            let expired = *since <= before;
            if expired {
                peer.ends_idle(*since);
            }
            !expired && peer.is_quiet()
        });
        if state.connections.is_empty() {
            state.connections.shrink_to_fit();
            state.swept = false;
        }
        state.swept
    }
}
