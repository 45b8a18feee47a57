//! Every series of the proxy.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{
    DecisionLabels, DecisionMetrics, DetectionMetrics, HttpMetrics, IdentityMetrics, Labels, LimitMetrics,
    Peer, TcpMetrics, TlsMetrics,
};
use crate::direction::Direction;

/// Series that nobody touched for this long go.
const IDLE_TIME: Duration = Duration::from_secs(600);

/// Hands out the handles by their labels.
#[derive(Debug, Default)]
pub struct Registry {
    groups: Mutex<Groups>,
    inbound_detection: DetectionMetrics,
    outbound_detection: DetectionMetrics,
    limits: LimitMetrics,
    tls: TlsMetrics,
    identity: IdentityMetrics,
}

/// All series, by rendered labels.
#[derive(Debug, Default)]
struct Groups {
    http: BTreeMap<Arc<str>, Group<HttpMetrics>>,
    tcp: BTreeMap<Arc<str>, Group<TcpMetrics>>,
    decisions: BTreeMap<Arc<str>, Group<DecisionMetrics>>,
}

/// The series of one set of labels. Whether somebody touched them is found by comparing, so that counting needs no clock.
#[derive(Debug)]
struct Group<T> {
    metrics: Arc<T>,
    activity: u64,
    touched: Instant,
}

impl<T: Default> Default for Group<T> {
    fn default() -> Self {
        Self { metrics: Arc::default(), activity: 0, touched: Instant::now() }
    }
}

impl<T> Group<T> {
    fn note(&mut self, activity: u64, now: Instant) {
        if activity != self.activity {
            self.activity = activity;
            self.touched = now;
        }
    }

    fn is_idle(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.touched) >= IDLE_TIME
    }

    /// True when somebody may still count here.
    fn is_held(&self) -> bool {
        Arc::strong_count(&self.metrics) > 1
    }
}

impl Registry {
    /// The HTTP counters of these labels.
    pub fn http(&self, labels: &Labels<'_>) -> Arc<HttpMetrics> {
        Arc::clone(&self.lock().http.entry(labels.render().into()).or_default().metrics)
    }

    /// The TCP counters of these labels, for connections to `peer`.
    pub fn tcp(&self, peer: Peer, labels: &Labels<'_>) -> Arc<TcpMetrics> {
        let key = format!("peer=\"{}\",{}", peer.label(), labels.render());
        Arc::clone(&self.lock().tcp.entry(key.into()).or_default().metrics)
    }

    /// The counter of decisions of these labels.
    pub fn decisions(&self, labels: &DecisionLabels<'_>) -> Arc<DecisionMetrics> {
        Arc::clone(&self.lock().decisions.entry(labels.render().into()).or_default().metrics)
    }

    /// How long it took to tell what the clients of one direction speak.
    pub fn detection(&self, direction: Direction) -> &DetectionMetrics {
        match direction {
            Direction::Inbound => &self.inbound_detection,
            Direction::Outbound => &self.outbound_detection,
        }
    }

    /// The limits of the proxy.
    pub fn limits(&self) -> &LimitMetrics {
        &self.limits
    }

    /// What decided where connections with TLS go.
    pub fn tls(&self) -> &TlsMetrics {
        &self.tls
    }

    /// The proxy's certificate, and connections with TLS between proxies.
    pub fn identity(&self) -> &IdentityMetrics {
        &self.identity
    }

    fn lock(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the series that are idle and that nobody holds. To be called now and then, also when nobody reads the metrics.
    pub fn sweep(&self) {
        self.lock().sweep(Instant::now());
    }

    /// The series that are not idle, in the order of their labels.
    pub(super) fn live(&self, now: Instant) -> Live {
        let mut groups = self.lock();
        groups.sweep(now);
        Live {
            http: live(&groups.http, now),
            tcp: live(&groups.tcp, now),
            decisions: live(&groups.decisions, now),
        }
    }
}

/// Rendered labels and what is counted for them.
pub(super) type Series<T> = (Arc<str>, Arc<T>);

/// The series that somebody touched lately.
pub(super) struct Live {
    pub http: Vec<Series<HttpMetrics>>,
    pub tcp: Vec<Series<TcpMetrics>>,
    pub decisions: Vec<Series<DecisionMetrics>>,
}

fn live<T>(groups: &BTreeMap<Arc<str>, Group<T>>, now: Instant) -> Vec<Series<T>> {
    let live = groups.iter().filter(|(_, group)| !group.is_idle(now));
    live.map(|(labels, group)| (Arc::clone(labels), Arc::clone(&group.metrics))).collect()
}

impl Groups {
    fn sweep(&mut self, now: Instant) {
        self.http.retain(|_, group| {
            group.note(group.metrics.activity(), now);
            group.is_held() || !group.is_idle(now)
        });
        self.tcp.retain(|_, group| {
            if group.metrics.open.load(Relaxed) > 0 {
                group.touched = now;
            }
            group.note(group.metrics.activity(), now);
            group.is_held() || !group.is_idle(now)
        });
        self.decisions.retain(|_, group| {
            group.note(group.metrics.count(), now);
            group.is_held() || !group.is_idle(now)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CloseReason, Party, Protocol};
    use super::*;

    fn labels(pod: &str) -> Labels<'_> {
        let destination = Party { pod, ..Party::default() };
        Labels {
            direction: Direction::Outbound,
            source: Party::default(),
            destination,
            service: "",
            tls: false,
        }
    }

    fn requests(registry: &Registry) -> u64 {
        let http = registry.http(&labels("a"));
        http.protocols().map(|(_, metrics)| metrics.requests.load(Relaxed)).sum()
    }

    fn live(registry: &Registry, now: Instant) -> (usize, usize) {
        let live = registry.live(now);
        (live.http.len(), live.tcp.len())
    }

    #[test]
    fn series_that_nobody_touches_go_and_come_back_with_their_count() {
        let registry = Registry::default();
        let http = registry.http(&labels("a"));
        http.request(Protocol::Http1);
        let start = Instant::now();
        assert_eq!(live(&registry, start), (1, 0));
        assert_eq!(live(&registry, start + IDLE_TIME), (0, 0));
        http.request(Protocol::Http1);
        assert_eq!(live(&registry, start + IDLE_TIME), (1, 0));
        assert_eq!(requests(&registry), 2);
    }

    #[test]
    fn idle_series_that_nobody_holds_are_forgotten() {
        let registry = Registry::default();
        registry.http(&labels("a")).request(Protocol::Http1);
        let start = Instant::now();
        live(&registry, start);
        live(&registry, start + IDLE_TIME);
        assert_eq!(requests(&registry), 0);
    }

    #[test]
    fn open_connections_keep_their_series() {
        let registry = Registry::default();
        let tcp = registry.tcp(Peer::Source, &labels("a"));
        tcp.opened();
        let later = Instant::now() + IDLE_TIME * 3;
        assert_eq!(live(&registry, later), (0, 1));
        tcp.closed(CloseReason::Complete);
        assert_eq!(live(&registry, later + IDLE_TIME / 2), (0, 1));
        assert_eq!(live(&registry, later + IDLE_TIME * 2), (0, 0));
    }
}
