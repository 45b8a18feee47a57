//! Every series of the proxy.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{HttpMetrics, Labels, Peer, TcpMetrics};

/// Hands out the handles by their labels.
#[derive(Debug, Default)]
pub struct Registry {
    series: Mutex<Series>,
}

#[derive(Debug, Default)]
struct Series {
    http: BTreeMap<String, Arc<HttpMetrics>>,
    tcp: BTreeMap<String, Arc<TcpMetrics>>,
}

impl Registry {
    /// The HTTP counters of these labels.
    pub fn http(&self, labels: &Labels<'_>) -> Arc<HttpMetrics> {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(series.http.entry(labels.render()).or_default())
    }

    /// The TCP counters of these labels, for connections to `peer`.
    pub fn tcp(&self, peer: Peer, labels: &Labels<'_>) -> Arc<TcpMetrics> {
        let key = format!("peer=\"{}\",{}", peer.label(), labels.render());
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(series.tcp.entry(key).or_default())
    }
}
