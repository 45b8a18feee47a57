//! What passes between the workers and the control thread about destinations.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::config::Identity;
use crate::proto;

/// A worker's number, from 0.
pub type WorkerId = usize;

/// What a worker wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The state of an authority, and every change from now on.
    Subscribe { worker: WorkerId, authority: Arc<str> },
    /// Nothing more about it.
    Release { worker: WorkerId, authority: Arc<str> },
}

/// What a worker is told of an authority.
#[derive(Debug, Clone)]
pub enum Update {
    /// The full state; it replaces what was known.
    Snapshot { authority: Arc<str>, service: Arc<ServiceName>, endpoints: Arc<[Arc<EndpointInfo>]> },
    /// There is no such service.
    Unknown { authority: Arc<str> },
    /// The difference to the last state. An added endpoint may have the address of one that is known and replaces it then.
    Change { authority: Arc<str>, added: Arc<[Arc<EndpointInfo>]>, removed: Arc<[SocketAddr]> },
}

impl Update {
    /// The authority that the update is about.
    pub fn authority(&self) -> &str {
        match self {
            Self::Snapshot { authority, .. }
            | Self::Unknown { authority }
            | Self::Change { authority, .. } => authority,
        }
    }
}

/// A service's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceName {
    pub namespace: String,
    pub name: String,
}

/// What the control plane knows of an endpoint. An empty string means unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointInfo {
    pub address: SocketAddr,
    pub namespace: String,
    pub workload_kind: String,
    pub workload: String,
    pub pod: String,
    /// True when a proxy of the mesh listens at the address.
    pub meshed: bool,
}

impl EndpointInfo {
    /// The endpoint that a proxy's own application is.
    pub fn application(address: SocketAddr, identity: &Identity) -> Self {
        Self {
            address,
            namespace: identity.namespace.clone(),
            workload_kind: identity.workload_kind.clone(),
            workload: identity.workload.clone(),
            pod: identity.name.clone(),
            meshed: true,
        }
    }

    /// None when the endpoint has no usable address.
    pub(super) fn from_proto(endpoint: proto::Endpoint) -> Option<Self> {
        let address = socket_address(endpoint.address.as_ref()?)?;
        let workload = endpoint.workload.unwrap_or_default();
        Some(Self {
            address,
            namespace: endpoint.namespace,
            workload_kind: workload.kind,
            workload: workload.name,
            pod: endpoint.pod,
            meshed: endpoint.meshed,
        })
    }
}

/// None when it is no IP address, or the port is none.
pub(super) fn socket_address(address: &proto::SocketAddress) -> Option<SocketAddr> {
    let ip: IpAddr = address.ip.parse().ok()?;
    let port = u16::try_from(address.port).ok().filter(|port| *port != 0)?;
    Some(SocketAddr::new(ip, port))
}
