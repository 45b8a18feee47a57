//! How long it took to tell what clients speak.

use std::time::Duration;

use super::histogram::Histogram;
use crate::listener::Protocol;

/// The times of one direction.
#[derive(Debug, Default)]
pub struct DetectionMetrics {
    by_protocol: [Histogram; PROTOCOLS.len()],
}

/// What is told apart, with the label of each.
const PROTOCOLS: [(Protocol, &str); 5] = [
    (Protocol::Http1, "http1"),
    (Protocol::Http2, "http2"),
    (Protocol::Tls, "tls"),
    (Protocol::Opaque, "opaque"),
    (Protocol::Unknown, "unknown"),
];

impl DetectionMetrics {
    /// Counts a connection that was found to speak `protocol`, or of which nobody can tell yet, so long after it was accepted.
    pub fn observe(&self, protocol: Protocol, time: Duration) {
        let known = PROTOCOLS.iter().zip(&self.by_protocol).find(|((other, _), _)| *other == protocol);
        if let Some((_, histogram)) = known {
            histogram.observe(time);
        }
    }

    /// The times by the label of their protocol, as far as there are any.
    pub(super) fn histograms(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        let all = PROTOCOLS.iter().zip(&self.by_protocol);
        all.map(|((_, label), histogram)| (*label, histogram))
            .filter(|(_, histogram)| histogram.figures().count() > 0)
    }
}
