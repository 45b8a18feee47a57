//! Whether an endpoint takes part in balancing.
//!
//! An endpoint that fails several times in a row, or takes no connection, is ejected for a while. Then one request probes it:
//! when it succeeds the endpoint is back, otherwise it stays out for twice as long.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::random::Random;

/// So many failures in a row eject an endpoint.
const FAILURES: u32 = 5;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The standing of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Ejection {
    state: Cell<State>,
    failures: Cell<u32>,
    /// Ejections since the endpoint was last in order.
    ejections: Cell<u32>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Member,
    Ejected {
        until: Instant,
    },
    /// One request is on its way to find out. It is early when it went before its time, because there was nobody else to choose.
    Probing {
        is_early: bool,
    },
}

/// Whether a request decides over the endpoint's return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Ordinary,
    Probe,
}

impl Ejection {
    /// True without asking for the time: the endpoint is a member.
    pub fn is_member(&self) -> bool {
        self.state.get() == State::Member
    }

    /// True when the endpoint may be chosen: it is a member, or due for its probe.
    pub fn is_eligible(&self, now: Instant) -> bool {
        match self.state.get() {
            State::Member => true,
            State::Ejected { until } => until <= now,
            State::Probing { .. } => false,
        }
    }

    /// When an ejected endpoint is due; none for one that is a member or being probed.
    pub fn due(&self) -> Option<Instant> {
        match self.state.get() {
            State::Ejected { until } => Some(until),
            State::Member | State::Probing { .. } => None,
        }
    }

    /// A request begins. The first one to an ejected endpoint is the probe.
    pub fn begin(&self, now: Instant) -> Role {
        match self.state.get() {
            State::Ejected { until } => {
                self.state.set(State::Probing { is_early: now < until });
                Role::Probe
            }
            State::Member | State::Probing { .. } => Role::Ordinary,
        }
    }

    /// A probe ended without a result (the client went away): the next request is the probe.
    pub fn abandon_probe(&self, now: Instant) {
        if matches!(self.state.get(), State::Probing { .. }) {
            self.state.set(State::Ejected { until: now });
        }
    }

    pub fn succeed(&self) {
        self.failures.set(0);
        if matches!(self.state.get(), State::Probing { .. }) {
            self.state.set(State::Member);
            self.ejections.set(0);
        }
    }

    /// True when this failure ejects an endpoint that was in order until now.
    pub fn fail(&self, now: Instant, random: &Random) -> bool {
        self.failures.set(self.failures.get().saturating_add(1));
        let is_over = match self.state.get() {
            State::Member => self.failures.get() >= FAILURES,
            State::Probing { .. } => true,
            State::Ejected { .. } => false,
        };
        is_over && self.eject(now, random)
    }

    /// Ejects at once. True when the endpoint was in order until now.
    pub fn refuse(&self, now: Instant, random: &Random) -> bool {
        !matches!(self.state.get(), State::Ejected { .. }) && self.eject(now, random)
    }

    /// True when the endpoint was in order until now.
    fn eject(&self, now: Instant, random: &Random) -> bool {
        let was_member = self.is_member();
        // Early probes say nothing of how long the endpoint has been given, and there may be many of them.
        let is_another = self.state.get() != State::Probing { is_early: true };
        let ejections = self.ejections.get().saturating_add(is_another.into()).max(1);
        let time = SHORTEST.saturating_mul(1 << (ejections - 1).min(10)).min(LONGEST);
        self.ejections.set(ejections);
        self.failures.set(0);
        self.state.set(State::Ejected { until: now + random.jitter(time) });
        was_member
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time for which an endpoint that was ejected at `now` stays out.
    fn time_out(ejection: &Ejection, now: Instant) -> Duration {
        ejection.due().unwrap() - now
    }

    fn refused(now: Instant) -> Ejection {
        let ejection = Ejection::default();
        assert!(ejection.refuse(now, &Random::default()));
        ejection
    }

    #[test]
    fn five_failures_in_a_row_eject_and_a_success_between_them_forgives() {
        let (ejection, random, now) = (Ejection::default(), Random::default(), Instant::now());
        for _ in 0..4 {
            assert!(!ejection.fail(now, &random));
        }
        ejection.succeed();
        for _ in 0..4 {
            assert!(!ejection.fail(now, &random));
        }
        assert!(ejection.is_eligible(now));
        assert!(ejection.fail(now, &random));
        assert!(!ejection.is_eligible(now));
        assert!(ejection.is_eligible(now + Duration::from_secs(2)));
    }

    #[test]
    fn a_refused_connection_ejects_at_once() {
        let now = Instant::now();
        assert!(!refused(now).is_eligible(now));
    }

    #[test]
    fn one_probe_decides_over_the_return() {
        let now = Instant::now();
        let ejection = refused(now);
        let later = now + Duration::from_secs(2);
        assert!(ejection.is_eligible(later));
        assert_eq!(ejection.begin(later), Role::Probe);
        assert!(!ejection.is_eligible(later), "nobody else is sent while the probe is on its way");
        ejection.succeed();
        assert!(ejection.is_member());
        ejection.abandon_probe(later);
        assert!(ejection.is_member(), "the end of a probe that succeeded changes nothing");
    }

    #[test]
    fn a_probe_that_fails_doubles_the_time_out_up_to_a_minute() {
        let (random, mut now) = (Random::default(), Instant::now());
        let ejection = refused(now);
        for expected in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
            let time = time_out(&ejection, now).as_secs_f64();
            assert!((0.75 * expected..=1.25 * expected).contains(&time), "{time} for {expected}");
            now = ejection.due().unwrap();
            assert_eq!(ejection.begin(now), Role::Probe);
            assert!(!ejection.fail(now, &random), "it was out already");
        }
    }

    #[test]
    fn requests_sent_before_the_time_for_want_of_others_do_not_lengthen_it() {
        let (random, now) = (Random::default(), Instant::now());
        let ejection = refused(now);
        for _ in 0..20 {
            ejection.begin(now);
            assert!(!ejection.refuse(now, &random), "it was out already");
        }
        assert!(time_out(&ejection, now) < Duration::from_secs(2));
        ejection.begin(now);
        ejection.succeed();
        assert!(ejection.is_member());
    }

    #[test]
    fn a_probe_without_a_result_makes_room_for_the_next() {
        let now = Instant::now();
        let ejection = refused(now);
        assert_eq!(ejection.begin(now), Role::Probe);
        ejection.abandon_probe(now);
        assert!(ejection.is_eligible(now));
        assert_eq!(ejection.begin(now), Role::Probe);
    }
}
