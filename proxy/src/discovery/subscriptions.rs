//! What the workers asked for, and what is known of it. It outlives the stream to the control plane.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use super::update::{Ask, EndpointInfo, ServiceName, Update, WorkerId, socket_address};
use crate::proto;

/// The subscriptions of all workers, merged: the control plane is asked once an authority.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_authority: HashMap<Arc<str>, Subscription>,
}

#[derive(Debug, Default)]
struct Subscription {
    workers: Vec<WorkerId>,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// The control plane has not answered yet.
    #[default]
    Pending,
    Unknown,
    Known {
        service: Arc<ServiceName>,
        endpoints: BTreeMap<SocketAddr, Arc<EndpointInfo>>,
    },
}

/// What an `Ask` leads to.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// To be sent to the control plane.
    pub request: Option<proto::DiscoverRequest>,
    /// To be sent to the worker that asked.
    pub update: Option<Update>,
}

/// An update for some workers.
#[derive(Debug)]
pub(super) struct Broadcast {
    pub workers: Vec<WorkerId>,
    pub update: Update,
}

impl Subscriptions {
    pub fn ask(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Subscribe { worker, authority } => self.subscribe(worker, authority),
            Ask::Release { worker, authority } => {
                Answer { request: self.release(worker, &authority), update: None }
            }
        }
    }

    fn subscribe(&mut self, worker: WorkerId, authority: Arc<str>) -> Answer {
        let request = (!self.by_authority.contains_key(&authority)).then(|| subscribe_request(&authority));
        let subscription = self.by_authority.entry(Arc::clone(&authority)).or_default();
        if !subscription.workers.contains(&worker) {
            subscription.workers.push(worker);
        }
        Answer { request, update: subscription.state.as_update(authority) }
    }

    fn release(&mut self, worker: WorkerId, authority: &Arc<str>) -> Option<proto::DiscoverRequest> {
        let subscription = self.by_authority.get_mut(authority)?;
        subscription.workers.retain(|other| *other != worker);
        if !subscription.workers.is_empty() {
            return None;
        }
        self.by_authority.remove(authority);
        Some(unsubscribe_request(authority))
    }

    /// The requests that tell a new stream of every subscription.
    pub fn requests(&self) -> impl Iterator<Item = proto::DiscoverRequest> {
        self.by_authority.keys().map(|authority| subscribe_request(authority))
    }

    /// Takes what the control plane said. None when it concerns nobody.
    pub fn take(&mut self, response: proto::DiscoverResponse) -> Option<Broadcast> {
        use proto::discover_response::Response;
        match response.response? {
            Response::Snapshot(snapshot) => self.take_snapshot(snapshot),
            Response::Change(change) => self.take_change(change),
        }
    }

    fn take_snapshot(&mut self, snapshot: proto::Snapshot) -> Option<Broadcast> {
        let (authority, subscription) = self.find(snapshot.target)?;
        subscription.state = match snapshot.service {
            None => State::Unknown,
            Some(service) => State::Known {
                service: Arc::new(ServiceName { namespace: service.namespace, name: service.name }),
                endpoints: usable(&authority, snapshot.endpoints).map(|info| (info.address, info)).collect(),
            },
        };
        let update = subscription.state.as_update(authority)?;
        Some(Broadcast { workers: subscription.workers.clone(), update })
    }

    fn take_change(&mut self, change: proto::Change) -> Option<Broadcast> {
        let (authority, subscription) = self.find(change.target)?;
        let State::Known { endpoints, .. } = &mut subscription.state else {
            tracing::warn!(%authority, "change of a service that the control plane has not described yet");
            return None;
        };
        let removed: Arc<[SocketAddr]> = change.removed.iter().filter_map(socket_address).collect();
        let added: Arc<[Arc<EndpointInfo>]> = usable(&authority, change.added).collect();
        for address in removed.iter() {
            endpoints.remove(address);
        }
        endpoints.extend(added.iter().map(|info| (info.address, Arc::clone(info))));
        let update = Update::Change { authority, added, removed };
        Some(Broadcast { workers: subscription.workers.clone(), update })
    }

    fn find(&mut self, target: Option<proto::Target>) -> Option<(Arc<str>, &mut Subscription)> {
        let proto::target::Target::Authority(authority) = target?.target?;
        let key = Arc::clone(self.by_authority.get_key_value(authority.as_str())?.0);
        let subscription = self.by_authority.get_mut(&key)?;
        Some((key, subscription))
    }
}

impl State {
    fn as_update(&self, authority: Arc<str>) -> Option<Update> {
        match self {
            Self::Pending => None,
            Self::Unknown => Some(Update::Unknown { authority }),
            Self::Known { service, endpoints } => Some(Update::Snapshot {
                authority,
                service: Arc::clone(service),
                endpoints: endpoints.values().cloned().collect(),
            }),
        }
    }
}

fn usable(authority: &str, endpoints: Vec<proto::Endpoint>) -> impl Iterator<Item = Arc<EndpointInfo>> {
    endpoints.into_iter().filter_map(move |endpoint| {
        let address = endpoint.address.clone();
        let info = EndpointInfo::from_proto(endpoint);
        if info.is_none() {
            tracing::warn!(authority, ?address, "endpoint without a usable address is left out");
        }
        info.map(Arc::new)
    })
}

fn target(authority: &str) -> Option<proto::Target> {
    Some(proto::Target { target: Some(proto::target::Target::Authority(authority.to_owned())) })
}

fn subscribe_request(authority: &str) -> proto::DiscoverRequest {
    use proto::discover_request::Request;
    proto::DiscoverRequest {
        request: Some(Request::Subscribe(proto::Subscribe { target: target(authority) })),
    }
}

fn unsubscribe_request(authority: &str) -> proto::DiscoverRequest {
    use proto::discover_request::Request;
    proto::DiscoverRequest {
        request: Some(Request::Unsubscribe(proto::Unsubscribe { target: target(authority) })),
    }
}
