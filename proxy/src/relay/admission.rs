//! Whether a client's requests, and its connection as a whole, may reach the application.

use std::borrow::Cow;

use super::http::{Client, Side};
use crate::destination::Endpoint;
use crate::http1::{Method, RequestHead};
use crate::permission::{self, Call, Denial, Grant, HttpCall, Refusal};

impl Client {
    /// Decides about a request.
    ///
    /// # Errors
    /// It is refused.
    #[inline]
    pub(super) fn admit(&self, request: &RequestHead) -> Result<(), Refusal> {
        match &self.side {
            Side::Inbound(application) if !permission::is_open(&self.worker, self.peer.identity()) => {
                self.request(application, request, |call| permission::admit(&self.worker, call))
            }
            _ => Ok(()),
        }
    }

    /// That a request which was admitted may become a tunnel, where it may.
    #[inline]
    pub(super) fn grant(&self, request: &RequestHead) -> Option<Grant> {
        match &self.side {
            Side::Inbound(application) if request.upgrade || request.method == Method::Connect => {
                Some(self.request(application, request, |call| Grant::new(&self.worker.guard, call)))
            }
            _ => None,
        }
    }

    #[cold]
    fn request<T>(
        &self,
        application: &Endpoint,
        request: &RequestHead,
        decide: impl FnOnce(&Call<'_>) -> T,
    ) -> T {
        let head = self.peer.received.bytes();
        let [method, path]: [Cow<'_, str>; 2] =
            [request.method_name(head), request.path(head)].map(String::from_utf8_lossy);
        let http = HttpCall { method: &method, path: &path };
        decide(&Call { http: Some(http), ..self.connection(application) })
    }

    fn connection(&self, application: &Endpoint) -> Call<'_> {
        Call {
            port: application.address().port(),
            identity: self.peer.identity(),
            client: self.address,
            http: None,
        }
    }

    /// Whether the connection as a whole would be admitted.
    pub fn may_pass_through(&self) -> bool {
        match &self.side {
            Side::Inbound(application) => self.worker.guard.would_allow(&self.connection(application)),
            Side::Outbound | Side::Redirected(_) => true,
        }
    }

    /// Decides about the connection as a whole. There is no grant where nobody needs one.
    ///
    /// # Errors
    /// It is refused.
    pub fn admit_connection(&self) -> Result<Option<Grant>, Denial> {
        let Side::Inbound(application) = &self.side else { return Ok(None) };
        let call = self.connection(application);
        self.worker.guard.check(&call)?;
        Ok(Some(Grant::new(&self.worker.guard, &call)))
    }
}
