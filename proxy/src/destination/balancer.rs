//! The choice of an endpoint: power of two choices.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use super::endpoint::Endpoint;
use crate::random::Random;

/// Of two eligible endpoints at random, the one with less load. When none is eligible, the one whose return is due first: a
/// request that may fail is better than one that does.
pub(super) fn pick<'a>(
    endpoints: &'a [Rc<Endpoint>],
    avoid: &[SocketAddr],
    random: &Random,
) -> Option<&'a Rc<Endpoint>> {
    if let [only] = endpoints
        && only.ejection.is_member()
    {
        return (!avoid.contains(&only.address)).then_some(only);
    }
    let now = Instant::now();
    let first = eligible_from(endpoints, random.below(endpoints.len()), avoid, now);
    let Some((first_index, first)) = first else {
        return due_first(endpoints, avoid);
    };
    let second = another_index(endpoints.len(), first_index, random);
    match eligible_from(endpoints, second, avoid, now) {
        Some((_, second)) if second.load(now) < first.load(now) => Some(second),
        _ => Some(first),
    }
}

fn another_index(count: usize, index: usize, random: &Random) -> usize {
    let other = random.below(count.saturating_sub(1));
    if other < index { other } else { (other + 1) % count }
}

/// The first eligible endpoint from `start` on, round and round.
fn eligible_from<'a>(
    endpoints: &'a [Rc<Endpoint>],
    start: usize,
    avoid: &[SocketAddr],
    now: Instant,
) -> Option<(usize, &'a Rc<Endpoint>)> {
    let (before, from) = endpoints.split_at_checked(start)?;
    (start..)
        .zip(from)
        .chain(before.iter().enumerate())
        .find(|(_, endpoint)| endpoint.ejection.is_eligible(now) && !avoid.contains(&endpoint.address))
}

fn due_first<'a>(endpoints: &'a [Rc<Endpoint>], avoid: &[SocketAddr]) -> Option<&'a Rc<Endpoint>> {
    // One that is being probed is due at once (none sorts first).
    endpoints
        .iter()
        .filter(|endpoint| !avoid.contains(&endpoint.address))
        .min_by_key(|endpoint| endpoint.ejection.due())
}
