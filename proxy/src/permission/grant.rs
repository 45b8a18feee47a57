//! What was allowed and is under way.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::admission::readmit;
use super::guard::Edition;
use super::policy::{Call, Denial, HttpCall};
use crate::worker::Worker;

/// So much memory for method and path stays with a connection between two requests.
const USUAL: usize = 512;

/// That a connection, or a request on it, was allowed. Asked for again whenever there is another policy.
pub struct Grant {
    worker: Rc<Worker>,
    port: u16,
    identity: Option<Arc<str>>,
    client: SocketAddr,
    edition: Edition,
    is_http: bool,
    /// Method and path of the request, as they were sent.
    request: Vec<u8>,
    method: usize,
}

impl Grant {
    /// That of a connection, which was allowed just now.
    pub fn new(worker: &Rc<Worker>, connection: &Call<'_>) -> Self {
        Self {
            port: connection.port,
            identity: connection.identity.cloned(),
            client: connection.client,
            edition: worker.guard.edition(),
            worker: Rc::clone(worker),
            is_http: false,
            request: Vec::new(),
            method: 0,
        }
    }

    /// From now on that of a request, which was allowed just now. Its memory is that of the request before.
    pub fn is_of_request(&mut self, method: &[u8], path: &[u8]) {
        self.edition = self.worker.guard.edition();
        self.is_http = true;
        self.request.clear();
        self.request.shrink_to(USUAL);
        self.request.extend_from_slice(method);
        self.request.extend_from_slice(path);
        self.method = method.len();
    }

    /// Whether it is allowed still. Costs a look while the policy stays.
    ///
    /// # Errors
    /// It no longer is.
    #[inline]
    pub fn check(&mut self) -> Result<(), Denial> {
        if self.edition == self.worker.guard.edition() { Ok(()) } else { self.check_again() }
    }

    #[cold]
    fn check_again(&mut self) -> Result<(), Denial> {
        self.edition = self.worker.guard.edition();
        let (method, path) = self.request.split_at(self.method);
        let [method, path]: [Cow<'_, str>; 2] = [method, path].map(String::from_utf8_lossy);
        let http = self.is_http.then_some(HttpCall { method: &method, path: &path });
        let Self { port, client, .. } = *self;
        let call = Call { port, identity: self.identity.as_ref(), client, http };
        readmit(&self.worker, &call)
    }
}
