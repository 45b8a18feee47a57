//! What was decided about calls to the application.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::labels::{Party, rendered};

/// What a permission, or the default, made of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    Allow,
    Deny,
    /// It took note, and decided nothing.
    Audit,
}

impl Decision {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Audit => "audit",
        }
    }
}

/// What decisions are told apart by. An empty string means none.
#[derive(Debug, Clone, Copy)]
pub struct DecisionLabels<'a> {
    pub destination: Party<'a>,
    /// `NAMESPACE/NAME`
    pub permission: &'a str,
    pub decision: Decision,
    pub client_identity: &'a str,
}

impl DecisionLabels<'_> {
    /// The labels in Prometheus's text form, without braces.
    pub(super) fn render(&self) -> String {
        let pairs = [
            ("dst_namespace", self.destination.namespace),
            ("dst_workload", self.destination.workload),
            ("dst_workload_kind", self.destination.workload_kind),
            ("dst_service", ""),
            ("dst_pod", self.destination.pod),
            ("permission", self.permission),
            ("action", self.decision.label()),
            ("client_identity", self.client_identity),
        ];
        rendered(&pairs)
    }
}

/// The decisions of one set of labels.
#[derive(Debug, Default)]
pub struct DecisionMetrics(AtomicU64);

impl DecisionMetrics {
    /// Counts one.
    pub fn decided(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub(super) fn count(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
