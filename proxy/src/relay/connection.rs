//! A client whose bytes are not read as requests: the connection as a whole goes to one endpoint.

use std::rc::Rc;
use std::time::Instant;

use super::http::{Client, Side};
use super::route::{self, Link, Original, Target};
use crate::destination::Endpoint;
use crate::direction::Direction;
use crate::error::ProxyError;
use crate::listener::Protocol;
use crate::metrics::{Handshake, TlsRoute};
use crate::permission::namespace;
use crate::tap::{Request, TappedRequest};
use crate::tls::HandshakeError;

/// What a client of ours that speaks TLS to the proxy itself must mean, for it names no port (RFC 9110, section 4.2.2).
const TLS_PORT: u16 = 443;

async fn link(target: &Target) -> Result<Link, ProxyError> {
    let link = target.link().await?;
    link.in_flight.endpoint().took_connection();
    Ok(link)
}

impl Client {
    /// Whether the connection was meant to go elsewhere and is here without its client's knowledge.
    pub fn is_redirected(&self) -> bool {
        matches!(self.side, Side::Redirected(_))
    }

    /// The application that the client wants, where it wants that.
    pub fn application(&self) -> Option<&Rc<Endpoint>> {
        match &self.side {
            Side::Inbound(application) => Some(application),
            Side::Outbound | Side::Redirected(_) => None,
        }
    }

    /// Whether the client may be a proxy of the mesh: it wants the application, and this proxy has an identity, or will have.
    pub fn may_be_of_mesh(&self) -> bool {
        matches!(self.side, Side::Inbound(_))
            && !self.peer.is_secured()
            && self.worker.config.trust_roots.is_some()
    }

    /// Makes the handshake with a client whose hello was read. What it does is counted as secured from then on.
    ///
    /// # Errors
    /// One side does not believe the other, or the connection broke.
    pub async fn secure(&mut self) -> Result<(), HandshakeError> {
        let secured = match self.worker.credentials() {
            Some(credentials) => self.peer.accept_secured(&credentials).await,
            None => Err(HandshakeError::NoCertificate("the proxy has no certificate yet")),
        };
        self.worker.identity().shook(Direction::Inbound, Handshake::of(&secured));
        secured?;
        let identity = self.peer.identity().cloned();
        self.peer.counts_by(&self.worker.clients(Direction::Inbound, identity.as_ref()).tcp);
        if let Side::Inbound(application) = &mut self.side {
            let namespace = identity.as_deref().and_then(namespace).unwrap_or_default();
            *application = application.secured(namespace);
        }
        Ok(())
    }

    /// A new connection to where the whole of this one goes.
    ///
    /// # Errors
    /// No endpoint, or none that takes a connection.
    pub async fn link_connection(&self) -> Result<Link, ProxyError> {
        match &self.side {
            // What the client means stands in its requests alone.
            Side::Outbound => Err(ProxyError::NotRoutable),
            Side::Redirected(original) => link(&route::find_original(&self.worker, original).await?).await,
            Side::Inbound(application) => link(&Target::Endpoint(Rc::clone(application))).await,
        }
    }

    /// A new connection to where TLS goes: to where it was meant to go, when that is an address of the mesh; or to the service that
    /// is called as the server that the client names, when there is one; or straight on.
    ///
    /// # Errors
    /// No endpoint, or none that takes a connection.
    pub async fn link_tls(&self, server_name: Option<&str>) -> Result<Link, ProxyError> {
        match &self.side {
            Side::Outbound => {
                let authority = format!("{}:{TLS_PORT}", server_name.ok_or(ProxyError::NotRoutable)?);
                let target = route::find(&self.worker, &authority).await?;
                self.worker.tls().routed(TlsRoute::ServerName);
                link(&target).await
            }
            Side::Redirected(original) => {
                let target = route::find_original(&self.worker, original).await?;
                match self.named_instead(original, &target, server_name).await {
                    Some(named) => link(&named).await,
                    None => link(&target).await,
                }
            }
            Side::Inbound(_) => self.link_connection().await,
        }
    }

    /// What `link_tls` would give, for a client whose connection was linked before it was heard: `link` itself, or another one.
    pub async fn relink_tls(&self, link: Link, server_name: Option<&str>) -> Link {
        let Side::Redirected(original) = &self.side else { return link };
        let target = Target::Endpoint(Rc::clone(link.in_flight.endpoint()));
        match self.named_instead(original, &target, server_name).await {
            Some(named) => self::link(&named).await.unwrap_or(link),
            None => link,
        }
    }

    /// The service that is meant by a server's name when `target` is just the address that the connection was meant for.
    async fn named_instead(
        &self,
        original: &Original,
        target: &Target,
        server_name: Option<&str>,
    ) -> Option<Target> {
        let goes_straight_on = matches!(target, Target::Endpoint(endpoint) if original.is(endpoint));
        let named = match server_name {
            Some(name) if goes_straight_on => {
                route::find_named(&self.worker, name, original.address().port()).await
            }
            _ => None,
        };
        self.worker.tls().routed(match named {
            Some(_) => TlsRoute::ServerName,
            None if goes_straight_on => TlsRoute::Unknown,
            None => TlsRoute::OriginalDestination,
        });
        named
    }

    /// Counts how long it took to tell what the client speaks.
    pub fn detected(&self, protocol: Protocol, accepted: Instant) {
        self.worker.detection(self.side.direction()).observe(protocol, accepted.elapsed());
    }

    /// Reports a connection to those who tap, as a request of which only the scheme and perhaps the authority are known.
    pub fn tap_connection(
        &self,
        endpoint: &Endpoint,
        scheme: &str,
        server_name: &str,
    ) -> Option<Box<TappedRequest>> {
        self.worker.tap.request(&Request {
            direction: self.side.direction(),
            client: self.address,
            client_identity: self.peer.identity().map(|identity| &**identity),
            endpoint: Some(endpoint),
            method: "",
            scheme,
            authority: server_name,
            path: "",
            version: "",
            protocol: None,
        })
    }
}
