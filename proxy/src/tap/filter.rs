//! Which requests an observer wants.

use super::request::Request;
use crate::destination::Endpoint;
use crate::direction::Direction;
use crate::proto::{self, DestinationMatch, TapMatch};

/// True when every field that `filter` sets holds. Asked of every request while somebody watches, so it allocates nothing.
pub(super) fn matches(filter: &TapMatch, request: &Request<'_>) -> bool {
    is_unset_or(&filter.method, |method| method == request.method)
        && is_unset_or(&filter.path_prefix, |prefix| request.path.starts_with(prefix))
        && is_unset_or(&filter.authority, |authority| request.authority.eq_ignore_ascii_case(authority))
        && is_unset_or(&filter.scheme, |scheme| scheme == request.scheme)
        && direction_matches(filter.direction(), request.direction)
        && filter
            .destination
            .as_ref()
            .is_none_or(|destination| destination_matches(destination, request.endpoint))
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

/// Of a request without an endpoint nothing is known that could be asked for.
fn destination_matches(wanted: &DestinationMatch, endpoint: Option<&Endpoint>) -> bool {
    let (kind, name) =
        wanted.workload.as_ref().map_or(("", ""), |wanted| (wanted.kind.as_str(), wanted.name.as_str()));
    let holds = |wanted: &str, known: fn(&Endpoint) -> &str| {
        is_unset_or(wanted, |wanted| endpoint.is_some_and(|endpoint| known(endpoint) == wanted))
    };
    holds(&wanted.namespace, |endpoint| &endpoint.info.owner.namespace)
        && holds(&wanted.service, |endpoint| &endpoint.service.name)
        && holds(&wanted.pod, |endpoint| &endpoint.info.pod)
        && holds(kind, |endpoint| &endpoint.info.owner.workload_kind)
        && holds(name, |endpoint| &endpoint.info.owner.workload)
}
