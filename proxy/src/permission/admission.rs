//! Whether a request reaches the application: by its port's mode, and by the policy.

use std::sync::Arc;

use super::policy::{Call, Denial, HttpCall};
use crate::config::InboundTls;
use crate::error::ProxyError;
use crate::worker::Worker;

/// Why a request does not reach the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// In strict mode a client must prove who it is.
    IdentityRequired,
    Denied(Denial),
}

impl Refusal {
    /// What its client is told.
    pub fn error(&self) -> ProxyError {
        match self {
            Self::IdentityRequired => ProxyError::IdentityRequired,
            Self::Denied(_) => ProxyError::PermissionDenied,
        }
    }
}

/// Whether every request of a client with this identity reaches the application. Needs no more than two looks.
#[inline]
pub fn is_open(worker: &Worker, identity: Option<&Arc<str>>) -> bool {
    worker.guard.allows_everything()
        && (identity.is_some() || worker.config.inbound_tls == InboundTls::Permissive)
}

/// Decides about a request. Probes of kubelet, which has no identity, always reach the application.
///
/// # Errors
/// It is refused.
pub fn admit(worker: &Worker, call: &Call<'_>) -> Result<(), Refusal> {
    if is_probe(worker, call) {
        return Ok(());
    }
    if call.identity.is_none() && worker.config.inbound_tls == InboundTls::Strict {
        return Err(Refusal::IdentityRequired);
    }
    worker.guard.check(call).map_err(Refusal::Denied)
}

/// Decides again about a call that was admitted and is under way, for there is another policy. Only that it is refused is counted.
///
/// # Errors
/// It is allowed no longer.
#[cold]
pub fn readmit(worker: &Worker, call: &Call<'_>) -> Result<(), Denial> {
    if is_probe(worker, call) { Ok(()) } else { worker.guard.check_again(call) }
}

fn is_probe(worker: &Worker, call: &Call<'_>) -> bool {
    let is_asked = |http: HttpCall<'_>| worker.config.probes.contain(call.port, http.method, http.path);
    call.identity.is_none() && call.http.is_some_and(is_asked)
}
