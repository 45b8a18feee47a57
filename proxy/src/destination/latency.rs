//! An endpoint's latency, estimated so that a change for the worse counts at once and an old estimate fades (peak EWMA).

use std::cell::Cell;
use std::f64::consts::{LN_2, LOG2_E};
use std::time::{Duration, Instant};

/// An estimate has faded to about a third after this.
const DECAY: Duration = Duration::from_secs(10);

/// One half to the power of this is the least normal number.
const LEAST_POWER: u64 = 1022;

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
        faded(age.as_secs_f64() / DECAY.as_secs_f64())
    }
}

/// The exponential of `-time`, for a time that is not negative; off by less than a millionth of it. `f64::exp` would be all that
/// the proxy needs of a library of its own, which every sidecar would have in memory for it.
fn faded(time: f64) -> f64 {
    let halvings = time * LOG2_E;
    let whole = (halvings + 0.5) as u64;
    if whole > LEAST_POWER {
        return 0.0;
    }
    let halved = f64::from_bits((LEAST_POWER + 1 - whole) << (f64::MANTISSA_DIGITS - 1));
    // Taylor's series for the rest, which is at most half a halving either way.
    let rest = (whole as f64 - halvings) * LN_2;
    let series = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    halved * series.iter().fold(0.0, |sum, factor| sum * rest + factor)
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
    fn what_has_faded_is_the_exponential() {
        for step in 0..7000_u32 {
            let time = f64::from(step) / 10.0;
            let (faded, exact) = (faded(time), (-time).exp());
            assert!((faded - exact).abs() <= exact * 1e-6, "{time}: {faded}, not {exact}");
        }
        assert_eq!(faded(0.0), 1.0);
        assert_eq!(faded(709.0), 0.0);
        assert_eq!(faded(Duration::MAX.as_secs_f64()), 0.0);
    }

    #[test]
    fn an_old_estimate_fades() {
        assert!(estimate_after(&[(100, 0)], 60) < 1.0);
    }
}
