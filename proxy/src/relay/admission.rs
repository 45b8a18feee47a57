//! Whether a client's requests, and its connection as a whole, may reach the application.

use std::borrow::Cow;

use super::http::{Client, Side};
use crate::http1::RequestHead;
use crate::permission::{self, Call, Denial, Grant, HttpCall, Refusal};

impl Client {
    /// Decides about a request, and keeps what allows it.
    ///
    /// # Errors
    /// It is refused.
    #[inline]
    pub(super) fn admit(&mut self, request: &RequestHead) -> Result<(), Refusal> {
        if !matches!(self.side, Side::Inbound(_)) {
            return Ok(());
        }
        if !permission::is_open(&self.worker, self.peer.identity()) {
            self.decide(request)?;
        }
        self.allow(request);
        Ok(())
    }

    #[cold]
    fn decide(&self, request: &RequestHead) -> Result<(), Refusal> {
        let head = self.peer.received.bytes();
        let [method, path]: [Cow<'_, str>; 2] =
            [request.method_name(head), request.path(head)].map(String::from_utf8_lossy);
        let http = Some(HttpCall { method: &method, path: &path });
        self.connection().map_or(Ok(()), |call| permission::admit(&self.worker, &Call { http, ..call }))
    }

    fn allow(&mut self, request: &RequestHead) {
        if self.grant.is_none() {
            self.grant = self.connection().map(|call| Box::new(Grant::new(&self.worker, &call)));
        }
        if let Some(grant) = &mut self.grant {
            let head = self.peer.received.bytes();
            grant.is_of_request(request.method_name(head), request.path(head));
        }
    }

    /// Decides again about a request that was admitted, for there may be another policy since.
    ///
    /// # Errors
    /// It is allowed no longer.
    #[inline]
    pub(super) fn readmit(&mut self) -> Result<(), Refusal> {
        self.grant.as_mut().map_or(Ok(()), |grant| grant.check()).map_err(Refusal::Denied)
    }

    /// The connection as a whole, when it is one to the application.
    fn connection(&self) -> Option<Call<'_>> {
        let port = self.side.port()?;
        Some(Call { port, identity: self.peer.identity(), client: self.address, http: None })
    }

    /// Whether the connection as a whole would be admitted.
    pub fn may_pass_through(&self) -> bool {
        self.connection().is_none_or(|call| self.worker.guard.would_allow(&call))
    }

    /// Decides about the connection as a whole. There is no grant where nobody needs one.
    ///
    /// # Errors
    /// It is refused.
    pub fn admit_connection(&self) -> Result<Option<Box<Grant>>, Denial> {
        let Some(call) = self.connection() else { return Ok(None) };
        self.worker.guard.check(&call)?;
        Ok(Some(Box::new(Grant::new(&self.worker, &call))))
    }
}
