//! The labels of traffic.

use std::fmt::Write;

use super::text::escape;
use crate::config::Identity;
use crate::direction::Direction;

/// Whose traffic a series counts. An empty string means unknown.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    pub direction: Direction,
    pub source: Party<'a>,
    pub destination: Party<'a>,
    /// The service through which the destination was named.
    pub service: &'a str,
    pub tls: bool,
}

/// One end of traffic.
#[derive(Debug, Clone, Copy, Default)]
pub struct Party<'a> {
    pub namespace: &'a str,
    pub workload: &'a str,
    pub workload_kind: &'a str,
    pub pod: &'a str,
}

impl<'a> Party<'a> {
    /// Somebody of whom no more is known.
    pub fn of_namespace(namespace: &'a str) -> Self {
        Self { namespace, ..Self::default() }
    }
}

impl<'a> From<&'a Identity> for Party<'a> {
    fn from(identity: &'a Identity) -> Self {
        Self {
            namespace: &identity.namespace,
            workload: &identity.workload,
            workload_kind: &identity.workload_kind,
            pod: &identity.name,
        }
    }
}

impl Labels<'_> {
    /// The labels in Prometheus's text form, without braces.
    pub(super) fn render(&self) -> String {
        let direction = match self.direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        };
        let pairs = [
            ("direction", direction),
            ("dst_namespace", self.destination.namespace),
            ("dst_workload", self.destination.workload),
            ("dst_workload_kind", self.destination.workload_kind),
            ("dst_service", self.service),
            ("dst_pod", self.destination.pod),
            ("src_namespace", self.source.namespace),
            ("src_workload", self.source.workload),
            ("src_workload_kind", self.source.workload_kind),
            ("src_pod", self.source.pod),
            ("tls", if self.tls { "true" } else { "false" }),
        ];
        rendered(&pairs)
    }
}

/// Labels in Prometheus's text form, without braces.
pub(super) fn rendered(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        let separator = if text.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{name}=\"");
        escape(value, &mut text);
        text.push('"');
    }
    text
}
