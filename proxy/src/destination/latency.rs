//! An endpoint's latency, estimated so that a change for the worse counts at once and an old estimate fades (peak EWMA).

use std::cell::Cell;
use std::time::{Duration, Instant};

/// An estimate has faded to about a third after this.
const DECAY: Duration = Duration::from_secs(10);

/// A peak-sensitive, exponentially weighted moving average.
#[derive(Debug, Default)]
pub(super) struct PeakEwma {
    last: Cell<Option<Estimate>>,
}

#[derive(Debug, Clone, Copy)]
struct Estimate {
    nanos: f64,
    at: Instant,
}

impl Estimate {
    /// How much of the estimate still counts at `now`, from 1 down to 0.
    fn weight(&self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.at);
        (-age.as_secs_f64() / DECAY.as_secs_f64()).exp()
    }
}

impl PeakEwma {
    pub fn observe(&self, latency: Duration, now: Instant) {
        let observed = latency.as_nanos() as f64;
        let nanos = match self.last.get() {
            Some(last) if observed < last.nanos => {
                let weight = last.weight(now);
                last.nanos * weight + observed * (1.0 - weight)
            }
            _ => observed,
        };
        self.last.set(Some(Estimate { nanos, at: now }));
    }

    /// The estimate in nanoseconds as it has faded; none before the first observation.
    pub fn nanos(&self, now: Instant) -> Option<f64> {
        self.last.get().map(|last| last.nanos * last.weight(now))
    }

    /// Takes over what another instance had learned.
    pub fn inherit(&self, other: &Self) {
        self.last.set(other.last.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate_after(latencies: &[(u64, u64)], at: u64) -> f64 {
        let start = Instant::now();
        let latency = PeakEwma::default();
        for (milliseconds, seconds) in latencies {
            latency.observe(Duration::from_millis(*milliseconds), start + Duration::from_secs(*seconds));
        }
        latency.nanos(start + Duration::from_secs(at)).unwrap() / 1e6
    }

    #[test]
    fn a_peak_counts_at_once() {
        assert!(estimate_after(&[(1, 0), (1, 1), (100, 2)], 2) > 99.0);
    }

    #[test]
    fn better_answers_bring_the_estimate_down_gradually() {
        let after_one = estimate_after(&[(100, 0), (1, 1)], 1);
        assert!((80.0..99.0).contains(&after_one), "{after_one}");
        assert!(estimate_after(&[(100, 0), (1, 60), (1, 61)], 61) < 2.0);
    }

    #[test]
    fn an_old_estimate_fades() {
        assert!(estimate_after(&[(100, 0)], 60) < 1.0);
    }
}
