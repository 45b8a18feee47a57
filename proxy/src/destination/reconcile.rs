//! Taking over news by their difference: what stays keeps its connections and its estimates.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::{Destination, Endpoint};
use crate::discovery::EndpointInfo;

impl Destination {
    /// Makes `infos` all the endpoints. What is known of who is at an address stays when the news do not say: a control plane
    /// that has just started has not heard of it yet.
    pub(super) fn replace(&self, infos: &[Arc<EndpointInfo>]) {
        self.reconcile(infos, EndpointInfo::is_of_unknown_owner, |_| false);
    }

    /// Takes in and leaves out some endpoints.
    pub(super) fn change(&self, added: &[Arc<EndpointInfo>], removed: &[SocketAddr]) {
        let removed: HashSet<_> = removed.iter().collect();
        self.reconcile(added, |_| false, |address| !removed.contains(address));
    }

    /// News that `says_nothing` of an endpoint that is known correct nothing. Endpoints not in `present` stay when `stays` says so.
    fn reconcile(
        &self,
        present: &[Arc<EndpointInfo>],
        says_nothing: impl Fn(&EndpointInfo) -> bool,
        stays: impl Fn(&SocketAddr) -> bool,
    ) {
        let mut present: HashMap<SocketAddr, &Arc<EndpointInfo>> =
            present.iter().map(|info| (info.address, info)).collect();
        let mut endpoints = self.endpoints.borrow_mut();
        endpoints.retain_mut(|endpoint| match present.remove(&endpoint.address()) {
            Some(info) => {
                if *endpoint.info != **info && !says_nothing(info) {
                    let successor = endpoint.successor(Arc::clone(info), Arc::clone(&self.service));
                    endpoint.retire();
                    *endpoint = Rc::new(successor);
                }
                true
            }
            None => {
                let stays = stays(&endpoint.address());
                if !stays {
                    endpoint.retire();
                }
                stays
            }
        });
        endpoints.extend(present.into_values().map(|info| {
            Rc::new(Endpoint::outbound(Arc::clone(info), Arc::clone(&self.service), Rc::clone(&self.local)))
        }));
        drop(endpoints);
        self.note_endpoints();
    }
}
