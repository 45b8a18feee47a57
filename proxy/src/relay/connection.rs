//! A client whose bytes are not read as requests: the connection as a whole goes to one endpoint.

use std::rc::Rc;
use std::time::Instant;

use super::http::{Client, Side};
use super::route::{self, Choice, Link, Target, Tried};
use crate::destination::Endpoint;
use crate::error::ProxyError;
use crate::listener::Protocol;
use crate::tap::{Request, TappedRequest};

impl Client {
    /// Whether the connection was meant to go elsewhere and is here without its client's knowledge.
    pub fn is_redirected(&self) -> bool {
        matches!(self.side, Side::Redirected(_))
    }

    /// A new connection to where the whole of this one goes.
    ///
    /// # Errors
    /// No endpoint, or none that takes a connection.
    pub async fn link_connection(&self) -> Result<Link, ProxyError> {
        let target = match &self.side {
            // What the client means stands in its requests alone.
            Side::Outbound => return Err(ProxyError::NotRoutable),
            Side::Redirected(original) => route::find_original(&self.worker, original).await?,
            Side::Inbound(application) => Target::Endpoint(Rc::clone(application)),
        };
        let link = target.link(Choice::New, &mut Tried::new()).await?;
        link.in_flight.endpoint().took_connection();
        Ok(link)
    }

    /// Counts how long it took to tell what the client speaks.
    pub fn detected(&self, protocol: Protocol, accepted: Instant) {
        self.worker.detection(self.side.direction()).observe(protocol, accepted.elapsed());
    }

    /// Reports a connection with TLS to those who tap, as a request of which only the authority is known.
    pub fn tap_connection(&self, endpoint: &Endpoint, server_name: &str) -> Option<Box<TappedRequest>> {
        self.worker.tap.request(&Request {
            direction: self.side.direction(),
            client: self.address,
            endpoint: Some(endpoint),
            method: "",
            scheme: "https",
            authority: server_name,
            path: "",
            version: "",
        })
    }
}
