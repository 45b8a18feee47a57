//! What the workers asked for, and what is known of it. It outlives the stream to the control plane.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use super::update::{Ask, EndpointInfo, Owner, ServiceName, Target, Update, WorkerId, socket_address};
use crate::proto;

/// The subscriptions of all workers, merged: the control plane is asked once a target.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_target: HashMap<Target, Subscription>,
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
        endpoints: Arc<[Arc<EndpointInfo>]>,
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
            Ask::Subscribe { worker, target } => self.subscribe(worker, target),
            Ask::Release { worker, target } => {
                Answer { request: self.release(worker, &target), update: None }
            }
        }
    }

    fn subscribe(&mut self, worker: WorkerId, target: Target) -> Answer {
        let request = (!self.by_target.contains_key(&target)).then(|| subscribe_request(&target));
        let subscription = self.by_target.entry(target.clone()).or_default();
        if !subscription.workers.contains(&worker) {
            subscription.workers.push(worker);
        }
        Answer { request, update: subscription.state.as_update(target) }
    }

    fn release(&mut self, worker: WorkerId, target: &Target) -> Option<proto::DiscoverRequest> {
        let subscription = self.by_target.get_mut(target)?;
        subscription.workers.retain(|other| *other != worker);
        if !subscription.workers.is_empty() {
            return None;
        }
        self.by_target.remove(target);
        Some(unsubscribe_request(target))
    }

    /// The requests that tell a new stream of every subscription.
    pub fn requests(&self) -> impl Iterator<Item = proto::DiscoverRequest> {
        self.by_target.keys().map(subscribe_request)
    }

    /// Takes the state of a target. None when it concerns nobody.
    pub fn take_snapshot(&mut self, snapshot: proto::Snapshot) -> Option<Broadcast> {
        let (target, subscription) = self.find(snapshot.target)?;
        subscription.state = match snapshot.service {
            None => State::Unknown,
            Some(service) => State::Known {
                service: Arc::new(ServiceName { namespace: service.namespace, name: service.name }),
                endpoints: usable(&target, snapshot.endpoints).collect(),
            },
        };
        let update = subscription.state.as_update(target)?;
        Some(Broadcast { workers: subscription.workers.clone(), update })
    }

    /// Takes a change of what is known of a target. None when it concerns nobody.
    pub fn take_change(&mut self, change: proto::Change) -> Option<Broadcast> {
        let (target, subscription) = self.find(change.target)?;
        let State::Known { endpoints, .. } = &mut subscription.state else {
            tracing::warn!(%target, "change of a service that the control plane has not described yet");
            return None;
        };
        let removed: Arc<[SocketAddr]> = change.removed.iter().filter_map(socket_address).collect();
        let added: Arc<[Arc<EndpointInfo>]> = usable(&target, change.added).collect();
        let gone: HashSet<_> = removed.iter().copied().chain(added.iter().map(|info| info.address)).collect();
        let staying = endpoints.iter().filter(|info| !gone.contains(&info.address));
        *endpoints = staying.chain(added.iter()).cloned().collect();
        let update = Update::Change { target, added, removed };
        Some(Broadcast { workers: subscription.workers.clone(), update })
    }

    fn find(&mut self, target: Option<proto::Target>) -> Option<(Target, &mut Subscription)> {
        let target = Target::from_proto(target)?;
        let subscription = self.by_target.get_mut(&target)?;
        Some((target, subscription))
    }
}

impl State {
    fn as_update(&self, target: Target) -> Option<Update> {
        match self {
            Self::Pending => None,
            Self::Unknown => Some(Update::Unknown { target }),
            Self::Known { service, endpoints } => Some(Update::Snapshot {
                target,
                service: Arc::clone(service),
                endpoints: Arc::clone(endpoints),
            }),
        }
    }
}

fn usable(target: &Target, endpoints: Vec<proto::Endpoint>) -> impl Iterator<Item = Arc<EndpointInfo>> {
    let mut last_owner = Arc::<Owner>::default();
    endpoints.into_iter().filter_map(move |endpoint| {
        let address = endpoint.address.clone();
        let info = EndpointInfo::from_proto(endpoint, &mut last_owner);
        if info.is_none() {
            tracing::warn!(%target, ?address, "endpoint without a usable address is left out");
        }
        info.map(Arc::new)
    })
}

fn subscribe_request(target: &Target) -> proto::DiscoverRequest {
    use proto::discover_request::Request;
    proto::DiscoverRequest {
        request: Some(Request::Subscribe(proto::Subscribe { target: Some(target.to_proto()) })),
    }
}

fn unsubscribe_request(target: &Target) -> proto::DiscoverRequest {
    use proto::discover_request::Request;
    proto::DiscoverRequest {
        request: Some(Request::Unsubscribe(proto::Unsubscribe { target: Some(target.to_proto()) })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscribe(subscriptions: &mut Subscriptions, worker: WorkerId) -> Answer {
        subscriptions.ask(Ask::Subscribe { worker, target: "hello".into() })
    }

    fn release(subscriptions: &mut Subscriptions, worker: WorkerId) -> Answer {
        subscriptions.ask(Ask::Release { worker, target: "hello".into() })
    }

    fn address(ip: &str, port: u32) -> proto::SocketAddress {
        proto::SocketAddress { ip: ip.to_owned(), port }
    }

    fn endpoint(port: u32) -> proto::Endpoint {
        proto::Endpoint { address: Some(address("127.0.0.1", port)), ..proto::Endpoint::default() }
    }

    fn snapshot(endpoints: Vec<proto::Endpoint>) -> proto::Snapshot {
        proto::Snapshot {
            target: Some(Target::from("hello").to_proto()),
            service: Some(proto::Service { name: "hello".to_owned(), ..proto::Service::default() }),
            endpoints,
        }
    }

    fn change(added: Vec<proto::Endpoint>, removed: Vec<proto::SocketAddress>) -> proto::Change {
        proto::Change { target: Some(Target::from("hello").to_proto()), added, removed }
    }

    fn ports(update: Option<Update>) -> Vec<u16> {
        match update {
            Some(Update::Snapshot { endpoints, .. }) => {
                endpoints.iter().map(|endpoint| endpoint.address.port()).collect()
            }
            other => panic!("no snapshot: {other:?}"),
        }
    }

    #[test]
    fn the_control_plane_is_asked_once_for_all_workers() {
        let mut subscriptions = Subscriptions::default();
        assert!(subscribe(&mut subscriptions, 0).request.is_some());
        assert!(subscribe(&mut subscriptions, 1).request.is_none());
        assert_eq!(subscriptions.take_snapshot(snapshot(vec![])).unwrap().workers, [0, 1]);
        assert!(release(&mut subscriptions, 0).request.is_none());
        assert!(release(&mut subscriptions, 1).request.is_some());
        assert!(release(&mut subscriptions, 1).request.is_none());
        assert_eq!(subscriptions.requests().count(), 0);
    }

    #[test]
    fn a_later_worker_gets_the_state_with_all_changes() {
        let mut subscriptions = Subscriptions::default();
        assert!(subscribe(&mut subscriptions, 0).update.is_none());
        subscriptions.take_snapshot(snapshot(vec![endpoint(1), endpoint(2)])).unwrap();
        subscriptions.take_change(change(vec![endpoint(3)], vec![address("127.0.0.1", 1)])).unwrap();
        assert_eq!(ports(subscribe(&mut subscriptions, 1).update), [2, 3]);
    }

    #[test]
    fn what_nobody_asked_for_or_makes_no_sense_is_left_out() {
        let mut subscriptions = Subscriptions::default();
        assert!(subscriptions.take_snapshot(snapshot(vec![])).is_none());
        subscribe(&mut subscriptions, 0);
        assert!(subscriptions.take_change(change(vec![endpoint(1)], vec![])).is_none());
        assert!(subscriptions.take_snapshot(proto::Snapshot::default()).is_none());
        let wrong = [address("localhost", 80), address("127.0.0.1", 0), address("127.0.0.1", 70000)];
        let wrong = wrong.map(|address| proto::Endpoint { address: Some(address), ..endpoint(1) });
        let mut endpoints = wrong.to_vec();
        endpoints.push(proto::Endpoint { address: None, ..endpoint(1) });
        endpoints.push(endpoint(5));
        assert_eq!(
            ports(subscriptions.take_snapshot(snapshot(endpoints)).map(|broadcast| broadcast.update)),
            [5]
        );
    }
}
