//! The policy of the moment, as a worker keeps to it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::policy::{Call, Denial, HttpCall, Policy, Verdict};
use crate::config::Identity;
use crate::metrics::{Decision, DecisionLabels, DecisionMetrics, Party, Registry};

/// The same decision about the same caller is logged this often at most.
const LOG_INTERVAL: Duration = Duration::from_secs(10);
/// So many counters are kept at hand: more than a policy and its callers need, unless there are very many.
const MAX_COUNTERS: usize = 1024;

/// Tells one policy from those before and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edition(u64);

impl Edition {
    /// Before the first policy.
    const NONE: Self = Self(0);
}

/// Decides about calls, counts and logs what it decides.
pub struct Guard {
    policy: RefCell<Arc<Policy>>,
    allows_everything: Cell<bool>,
    edition: Cell<Edition>,
    /// Wakes those who wait for the first.
    first: Notify,
    counters: RefCell<HashMap<Key, Counter>>,
    own: Identity,
    registry: Arc<Registry>,
}

/// A decision, the permission that made it, and whom it is about.
type Key = (Decision, Option<Arc<str>>, Option<Arc<str>>);

struct Counter {
    metrics: Arc<DecisionMetrics>,
    logged: Cell<Option<Instant>>,
}

impl Guard {
    /// One that allows everything until it is told otherwise; `own` is whom the calls are for.
    pub fn new(own: Identity, registry: Arc<Registry>) -> Self {
        Self {
            policy: RefCell::default(),
            allows_everything: Cell::new(true),
            edition: Cell::new(Edition::NONE),
            first: Notify::new(),
            counters: RefCell::default(),
            own,
            registry,
        }
    }

    /// From now on this is in force. Returns what was before.
    pub fn replace(&self, policy: Arc<Policy>) -> Arc<Policy> {
        self.allows_everything.set(policy.allows_everything());
        let former = self.policy.replace(policy);
        self.edition.set(Edition(self.edition.get().0 + 1));
        self.counters.borrow_mut().clear();
        self.first.notify_waiters();
        former
    }

    /// That of the policy in force. Needs no more than a look.
    #[inline]
    pub fn edition(&self) -> Edition {
        self.edition.get()
    }

    /// Resolves when there is a policy, at once when there is.
    pub async fn informed(&self) {
        if self.edition() == Edition::NONE {
            self.first.notified().await;
        }
    }

    /// True while nobody needs to ask. Needs no more than a look.
    #[inline]
    pub fn allows_everything(&self) -> bool {
        self.allows_everything.get()
    }

    /// Whether a call would be allowed; nothing is counted.
    pub fn would_allow(&self, call: &Call<'_>) -> bool {
        self.allows_everything() || matches!(self.policy.borrow().verdict(call), Verdict::Allowed(_))
    }

    /// Decides about a call.
    ///
    /// # Errors
    /// It is refused.
    pub fn check(&self, call: &Call<'_>) -> Result<(), Denial> {
        if self.allows_everything() {
            return Ok(());
        }
        let policy = self.policy.borrow();
        for permission in policy.audits(call) {
            self.note(Decision::Audit, Some(permission), call);
        }
        match policy.verdict(call) {
            Verdict::Allowed(permission) => {
                self.note(Decision::Allow, permission.as_ref(), call);
                Ok(())
            }
            Verdict::Denied(denial) => {
                self.note_denial(&denial, call);
                Err(denial)
            }
        }
    }

    /// Decides again about a call that was allowed by another policy; it is counted only when it is refused.
    ///
    /// # Errors
    /// It is allowed no longer.
    pub fn check_again(&self, call: &Call<'_>) -> Result<(), Denial> {
        match self.policy.borrow().verdict(call) {
            Verdict::Allowed(_) => Ok(()),
            Verdict::Denied(denial) => {
                self.note_denial(&denial, call);
                Err(denial)
            }
        }
    }

    fn note_denial(&self, denial: &Denial, call: &Call<'_>) {
        let permission = match denial {
            Denial::By(permission) => Some(permission),
            Denial::NotAllowed | Denial::ByDefault => None,
        };
        self.note(Decision::Deny, permission, call);
    }

    fn note(&self, decision: Decision, permission: Option<&Arc<str>>, call: &Call<'_>) {
        let mut counters = self.counters.borrow_mut();
        if counters.len() >= MAX_COUNTERS {
            counters.clear();
        }
        let counter = counters
            .entry((decision, permission.cloned(), call.identity.cloned()))
            .or_insert_with(|| self.counter(decision, permission, call.identity));
        counter.metrics.decided();
        if decision != Decision::Allow {
            counter.log(decision, permission, call);
        }
    }

    fn counter(
        &self,
        decision: Decision,
        permission: Option<&Arc<str>>,
        identity: Option<&Arc<str>>,
    ) -> Counter {
        let labels = DecisionLabels {
            destination: Party::from(&self.own),
            permission: permission.map_or("", |permission| permission),
            decision,
            client_identity: identity.map_or("", |identity| identity),
        };
        Counter { metrics: self.registry.decisions(&labels), logged: Cell::new(None) }
    }
}

impl Counter {
    fn log(&self, decision: Decision, permission: Option<&Arc<str>>, call: &Call<'_>) {
        let now = Instant::now();
        if self.logged.get().is_some_and(|last| now - last < LOG_INTERVAL) {
            return;
        }
        self.logged.set(Some(now));
        let http = call.http.unwrap_or(HttpCall { method: "", path: "" });
        tracing::info!(
            permission = permission.map_or("", |permission| &**permission),
            action = decision.label(),
            client_identity = call.identity.map_or("", |identity| &**identity),
            client = %call.client,
            port = call.port,
            method = http.method,
            path = http.path,
            "permission decided; more of the same is logged once in ten seconds"
        );
    }
}
