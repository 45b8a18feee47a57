//! What passes between the workers and the control thread about destinations.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::config::Identity;
use crate::proto;

/// A worker's number, from 0.
pub type WorkerId = usize;

/// What leads to a destination.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// What the application named: `host` or `host:port`, in lower case.
    Authority(Arc<str>),
    /// Where a redirected connection was meant to go.
    Original(SocketAddr),
}

impl Target {
    pub(super) fn to_proto(&self) -> proto::Target {
        use proto::target::Target;
        let target = match self {
            Self::Authority(authority) => Target::Authority(authority.to_string()),
            Self::Original(address) => Target::OriginalDestination(proto::SocketAddress {
                ip: address.ip().to_string(),
                port: address.port().into(),
            }),
        };
        proto::Target { target: Some(target) }
    }

    /// None when it is of a kind that we do not know, or makes no sense.
    pub(super) fn from_proto(target: Option<proto::Target>) -> Option<Self> {
        use proto::target::Target;
        match target?.target? {
            Target::Authority(authority) => Some(Self::Authority(authority.into())),
            Target::OriginalDestination(address) => socket_address(&address).map(Self::Original),
        }
    }
}

impl From<Arc<str>> for Target {
    fn from(authority: Arc<str>) -> Self {
        Self::Authority(authority)
    }
}

impl From<&str> for Target {
    fn from(authority: &str) -> Self {
        Self::Authority(authority.into())
    }
}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        Self::Original(address)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authority(authority) => authority.fmt(f),
            Self::Original(address) => address.fmt(f),
        }
    }
}

/// What a worker wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The state of a target, and every change from now on.
    Subscribe { worker: WorkerId, target: Target },
    /// Nothing more about it.
    Release { worker: WorkerId, target: Target },
}

/// What a worker is told of a target.
#[derive(Debug, Clone)]
pub enum Update {
    /// The full state; it replaces what was known.
    Snapshot { target: Target, service: Arc<ServiceName>, endpoints: Arc<[Arc<EndpointInfo>]> },
    /// There is no such service.
    Unknown { target: Target },
    /// The difference to the last state. An added endpoint may have the address of one that is known and replaces it then.
    Change { target: Target, added: Arc<[Arc<EndpointInfo>]>, removed: Arc<[SocketAddr]> },
}

impl Update {
    /// What the update is about.
    pub fn target(&self) -> &Target {
        match self {
            Self::Snapshot { target, .. } | Self::Unknown { target } | Self::Change { target, .. } => target,
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
    /// Whose it is. The endpoints of a service mostly share it.
    pub owner: Arc<Owner>,
    pub pod: Box<str>,
    /// True when a proxy of the mesh listens at the address.
    pub meshed: bool,
    /// What a proxy at the address must prove to be; none where it is spoken to in plain text.
    pub identity: Option<Arc<str>>,
}

/// The workload that endpoints belong to. An empty string means unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    pub namespace: String,
    pub workload_kind: String,
    pub workload: String,
}

impl EndpointInfo {
    /// The endpoint that a proxy's own application is.
    pub fn application(address: SocketAddr, identity: &Identity) -> Self {
        let owner = Owner {
            namespace: identity.namespace.clone(),
            workload_kind: identity.workload_kind.clone(),
            workload: identity.workload.clone(),
        };
        Self {
            address,
            owner: Arc::new(owner),
            pod: identity.name.as_str().into(),
            meshed: true,
            identity: None,
        }
    }

    /// An endpoint of which only the address is known.
    pub fn unknown(address: SocketAddr) -> Self {
        Self { address, owner: Arc::default(), pod: Box::default(), meshed: false, identity: None }
    }

    /// Whether the control plane has not heard of who is at the address.
    pub fn is_of_unknown_owner(&self) -> bool {
        self.owner.workload.is_empty() && self.pod.is_empty() && !self.meshed && self.identity.is_none()
    }

    /// None when the endpoint has no usable address. `last_owner` is that of the endpoint before it, and becomes that of this one.
    pub(super) fn from_proto(endpoint: proto::Endpoint, last_owner: &mut Arc<Owner>) -> Option<Self> {
        let address = socket_address(endpoint.address.as_ref()?)?;
        let workload = endpoint.workload.unwrap_or_default();
        let owner =
            Owner { namespace: endpoint.namespace, workload_kind: workload.kind, workload: workload.name };
        if owner != **last_owner {
            *last_owner = Arc::new(owner);
        }
        let owner = Arc::clone(last_owner);
        let identity = Some(endpoint.identity).filter(|identity| !identity.is_empty()).map(Arc::from);
        Some(Self { address, owner, pod: endpoint.pod.into(), meshed: endpoint.meshed, identity })
    }
}

/// None when it is no IP address, or the port is none.
pub(super) fn socket_address(address: &proto::SocketAddress) -> Option<SocketAddr> {
    let ip: IpAddr = address.ip.parse().ok()?;
    let port = u16::try_from(address.port).ok().filter(|port| *port != 0)?;
    Some(SocketAddr::new(ip, port))
}
