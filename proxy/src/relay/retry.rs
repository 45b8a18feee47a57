//! The attempts to get one request answered.

use super::exchange::Lost;
use super::route::{Choice, Target, Tried};
use crate::destination::Endpoint;
use crate::error::ProxyError;
use crate::metrics::{CloseReason, Limit, Retry};
use crate::worker::Worker;

/// What was tried so far.
pub struct Attempts {
    pub choice: Choice,
    pub tried: Tried,
    /// An application may have seen the request.
    was_seen: bool,
}

impl Attempts {
    pub fn new(target: &Target) -> Self {
        if let Some(budget) = target.retry_budget() {
            budget.earn();
        }
        Self { choice: Choice::Any, tried: Tried::new(), was_seen: false }
    }

    /// Whether a request that was lost at `endpoint` is sent again; `reused` says that the connection served others before. What
    /// nobody has seen goes wherever it can; the rest, which can stand it, as far as the service's budget reaches.
    pub fn go_on(
        &mut self,
        lost: Lost,
        endpoint: &Endpoint,
        reused: bool,
        target: &Target,
        worker: &Worker,
    ) -> bool {
        let was_kept = lost.was_kept(reused);
        match was_kept {
            true => self.choice = Choice::New,
            false => self.tried.push(endpoint.address()),
        }
        let is_seen = matches!(lost, Lost::Reset | Lost::Unanswered);
        self.was_seen |= is_seen;
        if !target.has_another(&self.tried) || (is_seen && !within_budget(target, worker)) {
            return false;
        }
        if !was_kept {
            endpoint.failed();
        }
        endpoint.http().retried(lost.into());
        true
    }

    /// Whether an application may have seen the request.
    pub fn was_seen(&self) -> bool {
        self.was_seen
    }

    /// What to tell of a request for which there is no connection (any more). Once an application may have seen it, nobody is to
    /// think otherwise.
    pub fn error(&self, no_link: ProxyError) -> ProxyError {
        if self.was_seen { ProxyError::UpstreamReset } else { no_link }
    }
}

fn within_budget(target: &Target, worker: &Worker) -> bool {
    let is_within = target.retry_budget().is_none_or(|budget| budget.spend());
    if !is_within {
        worker.limits().reached(Limit::RetryBudget);
    }
    is_within
}

impl Lost {
    /// Whether a connection that served others before (`reused`) has come to its end: a server closes one that it kept when it
    /// likes, which says nothing of the endpoint.
    pub fn was_kept(self, reused: bool) -> bool {
        reused && matches!(self, Self::Unwritten | Self::Reset)
    }

    /// How the connection ended.
    pub fn close_reason(self) -> CloseReason {
        match self {
            Self::Unwritten | Self::Reset => CloseReason::Reset,
            Self::Unreached | Self::Unanswered => CloseReason::Complete,
        }
    }
}

impl From<Lost> for Retry {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Unwritten => Self::Unwritten,
            Lost::Reset => Self::Reset,
            Lost::Unreached => Self::Unreached,
            Lost::Unanswered => Self::Unanswered,
        }
    }
}
