//! How many requests to a service may be sent a second time.

use std::cell::Cell;

/// One request more may be sent again for so many that were sent.
const REQUESTS_A_RETRY: u32 = 5;
/// So many retries are saved up at most, and are there from the start: as many as may be under way at an endpoint that ends.
const MOST: u32 = 200;

/// Lets requests be sent again, but not so many that a service which fails as a whole gets much more to do.
#[derive(Debug)]
pub struct RetryBudget {
    /// Retries that are left, in shares of a request.
    shares: Cell<u32>,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { shares: Cell::new(MOST * REQUESTS_A_RETRY) }
    }
}

impl RetryBudget {
    /// A request is sent for the first time.
    pub fn earn(&self) {
        self.shares.set((self.shares.get() + 1).min(MOST * REQUESTS_A_RETRY));
    }

    /// A request is to be sent again. False when too many were.
    pub fn spend(&self) -> bool {
        let left = self.shares.get().checked_sub(REQUESTS_A_RETRY);
        left.inspect(|left| self.shares.set(*left)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many retries are left.
    fn spent(budget: &RetryBudget) -> u32 {
        (0..).find(|_| !budget.spend()).unwrap_or_default()
    }

    #[test]
    fn what_fails_as_a_whole_gets_a_fifth_more() {
        let budget = RetryBudget::default();
        assert_eq!(spent(&budget), MOST);
        (0..100).for_each(|_| budget.earn());
        assert_eq!(spent(&budget), 20);
    }

    #[test]
    fn no_more_is_saved_up_than_at_the_start() {
        let budget = RetryBudget::default();
        (0..10_000).for_each(|_| budget.earn());
        assert_eq!(spent(&budget), MOST);
    }
}
