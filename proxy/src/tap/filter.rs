//! Which requests an observer wants.

use super::request::{Parties, Request};
use crate::direction::Direction;
use crate::proto::{self, DestinationMatch, Peer, TapMatch};

/// True when every field that `filter` sets holds.
pub(super) fn matches(filter: &TapMatch, request: &Request<'_>, parties: &Parties) -> bool {
    is_unset_or(&filter.method, |method| method == request.method)
        && is_unset_or(&filter.path_prefix, |prefix| request.path.starts_with(prefix))
        && is_unset_or(&filter.authority, |authority| request.authority.eq_ignore_ascii_case(authority))
        && is_unset_or(&filter.scheme, |scheme| scheme == request.scheme)
        && direction_matches(filter.direction(), request.direction)
        && filter
            .destination
            .as_ref()
            .is_none_or(|destination| destination_matches(destination, &parties.destination))
}

fn is_unset_or(wanted: &str, holds: impl FnOnce(&str) -> bool) -> bool {
    wanted.is_empty() || holds(wanted)
}

fn direction_matches(wanted: proto::Direction, direction: Direction) -> bool {
    match wanted {
        proto::Direction::Unspecified => true,
        proto::Direction::Inbound => direction == Direction::Inbound,
        proto::Direction::Outbound => direction == Direction::Outbound,
    }
}

fn destination_matches(wanted: &DestinationMatch, destination: &Peer) -> bool {
    let workload = destination.workload.as_ref();
    is_unset_or(&wanted.namespace, |namespace| namespace == destination.namespace)
        && is_unset_or(&wanted.service, |service| service == destination.service)
        && is_unset_or(&wanted.pod, |pod| pod == destination.pod)
        && wanted.workload.as_ref().is_none_or(|wanted| {
            is_unset_or(&wanted.kind, |kind| workload.is_some_and(|workload| workload.kind == kind))
                && is_unset_or(&wanted.name, |name| workload.is_some_and(|workload| workload.name == name))
        })
}
