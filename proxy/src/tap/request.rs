//! Reporting a request: at its start, at its response and at its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::observers::{Observer, Observers};
use crate::config::Identity;
use crate::destination::Endpoint;
use crate::direction::Direction;
use crate::error::ProxyError;
use crate::proto::{self, End, Peer, RequestStart, ResponseStart, TapEvent, tap_event::Event};

/// A worker's way to those who watch.
#[derive(Debug)]
pub struct Tap {
    observers: Arc<Observers>,
    /// This proxy, as one end of every request.
    local: Peer,
}

/// A request as the relay knows it when it has chosen an endpoint (or knows that there is none).
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub direction: Direction,
    pub client: SocketAddr,
    pub endpoint: Option<&'a Endpoint>,
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    pub authority: &'a str,
    /// Path and query as they were sent.
    pub path: &'a str,
    /// `HTTP/1.0` or `HTTP/1.1`.
    pub version: &'static str,
}

/// The two ends of a request.
#[derive(Debug, Clone)]
pub(super) struct Parties {
    pub source: Peer,
    pub destination: Peer,
}

impl Tap {
    pub(crate) fn new(identity: &Identity, observers: Arc<Observers>) -> Self {
        let local = Peer {
            namespace: identity.namespace.clone(),
            workload: Some(proto::Workload {
                kind: identity.workload_kind.clone(),
                name: identity.workload.clone(),
            }),
            pod: identity.name.clone(),
            ..Peer::default()
        };
        Self { observers, local }
    }

    /// True while somebody watches. Ask this first, and call `request` only then.
    #[inline]
    pub fn active(&self) -> bool {
        self.observers.are_there()
    }

    /// Reports a request to those whose filter it matches; none when no observer wants it.
    pub fn request(&self, request: &Request<'_>) -> Option<Box<TappedRequest>> {
        let parties = self.parties(request);
        let observers = self.observers.interested(request, &parties);
        if observers.is_empty() {
            return None;
        }
        let direction = match request.direction {
            Direction::Inbound => proto::Direction::Inbound,
            Direction::Outbound => proto::Direction::Outbound,
        };
        let tapped = TappedRequest { id: self.observers.next_request_id(), direction, parties, observers };
        tapped.report(Event::Request(RequestStart {
            method: request.method.to_owned(),
            scheme: request.scheme.to_owned(),
            authority: request.authority.to_owned(),
            path: request.path.to_owned(),
            version: request.version.to_owned(),
        }));
        Some(Box::new(tapped))
    }

    fn parties(&self, request: &Request<'_>) -> Parties {
        let client = Some(socket_address(request.client));
        let source = match request.direction {
            Direction::Outbound => Peer { address: client, ..self.local.clone() },
            Direction::Inbound => Peer { address: client, ..Peer::default() },
        };
        Parties { source, destination: request.endpoint.map(destination).unwrap_or_default() }
    }
}

fn destination(endpoint: &Endpoint) -> Peer {
    let info = &endpoint.info;
    let is_workload_known = !info.workload.is_empty();
    Peer {
        address: Some(socket_address(info.address)),
        namespace: info.namespace.clone(),
        workload: is_workload_known
            .then(|| proto::Workload { kind: info.workload_kind.clone(), name: info.workload.clone() }),
        pod: info.pod.clone(),
        service: endpoint.service.name.clone(),
        tls: false,
    }
}

fn socket_address(address: SocketAddr) -> proto::SocketAddress {
    proto::SocketAddress { ip: address.ip().to_string(), port: address.port().into() }
}

/// A request that somebody watches. Report its response and its end.
#[derive(Debug)]
pub struct TappedRequest {
    id: u64,
    direction: proto::Direction,
    parties: Parties,
    observers: Vec<Arc<Observer>>,
}

impl TappedRequest {
    /// Reports the response's head. `latency` is counted from the end of the request's head.
    pub fn response(&mut self, status: u16, latency: Duration, proxy_error: Option<ProxyError>) {
        self.report(Event::Response(ResponseStart {
            status: status.into(),
            latency: protobuf_duration(latency),
            proxy_error: proxy_error.map_or("", ProxyError::reason).to_owned(),
        }));
    }

    /// Reports the end of the exchange. `duration` is counted from the end of the request's head to the last byte of the
    /// response; the bytes are those of the bodies; `error` tells why it ended before its time (`client-closed`,
    /// `upstream-reset`).
    pub fn end(
        self,
        duration: Duration,
        request_bytes: u64,
        response_bytes: u64,
        error: Option<&'static str>,
    ) {
        self.report(Event::End(End {
            duration: protobuf_duration(duration),
            request_bytes,
            response_bytes,
            error: error.unwrap_or_default().to_owned(),
        }));
    }

    fn report(&self, event: Event) {
        let event = TapEvent {
            request_id: self.id,
            time: Some(SystemTime::now().into()),
            direction: self.direction.into(),
            source: Some(self.parties.source.clone()),
            destination: Some(self.parties.destination.clone()),
            dropped: 0,
            event: Some(event),
        };
        for observer in &self.observers {
            observer.send(event.clone());
        }
    }
}

/// None for a duration beyond what the message holds, which is centuries.
fn protobuf_duration(duration: Duration) -> Option<prost_types::Duration> {
    duration.try_into().ok()
}
