//! Whether a silent peer is still there: it is asked by a PING (RFC 9113, section 6.7).

use std::time::{Duration, Instant};

use h2::{Ping, PingPong};

use super::traffic::Traffic;
use crate::config::Timeouts;

/// A peer is asked when it has been silent for so long, and dead when it is silent for as long again.
const SILENCE: Duration = Duration::from_secs(10);

/// The watch over one peer.
pub struct Keepalive {
    pings: Option<PingPong>,
    silence: Duration,
    /// What had come when that was last looked at.
    read: u64,
    heard: Instant,
    asked: bool,
}

impl Keepalive {
    pub fn new(pings: Option<PingPong>, timeouts: &Timeouts) -> Self {
        Self { pings, silence: silence(timeouts), read: 0, heard: Instant::now(), asked: false }
    }

    /// How long a peer may be silent before it is asked.
    pub fn silence(&self) -> Duration {
        self.silence
    }

    /// Looks whether something came, and asks when nothing did for a while. False when the peer is dead.
    pub fn is_alive(&mut self, traffic: &Traffic, now: Instant) -> bool {
        if traffic.read() != self.read {
            self.read = traffic.read();
            self.heard = now;
            self.asked = false;
        }
        if now - self.heard < self.silence {
            return true;
        }
        if self.asked {
            return false;
        }
        if let Some(pings) = &mut self.pings {
            // Only one is on its way at once; what came has made an end of the one before.
            let _ = pings.send_ping(Ping::opaque());
        }
        self.asked = true;
        self.heard = now;
        true
    }

    /// Takes the answer to a ping, so that another one may be sent.
    pub fn take_pong(&mut self, cx: &mut std::task::Context<'_>) {
        if let Some(pings) = &mut self.pings
            && self.asked
        {
            let _ = pings.poll_pong(cx);
        }
    }
}

/// A quarter of the idle timeout where that is shorter.
fn silence(timeouts: &Timeouts) -> Duration {
    SILENCE.min(timeouts.idle / 4)
}
