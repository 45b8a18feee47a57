//! The choice of an endpoint: power of two choices.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use super::endpoint::Endpoint;
use super::local::Local;
use super::window::{Span, Window};
use crate::random::Random;

/// Of two eligible endpoints at random, from among those whose turn it is, the one with less load. When none is eligible, the
/// one whose return is due first: a request that may fail is better than one that does.
pub(super) fn pick<'a>(
    endpoints: &'a [Rc<Endpoint>],
    avoid: &[SocketAddr],
    window: &Window,
    local: &Local,
) -> Option<&'a Rc<Endpoint>> {
    if let [only] = endpoints
        && only.is_member()
    {
        return (!avoid.contains(&only.address())).then_some(only);
    }
    let (now, random) = (Instant::now(), &local.random);
    let span = window.span(endpoints.len(), local.in_flight.get(), now, random);
    let drawn = span.start + random.below(span.length);
    let Some((first_index, first)) = eligible_from(endpoints, drawn, avoid, now) else {
        return due_first(endpoints, avoid);
    };
    let second = another_index(span, first_index, endpoints.len(), random);
    match eligible_from(endpoints, second, avoid, now) {
        Some((_, second)) if second.load(now) < first.load(now) => Some(second),
        _ => Some(first),
    }
}

/// An index of the span other than `index`, which may have been found beyond it.
fn another_index(span: Span, index: usize, count: usize, random: &Random) -> usize {
    let taken = if index < span.start { index + count - span.start } else { index - span.start };
    let other = random.below(span.length.saturating_sub(1));
    span.start + if other < taken { other } else { (other + 1) % span.length }
}

/// The first eligible endpoint from `start` on, round and round; `start` may be a round ahead.
fn eligible_from<'a>(
    endpoints: &'a [Rc<Endpoint>],
    start: usize,
    avoid: &[SocketAddr],
    now: Instant,
) -> Option<(usize, &'a Rc<Endpoint>)> {
    let start = if start < endpoints.len() { start } else { start - endpoints.len() };
    let (before, from) = endpoints.split_at_checked(start)?;
    (start..)
        .zip(from)
        .chain(before.iter().enumerate())
        .find(|(_, endpoint)| endpoint.is_eligible(now) && !avoid.contains(&endpoint.address()))
}

fn due_first<'a>(endpoints: &'a [Rc<Endpoint>], avoid: &[SocketAddr]) -> Option<&'a Rc<Endpoint>> {
    // One that is being probed is due at once (none sorts first).
    endpoints
        .iter()
        .filter(|endpoint| !avoid.contains(&endpoint.address()))
        .min_by_key(|endpoint| endpoint.due())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::discovery::ServiceName;
    use crate::fixture;
    use crate::identity;
    use crate::metrics::Registry;

    fn address(number: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], number))
    }

    fn local() -> Rc<Local> {
        Rc::new(Local::new(Arc::new(fixture::config(&[])), Arc::new(Registry::default()), identity::none()))
    }

    /// Endpoints with the ports 1, 2, 3, ...
    fn endpoints(count: u16) -> Vec<Rc<Endpoint>> {
        let local = local();
        let endpoint = |port| {
            let info = Arc::new(fixture::endpoint(address(port)));
            Rc::new(Endpoint::outbound(info, Arc::new(ServiceName::default()), Rc::clone(&local)))
        };
        (1..=count).map(endpoint).collect()
    }

    /// How often each endpoint's port is chosen in a thousand picks.
    fn picks(endpoints: &[Rc<Endpoint>], avoid: &[SocketAddr]) -> HashMap<u16, usize> {
        let (window, local) = (Window::default(), local());
        let mut picks = HashMap::new();
        for _ in 0..1000 {
            if let Some(endpoint) = pick(endpoints, avoid, &window, &local) {
                *picks.entry(endpoint.address().port()).or_default() += 1;
            }
        }
        picks
    }

    #[test]
    fn equal_endpoints_share_alike() {
        let picks = picks(&endpoints(4), &[]);
        for port in 1..=4 {
            assert!((150..=350).contains(&picks[&port]), "{picks:?}");
        }
    }

    #[test]
    fn a_slow_endpoint_is_chosen_only_when_it_meets_itself() {
        let endpoints = endpoints(3);
        endpoints[0].succeeded(Duration::from_millis(100));
        endpoints[1].succeeded(Duration::from_millis(1));
        endpoints[2].succeeded(Duration::from_millis(1));
        let picks = picks(&endpoints, &[]);
        assert_eq!(picks.get(&1), None, "{picks:?}");
    }

    #[test]
    fn requests_in_flight_count_as_load() {
        let endpoints = endpoints(2);
        endpoints[0].succeeded(Duration::from_millis(10));
        endpoints[1].succeeded(Duration::from_millis(10));
        let busy: Vec<_> = (0..5).map(|_| endpoints[0].begin()).collect();
        assert_eq!(picks(&endpoints, &[]).get(&1), None);
        drop(busy);
        endpoints[1].succeeded(Duration::from_millis(30));
        assert_eq!(picks(&endpoints, &[]).get(&2), None);
    }

    #[test]
    fn an_endpoint_without_an_answer_yet_gets_one_request_at_a_time() {
        let endpoints = endpoints(2);
        endpoints[0].succeeded(Duration::from_secs(1));
        assert_eq!(picks(&endpoints, &[]).get(&1), None);
        let _first = endpoints[1].begin();
        assert_eq!(picks(&endpoints, &[]).get(&2), None);
    }

    #[test]
    fn ejected_endpoints_and_those_tried_before_are_left_out() {
        let endpoints = endpoints(4);
        endpoints[1].connect_failed();
        let picks = picks(&endpoints, &[address(3)]);
        assert_eq!((picks.get(&2), picks.get(&3)), (None, None));
        assert_eq!(picks[&1] + picks[&4], 1000);
    }

    #[test]
    fn when_all_are_ejected_one_is_chosen_all_the_same() {
        let endpoints = endpoints(3);
        for endpoint in &endpoints {
            endpoint.connect_failed();
        }
        let due_first = endpoints.iter().min_by_key(|endpoint| endpoint.due()).unwrap();
        assert_eq!(picks(&endpoints, &[])[&due_first.address().port()], 1000);
        assert_eq!(picks(&endpoints, &[address(1), address(2)])[&3], 1000);
    }

    #[test]
    fn of_many_endpoints_any_two_of_those_whose_turn_it_is_are_compared() {
        let endpoints = endpoints(65);
        endpoints[0].succeeded(Duration::from_secs(1));
        endpoints[1..].iter().for_each(|endpoint| endpoint.succeeded(Duration::from_millis(1)));
        let (window, local) = (Window::default(), local());
        for _ in 0..10_000 {
            let chosen = pick(&endpoints, &[], &window, &local).unwrap();
            assert_ne!(chosen.address().port(), 1);
        }
    }

    #[test]
    fn where_none_is_eligible_whose_turn_it_is_another_is_chosen() {
        let endpoints = endpoints(1000);
        endpoints[1..].iter().for_each(|endpoint| endpoint.connect_failed());
        assert_eq!(picks(&endpoints, &[])[&1], 1000);
    }

    #[test]
    fn there_is_nothing_to_choose_from_none_or_only_from_those_to_avoid() {
        assert!(picks(&endpoints(0), &[]).is_empty());
        assert!(picks(&endpoints(1), &[address(1)]).is_empty());
        assert!(picks(&endpoints(2), &[address(1), address(2)]).is_empty());
    }
}
