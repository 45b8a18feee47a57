//! The policy of the moment, as a worker keeps to it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::policy::{Call, Denial, HttpCall, Policy, Verdict};
use crate::config::Identity;
use crate::metrics::{Decision, DecisionLabels, DecisionMetrics, Party, Registry};

/// The same decision about the same caller is logged this often at most.
const LOG_INTERVAL: Duration = Duration::from_secs(10);
/// So many counters are kept at hand: more than a policy and its callers need, unless there are very many.
const MAX_COUNTERS: usize = 1024;

/// Decides about calls, counts and logs what it decides.
pub struct Guard {
    policy: RefCell<Arc<Policy>>,
    allows_everything: Cell<bool>,
    /// Grows with every policy.
    edition: Cell<u64>,
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
            edition: Cell::new(0),
            counters: RefCell::default(),
            own,
            registry,
        }
    }

    /// From now on this is in force.
    pub fn replace(&self, policy: Arc<Policy>) {
        self.allows_everything.set(policy.allows_everything());
        self.policy.replace(policy);
        self.edition.set(self.edition.get() + 1);
        self.counters.borrow_mut().clear();
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

/// What was allowed and stays open for long: a tunnel, or a connection that is passed through. Asked for again whenever there is
/// another policy.
pub struct Grant {
    guard: Rc<Guard>,
    port: u16,
    identity: Option<Arc<str>>,
    client: SocketAddr,
    /// Method and path of the request that opened it.
    http: Option<(Box<str>, Box<str>)>,
    edition: u64,
}

impl Grant {
    /// That of a call which was allowed just now.
    pub fn new(guard: &Rc<Guard>, call: &Call<'_>) -> Self {
        Self {
            guard: Rc::clone(guard),
            port: call.port,
            identity: call.identity.cloned(),
            client: call.client,
            http: call.http.map(|http| (http.method.into(), http.path.into())),
            edition: guard.edition.get(),
        }
    }

    /// Whether it is allowed still. Costs a look while the policy stays.
    ///
    /// # Errors
    /// It no longer is.
    pub fn check(&mut self) -> Result<(), Denial> {
        if self.edition == self.guard.edition.get() {
            return Ok(());
        }
        self.edition = self.guard.edition.get();
        let http = self.http.as_ref().map(|(method, path)| HttpCall { method, path });
        let call = Call { port: self.port, identity: self.identity.as_ref(), client: self.client, http };
        match self.guard.policy.borrow().verdict(&call) {
            Verdict::Allowed(_) => Ok(()),
            Verdict::Denied(denial) => {
                self.guard.note_denial(&denial, &call);
                Err(denial)
            }
        }
    }
}
