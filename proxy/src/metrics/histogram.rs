//! A latency histogram with fixed buckets.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The buckets' upper bounds in microseconds; one more bucket takes what is above the last.
pub(super) const BOUNDS_MICROS: [u64; 28] = [
    100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000,
    50_000, 75_000, 100_000, 200_000, 300_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000,
    30_000_000, 60_000_000,
];

#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [AtomicU64; BOUNDS_MICROS.len() + 1],
    sum_nanos: AtomicU64,
}

/// A histogram's figures at one moment.
pub(super) struct Figures {
    /// The number of observations at or under each bound, and at last the number of all.
    pub cumulative: [u64; BOUNDS_MICROS.len() + 1],
    pub sum: Duration,
}

impl Figures {
    pub fn count(&self) -> u64 {
        self.cumulative[BOUNDS_MICROS.len()]
    }
}

impl Histogram {
    pub fn observe(&self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MICROS.partition_point(|bound| bound * 1000 < nanos);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_nanos.fetch_add(nanos, Relaxed);
    }

    pub fn figures(&self) -> Figures {
        let mut total = 0;
        let cumulative = std::array::from_fn(|bucket| {
            total += self.buckets[bucket].load(Relaxed);
            total
        });
        Figures { cumulative, sum: Duration::from_nanos(self.sum_nanos.load(Relaxed)) }
    }
}
